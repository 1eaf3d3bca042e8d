#map = affine_map<(d0) -> (d0 + 1)>
module {
  func.func @trmm(%m: i32, %n: i32, %alpha: f32, %A: memref<?x19xf32>, %B: memref<?x23xf32>) {
    affine.for %i = 0 to 19 {
      affine.for %j = 0 to 23 {
        affine.for %k = #map(%i) to 19 {
          %3 = affine.load %A[%k, %i] : memref<?x19xf32>
          %4 = affine.load %B[%k, %j] : memref<?x23xf32>
          %5 = arith.mulf %3, %4 : f32
          %6 = affine.load %B[%i, %j] : memref<?x23xf32>
          %7 = arith.addf %6, %5 : f32
          affine.store %7, %B[%i, %j] : memref<?x23xf32>
        }
        %1 = affine.load %B[%i, %j] : memref<?x23xf32>
        %2 = arith.mulf %alpha, %1 : f32
        affine.store %2, %B[%i, %j] : memref<?x23xf32>
      }
    }
    return
  }
}
