module {
  func.func @smooth(%n: i32, %x: memref<?xf64>) -> memref<?xf64> {
    %0 = arith.index_cast %n : i32 to index
    %cst = arith.constant 5.000000e-01 : f64
    %undef = llvm.mlir.undef : f64
    %old = memref.alloc(%0) : memref<?xf64>
    %scalar = memref.alloca() : memref<f64>
    affine.store %undef, %scalar[] : memref<f64>
    memref.copy %x, %old : memref<?xf64> to memref<?xf64>
    %view = memref.cast %old : memref<?xf64> to memref<?xf64>
    affine.for %i = 1 to %0 {
      %1 = affine.load %view[%i - 1] : memref<?xf64>
      affine.store %1, %scalar[] : memref<f64>
      %2 = affine.load %view[%i] : memref<?xf64>
      %3 = affine.load %scalar[] : memref<f64>
      %4 = arith.addf %2, %3 : f64
      %5 = arith.mulf %4, %cst : f64
      affine.store %5, %x[%i] : memref<?xf64>
    }
    return %old : memref<?xf64>
  }
  func.func @swap(%n: index, %x: memref<?xf64>, %y: memref<?xf64>) {
    affine.for %i = 0 to %n {
      %0 = affine.load %x[%i] : memref<?xf64>
      %1 = affine.load %y[%i] : memref<?xf64>
      affine.store %1, %x[%i] : memref<?xf64>
      affine.store %0, %y[%i] : memref<?xf64>
    }
    return
  }
  func.func @prefix(%n: index, %x: memref<?xf64>, %y: memref<?xf64>) -> f64 {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %first = affine.load %x[0] : memref<?xf64>
    %twice = arith.addf %first, %first : f64
    affine.for %i = 1 to %n {
      %0 = affine.load %x[%i - 1] : memref<?xf64>
      %1 = affine.load %x[%i] : memref<?xf64>
      %2 = arith.addf %0, %1 : f64
      affine.store %2, %x[%i] : memref<?xf64>
      affine.store %0, %y[%i] : memref<?xf64>
      affine.store %first, %x[0] : memref<?xf64>
      affine.store %twice, %x[0] : memref<?xf64>
    }
    return %first : f64
  }
  func.func @extents(%x: memref<?x?xf64>, %y: memref<?xf64>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %d0 = memref.dim %x, %c0 : memref<?x?xf64>
    %d1 = memref.dim %x, %c1 : memref<?x?xf64>
    affine.for %i = 0 to %d0 {
      affine.for %j = 0 to %d1 {
        %a = affine.load %x[%i, %j] : memref<?x?xf64>
        %b = affine.load %y[%i] : memref<?xf64>
        %c = affine.load %y[%j] : memref<?xf64>
        %d = arith.mulf %a, %b : f64
        %e = arith.mulf %d, %c : f64
        affine.store %e, %x[%i, %j] : memref<?x?xf64>
      }
    }
    return
  }
}
