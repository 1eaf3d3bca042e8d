module attributes {dlti.dl_spec = #dlti.dl_spec<#dlti.dl_entry<"dlti.endianness", "little">, #dlti.dl_entry<i64, dense<64> : vector<2xi32>>, #dlti.dl_entry<f64, dense<64> : vector<2xi32>>>, llvm.data_layout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-f80:128-n8:16:32:64-S128", llvm.target_triple = "x86_64-unknown-linux-gnu", "polygeist.target-cpu" = "x86-64", "polygeist.tune-cpu" = "generic"} {
  func.func @gemm(%arg0: i32, %arg1: i32, %arg2: i32, %alpha: f64, %beta: f64, %C: memref<?x37xf64>, %A: memref<?x41xf64>, %B: memref<?x37xf64>) attributes {llvm.linkage = #llvm.linkage<external>} {
    %0 = arith.index_cast %arg2 : i32 to index
    %1 = arith.index_cast %arg1 : i32 to index
    %2 = arith.index_cast %arg0 : i32 to index
    affine.for %arg8 = 0 to %2 {
      affine.for %arg9 = 0 to %1 {
        %3 = affine.load %C[%arg8, %arg9] : memref<?x37xf64>
        %4 = arith.mulf %3, %beta : f64
        affine.store %4, %C[%arg8, %arg9] : memref<?x37xf64>
      }
      affine.for %arg9 = 0 to %0 {
        affine.for %arg10 = 0 to %1 {
          %3 = affine.load %A[%arg8, %arg9] : memref<?x41xf64>
          %4 = arith.mulf %alpha, %3 : f64
          %5 = affine.load %B[%arg9, %arg10] : memref<?x37xf64>
          %6 = arith.mulf %4, %5 : f64
          %7 = affine.load %C[%arg8, %arg10] : memref<?x37xf64>
          %8 = arith.addf %7, %6 : f64
          affine.store %8, %C[%arg8, %arg10] : memref<?x37xf64>
        }
      }
    }
    return
  }
}
