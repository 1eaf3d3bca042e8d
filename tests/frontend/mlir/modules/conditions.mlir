module {
  func.func private @sqrt(f64) -> f64
  func.func private @fmaxf(f32, f32) -> f32
  func.func @relu(%n: i32, %m: i32, %x: memref<?x?xf32>, %y: memref<?x?xf32>) {
    %cst = arith.constant 0.000000e+00 : f32
    %0 = arith.index_cast %m : i32 to index
    %1 = arith.index_cast %n : i32 to index
    affine.for %i = 0 to %1 {
      affine.for %j = 0 to %0 {
        %2 = affine.load %x[%i, %j] : memref<?x?xf32>
        %3 = arith.cmpf ogt, %2, %cst : f32
        %4 = scf.if %3 -> (f32) {
          %5 = affine.load %x[%i, %j] : memref<?x?xf32>
          scf.yield %5 : f32
        } else {
          scf.yield %cst : f32
        }
        affine.store %4, %y[%i, %j] : memref<?x?xf32>
      }
    }
    return
  }
  func.func @argmax(%n: i32, %x: memref<?xf64>, %best: memref<1xf64>) -> i32 {
    %c0 = arith.constant 0 : i32
    %0 = arith.index_cast %n : i32 to index
    %1 = affine.load %x[0] : memref<?xf64>
    affine.store %1, %best[0] : memref<1xf64>
    %2 = affine.for %i = 1 to %0 iter_args(%at = %c0) -> (i32) {
      %3 = arith.index_cast %i : index to i32
      %4 = affine.load %x[%i] : memref<?xf64>
      %5 = affine.load %best[0] : memref<1xf64>
      %6 = arith.cmpf ogt, %4, %5 : f64
      %7 = scf.if %6 -> (i32) {
        %8 = affine.load %x[%i] : memref<?xf64>
        affine.store %8, %best[0] : memref<1xf64>
        scf.yield %3 : i32
      } else {
        scf.yield %at : i32
      }
      affine.yield %7 : i32
    }
    return %2 : i32
  }
  func.func @triangle(%n: i32, %x: memref<?x?xf64>) {
    %cst = arith.constant 0.000000e+00 : f64
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %0 = arith.index_cast %n : i32 to index
    scf.for %i = %c0 to %0 step %c1 {
      scf.for %j = %c0 to %0 step %c1 {
        %1 = arith.cmpi slt, %i, %j : index
        %2 = memref.load %x[%i, %j] : memref<?x?xf64>
        %3 = arith.cmpf ult, %2, %cst : f64
        %4 = arith.andi %1, %3 : i1
        scf.if %4 {
          %5 = arith.subi %j, %c1 : index
          %6 = memref.load %x[%i, %5] : memref<?x?xf64>
          %7 = func.call @sqrt(%6) : (f64) -> f64
          memref.store %7, %x[%i, %j] : memref<?x?xf64>
        } else {
          %5 = arith.addf %2, %2 : f64
          memref.store %5, %x[%i, %j] : memref<?x?xf64>
          %6 = arith.cmpi eq, %i, %j : index
          scf.if %6 {
            memref.store %cst, %x[%i, %j] : memref<?x?xf64>
          }
        }
      }
    }
    return
  }
  func.func @softmax(%n: index, %x: memref<?xf32>) {
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %0 = affine.for %i = 0 to %n iter_args(%m = %cst_0) -> (f32) {
      %2 = affine.load %x[%i] : memref<?xf32>
      %3 = func.call @fmaxf(%m, %2) : (f32, f32) -> f32
      affine.yield %3 : f32
    }
    %1 = affine.for %i = 0 to %n iter_args(%sum = %cst) -> (f32) {
      %2 = affine.load %x[%i] : memref<?xf32>
      %3 = arith.subf %2, %0 : f32
      %4 = math.exp %3 : f32
      affine.store %4, %x[%i] : memref<?xf32>
      %5 = arith.addf %sum, %4 : f32
      affine.yield %5 : f32
    }
    affine.for %i = 0 to %n {
      %2 = affine.load %x[%i] : memref<?xf32>
      %3 = arith.divf %2, %1 : f32
      affine.store %3, %x[%i] : memref<?xf32>
    }
    return
  }
}
