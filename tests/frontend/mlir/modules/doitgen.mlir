module {
  func.func @doitgen(%arg0: i32, %arg1: i32, %arg2: i32, %A: memref<?x5x7xf64>, %C4: memref<?x7xf64>, %sum: memref<?xf64>) {
    %cst = arith.constant 0.000000e+00 : f64
    affine.for %r = 0 to 4 {
      affine.for %q = 0 to 5 {
        affine.for %p = 0 to 7 {
          affine.store %cst, %sum[%p] : memref<?xf64>
          affine.for %s = 0 to 7 {
            %0 = affine.load %A[%r, %q, %s] : memref<?x5x7xf64>
            %1 = affine.load %C4[%s, %p] : memref<?x7xf64>
            %2 = arith.mulf %0, %1 : f64
            %3 = affine.load %sum[%p] : memref<?xf64>
            %4 = arith.addf %3, %2 : f64
            affine.store %4, %sum[%p] : memref<?xf64>
          }
        }
        affine.for %p = 0 to 7 {
          %0 = affine.load %sum[%p] : memref<?xf64>
          affine.store %0, %A[%r, %q, %p] : memref<?x5x7xf64>
        }
      }
    }
    return
  }
}
