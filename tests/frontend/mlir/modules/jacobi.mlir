#map = affine_map<()[s0] -> (s0 - 1)>
module {
  func.func @jacobi_1d(%tsteps: i32, %n: i32, %A: memref<?xf64>, %B: memref<?xf64>) {
    %cst = arith.constant 3.333300e-01 : f64
    %0 = arith.index_cast %n : i32 to index
    %1 = arith.index_cast %tsteps : i32 to index
    affine.for %t = 0 to %1 {
      affine.for %i = 1 to #map()[%0] {
        %2 = affine.load %A[%i - 1] : memref<?xf64>
        %3 = affine.load %A[%i] : memref<?xf64>
        %4 = arith.addf %2, %3 : f64
        %5 = affine.load %A[%i + 1] : memref<?xf64>
        %6 = arith.addf %4, %5 : f64
        %7 = arith.mulf %6, %cst : f64
        affine.store %7, %B[%i] : memref<?xf64>
      }
      affine.for %i = 1 to #map()[%0] {
        %2 = affine.load %B[%i - 1] : memref<?xf64>
        %3 = affine.load %B[%i] : memref<?xf64>
        %4 = arith.addf %2, %3 : f64
        %5 = affine.load %B[%i + 1] : memref<?xf64>
        %6 = arith.addf %4, %5 : f64
        %7 = arith.mulf %6, %cst : f64
        affine.store %7, %A[%i] : memref<?xf64>
      }
    }
    return
  }
  func.func @seidel(%n: index, %A: memref<?x?xf64>) {
    %cst = arith.constant 3.000000e+00 : f64
    affine.for %i = 1 to #map()[%n] {
      affine.for %j = 1 to #map()[%n] {
        %0 = affine.load %A[%i - 1, %j] : memref<?x?xf64>
        %1 = affine.load %A[%i, %j - 1] : memref<?x?xf64>
        %2 = affine.load %A[%i, %j] : memref<?x?xf64>
        %3 = arith.addf %0, %1 : f64
        %4 = arith.addf %3, %2 : f64
        %5 = arith.divf %4, %cst : f64
        affine.store %5, %A[%i, %j] : memref<?x?xf64>
      }
    }
    return
  }
}
