#map = affine_map<(d0) -> (d0)>
module {
  func.func @covariance(%m: i32, %n: i32, %float_n: f64, %data: memref<?x?xf64>, %cov: memref<?x?xf64>, %mean: memref<?xf64>) {
    %cst = arith.constant 1.000000e+00 : f64
    %cst_0 = arith.constant 0.000000e+00 : f64
    %0 = arith.index_cast %n : i32 to index
    %1 = arith.index_cast %m : i32 to index
    affine.for %j = 0 to %1 {
      affine.store %cst_0, %mean[%j] : memref<?xf64>
      affine.for %i = 0 to %0 {
        %5 = affine.load %data[%i, %j] : memref<?x?xf64>
        %6 = affine.load %mean[%j] : memref<?xf64>
        %7 = arith.addf %6, %5 : f64
        affine.store %7, %mean[%j] : memref<?xf64>
      }
      %3 = affine.load %mean[%j] : memref<?xf64>
      %4 = arith.divf %3, %float_n : f64
      affine.store %4, %mean[%j] : memref<?xf64>
    }
    affine.for %i = 0 to %0 {
      affine.for %j = 0 to %1 {
        %3 = affine.load %mean[%j] : memref<?xf64>
        %4 = affine.load %data[%i, %j] : memref<?x?xf64>
        %5 = arith.subf %4, %3 : f64
        affine.store %5, %data[%i, %j] : memref<?x?xf64>
      }
    }
    %2 = arith.subf %float_n, %cst : f64
    affine.for %i = 0 to %1 {
      affine.for %j = #map(%i) to %1 {
        affine.store %cst_0, %cov[%i, %j] : memref<?x?xf64>
        affine.for %k = 0 to %0 {
          %5 = affine.load %data[%k, %i] : memref<?x?xf64>
          %6 = affine.load %data[%k, %j] : memref<?x?xf64>
          %7 = arith.mulf %5, %6 : f64
          %8 = affine.load %cov[%i, %j] : memref<?x?xf64>
          %9 = arith.addf %8, %7 : f64
          affine.store %9, %cov[%i, %j] : memref<?x?xf64>
        }
        %3 = affine.load %cov[%i, %j] : memref<?x?xf64>
        %4 = arith.divf %3, %2 : f64
        affine.store %4, %cov[%i, %j] : memref<?x?xf64>
        affine.store %4, %cov[%j, %i] : memref<?x?xf64>
      }
    }
    return
  }
}
