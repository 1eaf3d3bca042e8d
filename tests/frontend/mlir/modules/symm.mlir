// The accumulator that the source keeps in a scalar is carried by the loop, as after mem2reg.
#map = affine_map<(d0) -> (d0)>
module {
  func.func @symm(%m: i32, %n: i32, %alpha: f64, %beta: f64, %C: memref<?x?xf64>, %A: memref<?x?xf64>, %B: memref<?x?xf64>) {
    %cst = arith.constant 0.000000e+00 : f64
    %0 = arith.index_cast %n : i32 to index
    %1 = arith.index_cast %m : i32 to index
    affine.for %i = 0 to %1 {
      affine.for %j = 0 to %0 {
        %2 = affine.for %k = 0 to #map(%i) iter_args(%temp2 = %cst) -> (f64) {
          %12 = affine.load %B[%i, %j] : memref<?x?xf64>
          %13 = arith.mulf %alpha, %12 : f64
          %14 = affine.load %A[%i, %k] : memref<?x?xf64>
          %15 = arith.mulf %13, %14 : f64
          %16 = affine.load %C[%k, %j] : memref<?x?xf64>
          %17 = arith.addf %16, %15 : f64
          affine.store %17, %C[%k, %j] : memref<?x?xf64>
          %18 = affine.load %B[%k, %j] : memref<?x?xf64>
          %19 = affine.load %A[%i, %k] : memref<?x?xf64>
          %20 = arith.mulf %18, %19 : f64
          %21 = arith.addf %temp2, %20 : f64
          affine.yield %21 : f64
        }
        %3 = affine.load %C[%i, %j] : memref<?x?xf64>
        %4 = arith.mulf %beta, %3 : f64
        %5 = affine.load %B[%i, %j] : memref<?x?xf64>
        %6 = arith.mulf %alpha, %5 : f64
        %7 = affine.load %A[%i, %i] : memref<?x?xf64>
        %8 = arith.mulf %6, %7 : f64
        %9 = arith.addf %4, %8 : f64
        %10 = arith.mulf %alpha, %2 : f64
        %11 = arith.addf %9, %10 : f64
        affine.store %11, %C[%i, %j] : memref<?x?xf64>
      }
    }
    return
  }
}
