// Centred data, covariances and means are all results.
#data = affine_map<(i, j) -> (i, j)>
#mean = affine_map<(i, j) -> (j)>
#left = affine_map<(i, j, k) -> (k, i)>
#right = affine_map<(i, j, k) -> (k, j)>
#out = affine_map<(i, j, k) -> (i, j)>
func.func @covariance(%data: tensor<13x5xf64>) -> (tensor<13x5xf64>, tensor<5x5xf64>, tensor<5xf64>) {
  %zero = arith.constant 0.0 : f64
  %n = arith.constant 13.0 : f64
  %n1 = arith.constant 12.0 : f64
  %vector = tensor.empty() : tensor<5xf64>
  %start = linalg.fill ins(%zero : f64) outs(%vector : tensor<5xf64>) -> tensor<5xf64>
  %sum = linalg.reduce {arith.addf} ins(%data : tensor<13x5xf64>) outs(%start : tensor<5xf64>) dimensions = [0]
  %mean = linalg.map ins(%sum : tensor<5xf64>) outs(%vector : tensor<5xf64>) (%s: f64, %init: f64) {
    %0 = arith.divf %s, %n : f64
    linalg.yield %0 : f64
  }
  %centred = linalg.generic {indexing_maps = [#mean, #data], iterator_types = ["parallel", "parallel"]}
    ins(%mean : tensor<5xf64>) outs(%data : tensor<13x5xf64>) {
  ^bb0(%m: f64, %d: f64):
    %0 = arith.subf %d, %m : f64
    linalg.yield %0 : f64
  } -> tensor<13x5xf64>
  %square = tensor.empty() : tensor<5x5xf64>
  %none = linalg.fill ins(%zero : f64) outs(%square : tensor<5x5xf64>) -> tensor<5x5xf64>
  %products = linalg.contract indexing_maps = [#left, #right, #out]
    ins(%centred, %centred : tensor<13x5xf64>, tensor<13x5xf64>) outs(%none : tensor<5x5xf64>) -> tensor<5x5xf64>
  %cov = linalg.map ins(%products : tensor<5x5xf64>) outs(%square : tensor<5x5xf64>) (%p: f64, %init: f64) {
    %0 = arith.divf %p, %n1 : f64
    linalg.yield %0 : f64
  }
  return %centred, %cov, %mean : tensor<13x5xf64>, tensor<5x5xf64>, tensor<5xf64>
}
