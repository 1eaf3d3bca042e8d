// The lower triangle alone, by a mask on indices.
#left = affine_map<(i, j, k) -> (i, k)>
#right = affine_map<(i, j, k) -> (j, k)>
#out = affine_map<(i, j, k) -> (i, j)>
#all = affine_map<(i, j) -> (i, j)>
func.func @syrk(%alpha: f64, %beta: f64, %C: tensor<6x6xf64>, %A: tensor<6x4xf64>) -> tensor<6x6xf64> {
  %zero = arith.constant 0.0 : f64
  %empty = tensor.empty() : tensor<6x6xf64>
  %start = linalg.fill ins(%zero : f64) outs(%empty : tensor<6x6xf64>) -> tensor<6x6xf64>
  %AA = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%A, %A : tensor<6x4xf64>, tensor<6x4xf64>) outs(%start : tensor<6x6xf64>) {
  ^bb0(%a: f64, %b: f64, %c: f64):
    %0 = arith.mulf %a, %b : f64
    %1 = arith.addf %c, %0 : f64
    linalg.yield %1 : f64
  } -> tensor<6x6xf64>
  %out = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
    ins(%AA : tensor<6x6xf64>) outs(%C : tensor<6x6xf64>) {
  ^bb0(%aa: f64, %c: f64):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %lower = arith.cmpi sle, %j, %i : index
    %0 = arith.mulf %alpha, %aa : f64
    %1 = arith.mulf %beta, %c : f64
    %2 = arith.addf %0, %1 : f64
    %3 = arith.select %lower, %2, %c : f64
    linalg.yield %3 : f64
  } -> tensor<6x6xf64>
  return %out : tensor<6x6xf64>
}
