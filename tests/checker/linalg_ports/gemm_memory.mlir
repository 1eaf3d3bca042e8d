// kernel: gemm
// The same on memory, as bufferization leaves it: C is scaled in place, and the product accumulates into it.
#rows = affine_map<(i, j, k) -> (i, k)>
#columns = affine_map<(i, j, k) -> (k, j)>
#out = affine_map<(i, j, k) -> (i, j)>
#all = affine_map<(i, j) -> (i, j)>
module {
  func.func @gemm(%alpha: f64, %beta: f64, %C: memref<5x6xf64>, %A: memref<5x7xf64>, %B: memref<7x6xf64>) {
    linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%C : memref<5x6xf64>) {
    ^bb0(%c: f64):
      %scaled = arith.mulf %c, %beta : f64
      linalg.yield %scaled : f64
    }
    linalg.generic {indexing_maps = [#rows, #columns, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%A, %B : memref<5x7xf64>, memref<7x6xf64>) outs(%C : memref<5x6xf64>) {
    ^bb0(%a: f64, %b: f64, %c: f64):
      %0 = arith.mulf %alpha, %a : f64
      %1 = arith.mulf %0, %b : f64
      %2 = arith.addf %c, %1 : f64
      linalg.yield %2 : f64
    }
    return
  }
}
