#set = affine_set<(d0)[s0] : (d0 mod 2 == 0, s0 - d0 - 2 >= 0)>
module {
  func.func @dot(%n: i32, %x: memref<?xf64>, %y: memref<?xf64>) -> f64 {
    %cst = arith.constant 0.000000e+00 : f64
    %0 = arith.index_cast %n : i32 to index
    %1 = affine.for %i = 0 to %0 iter_args(%sum = %cst) -> (f64) {
      %2 = affine.load %x[%i] : memref<?xf64>
      %3 = affine.load %y[%i] : memref<?xf64>
      %4 = arith.mulf %2, %3 : f64
      %5 = arith.addf %sum, %4 : f64
      affine.yield %5 : f64
    }
    return %1 : f64
  }
  func.func @fibonacci(%n: index) -> i64 {
    %c0 = arith.constant 0 : i64
    %c1 = arith.constant 1 : i64
    %0:2 = affine.for %i = 0 to %n iter_args(%a = %c0, %b = %c1) -> (i64, i64) {
      %1 = arith.addi %a, %b : i64
      affine.yield %b, %1 : i64, i64
    }
    return %0#0 : i64
  }
  func.func @atax(%m: i32, %n: i32, %A: memref<?x?xf64>, %x: memref<?xf64>, %y: memref<?xf64>) {
    %cst = arith.constant 0.000000e+00 : f64
    %0 = arith.index_cast %n : i32 to index
    %1 = arith.index_cast %m : i32 to index
    %alloc = memref.alloca() : memref<1xf64>
    affine.for %i = 0 to %0 {
      affine.store %cst, %y[%i] : memref<?xf64>
    }
    affine.for %i = 0 to %1 {
      %2 = affine.for %j = 0 to %0 iter_args(%t = %cst) -> (f64) {
        %3 = affine.load %A[%i, %j] : memref<?x?xf64>
        %4 = affine.load %x[%j] : memref<?xf64>
        %5 = arith.mulf %3, %4 : f64
        %6 = arith.addf %t, %5 : f64
        affine.yield %6 : f64
      }
      affine.store %2, %alloc[0] : memref<1xf64>
      affine.for %j = 0 to %0 {
        %3 = affine.load %y[%j] : memref<?xf64>
        %4 = affine.load %A[%i, %j] : memref<?x?xf64>
        %5 = affine.load %alloc[0] : memref<1xf64>
        %6 = arith.mulf %4, %5 : f64
        %7 = arith.addf %3, %6 : f64
        affine.store %7, %y[%j] : memref<?xf64>
      }
    }
    return
  }
  func.func @guarded(%n: index, %x: memref<?xf64>) -> f64 {
    %cst = arith.constant 1.000000e+00 : f64
    %0 = affine.for %i = 0 to %n iter_args(%p = %cst) -> (f64) {
      %1 = affine.load %x[%i] : memref<?xf64>
      %2 = affine.if #set(%i)[%n] -> f64 {
        %3 = affine.load %x[%i + 1] : memref<?xf64>
        %4 = arith.mulf %p, %3 : f64
        affine.yield %4 : f64
      } else {
        %3 = arith.subf %p, %1 : f64
        affine.yield %3 : f64
      }
      affine.yield %2 : f64
    }
    return %0 : f64
  }
  func.func @parallel(%n: index, %x: memref<?xf32>, %y: memref<?x?xf32>) -> f32 {
    %0:2 = affine.parallel (%i, %j) = (0, 1) to (%n, 9) step (1, 2) reduce ("addf", "maximumf") -> (f32, f32) {
      %1 = affine.load %x[%i] : memref<?xf32>
      %2 = affine.load %y[%i, %j] : memref<?x?xf32>
      %3 = arith.mulf %1, %2 : f32
      affine.yield %3, %2 : f32, f32
    }
    %4 = arith.addf %0#0, %0#1 : f32
    return %4 : f32
  }
}
