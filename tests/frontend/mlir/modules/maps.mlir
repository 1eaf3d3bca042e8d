#even = affine_set<(d0) : (d0 mod 2 == 0)>
#square = affine_set<(d0, d1)[s0] : (d0 - 1 >= 0, d1 - 1 >= 0, s0 - d0 - 2 >= 0, s0 - d1 - 2 >= 0)>
#floor = affine_map<(d0) -> (d0 floordiv 2)>
#ceil = affine_map<()[s0] -> (s0 ceildiv 3)>
#tile_end = affine_map<(d0)[s0] -> (d0 + 4, s0)>
module {
  func.func @upsample(%n: index, %x: memref<?x?xf32>, %y: memref<?x?xf32>) {
    affine.for %i = 0 to affine_map<()[s0] -> (s0 * 2)>()[%n] {
      affine.for %j = 0 to affine_map<()[s0] -> (s0 * 3)>()[%n] {
        %0 = affine.load %x[%i floordiv 2, %j floordiv 3] : memref<?x?xf32>
        %1 = affine.apply #floor(%i)
        %2 = arith.index_cast %1 : index to i32
        %3 = arith.sitofp %2 : i32 to f32
        %4 = arith.addf %0, %3 : f32
        affine.store %4, %y[%i, %j] : memref<?x?xf32>
      }
    }
    return
  }
  func.func @interleave(%n: index, %x: memref<?xi32>, %y: memref<?xi32>) {
    %c3 = arith.constant 3 : i32
    affine.for %i = 0 to %n {
      %0 = affine.load %x[(%i * 7 + 3) mod 5] : memref<?xi32>
      affine.if #even(%i) {
        affine.store %0, %y[%i] : memref<?xi32>
      } else {
        %1 = arith.muli %0, %c3 : i32
        affine.store %1, %y[%i] : memref<?xi32>
      }
    }
    return
  }
  func.func @border(%n: index, %x: memref<?x?xf64>) {
    %cst = arith.constant 0.000000e+00 : f64
    affine.for %i = 0 to %n {
      affine.for %j = 0 to %n {
        affine.if #square(%i, %j)[%n] {
        } else {
          affine.store %cst, %x[%i, %j] : memref<?x?xf64>
        }
      }
    }
    return
  }
  func.func @tiled(%n: index, %x: memref<?xf64>, %y: memref<?xf64>) {
    affine.for %i = 0 to %n step 4 {
      affine.for %j = affine_map<(d0) -> (d0)>(%i) to min #tile_end(%i)[%n] {
        %0 = affine.load %x[%j] : memref<?xf64>
        %1 = arith.mulf %0, %0 : f64
        affine.store %1, %y[-%j + symbol(%n) - 1] : memref<?xf64>
      }
    }
    affine.for %i = max affine_map<()[s0] -> (0, s0 - 3)>()[%n] to #ceil()[%n] {
      %0 = affine.load %y[%i] : memref<?xf64>
      %1 = arith.negf %0 : f64
      affine.store %1, %y[%i] : memref<?xf64>
    }
    return
  }
  func.func @clamped(%n: index, %x: memref<?xf64>, %y: memref<?xf64>) {
    affine.for %i = 0 to %n {
      %0 = affine.max affine_map<(d0) -> (0, d0 - 2)>(%i)
      %1 = affine.min affine_map<(d0)[s0] -> (s0, d0 + 3)>(%i)[%n]
      %c1 = arith.constant 1 : index
      %cst = arith.constant 0.000000e+00 : f64
      %2 = scf.for %j = %0 to %1 step %c1 iter_args(%sum = %cst) -> (f64) {
        %3 = memref.load %x[%j] : memref<?xf64>
        %4 = arith.addf %sum, %3 : f64
        scf.yield %4 : f64
      }
      %5 = arith.subi %1, %0 : index
      %6 = arith.index_cast %5 : index to i64
      %7 = arith.sitofp %6 : i64 to f64
      %8 = arith.divf %2, %7 : f64
      affine.store %8, %y[%i] : memref<?xf64>
    }
    return
  }
}
