// A sum over k > i: the mask is in the reduction itself, which keeps what it had.
#matrix = affine_map<(i, j, k) -> (k, i)>
#right = affine_map<(i, j, k) -> (k, j)>
#out = affine_map<(i, j, k) -> (i, j)>
func.func @trmm(%alpha: f64, %A: tensor<5x5xf64>, %B: tensor<5x6xf64>) -> tensor<5x6xf64> {
  %sum = linalg.generic {indexing_maps = [#matrix, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%A, %B : tensor<5x5xf64>, tensor<5x6xf64>) outs(%B : tensor<5x6xf64>) {
  ^bb0(%a: f64, %b: f64, %c: f64):
    %i = linalg.index 0 : index
    %k = linalg.index 2 : index
    %below = arith.cmpi sgt, %k, %i : index
    %0 = arith.mulf %a, %b : f64
    %1 = arith.addf %c, %0 : f64
    %2 = arith.select %below, %1, %c : f64
    linalg.yield %2 : f64
  } -> tensor<5x6xf64>
  %empty = tensor.empty() : tensor<5x6xf64>
  %factor = linalg.fill ins(%alpha : f64) outs(%empty : tensor<5x6xf64>) -> tensor<5x6xf64>
  %out = arith.mulf %factor, %sum : tensor<5x6xf64>
  return %out : tensor<5x6xf64>
}
