module {
  func.func @quantized(%A: memref<6x9xi8>, %B: memref<9x5xi8>, %C: memref<6x5xi8>, %zero: i32) {
    %c0_i32 = arith.constant 0 : i32
    %c7_i32 = arith.constant 7 : i32
    %c127 = arith.constant 127 : i32
    %cm128 = arith.constant -128 : i32
    affine.for %i = 0 to 6 {
      affine.for %j = 0 to 5 {
        %0 = affine.for %k = 0 to 9 iter_args(%acc = %c0_i32) -> (i32) {
          %5 = affine.load %A[%i, %k] : memref<6x9xi8>
          %6 = affine.load %B[%k, %j] : memref<9x5xi8>
          %7 = arith.extsi %5 : i8 to i32
          %8 = arith.extui %6 : i8 to i32
          %9 = arith.subi %7, %zero : i32
          %10 = arith.muli %9, %8 : i32
          %11 = arith.addi %acc, %10 : i32
          affine.yield %11 : i32
        }
        %1 = arith.shrsi %0, %c7_i32 : i32
        %2 = arith.minsi %1, %c127 : i32
        %3 = arith.maxsi %2, %cm128 : i32
        %4 = arith.trunci %3 : i32 to i8
        affine.store %4, %C[%i, %j] : memref<6x5xi8>
      }
    }
    return
  }
  func.func @bits(%n: i32, %k: i32, %x: memref<?xi32>, %y: memref<?xi32>, %z: memref<?xf64>) {
    %c5 = arith.constant 5 : i32
    %c3 = arith.constant 3 : i32
    %true = arith.constant true
    %cm1 = arith.constant -1 : i32
    %0 = arith.index_cast %n : i32 to index
    affine.for %i = 0 to %0 {
      %1 = affine.load %x[%i] : memref<?xi32>
      %2 = arith.divsi %1, %c5 : i32
      %3 = arith.remsi %1, %c5 : i32
      %4 = arith.divui %1, %c5 : i32
      %5 = arith.shrui %1, %c3 : i32
      %6 = arith.xori %2, %3 : i32
      %7 = arith.addi %4, %5 : i32
      %8 = arith.ori %6, %7 : i32
      %9 = arith.cmpi ult, %1, %k : i32
      %10 = arith.xori %9, %true : i1
      %11 = arith.select %10, %8, %cm1 : i32
      affine.store %11, %y[%i] : memref<?xi32>
      %12 = arith.extui %9 : i1 to i64
      %13 = arith.extsi %9 : i1 to i64
      %14 = arith.shli %1, %c3 : i32
      %15 = arith.extsi %14 : i32 to i64
      %16 = arith.addi %12, %13 : i64
      %17 = arith.addi %16, %15 : i64
      %18 = arith.uitofp %1 : i32 to f64
      %19 = arith.sitofp %17 : i64 to f64
      %20 = arith.addf %18, %19 : f64
      %21 = arith.fptosi %20 : f64 to i64
      %22 = arith.sitofp %21 : i64 to f64
      affine.store %22, %z[%i] : memref<?xf64>
    }
    return
  }
}
