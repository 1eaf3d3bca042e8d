func.func @doitgen(%A: tensor<3x4x5xf64>, %C4: tensor<5x5xf64>) -> tensor<3x4x5xf64> {
  %zero = arith.constant 0.0 : f64
  %rows = tensor.collapse_shape %A [[0, 1], [2]] : tensor<3x4x5xf64> into tensor<12x5xf64>
  %empty = tensor.empty() : tensor<12x5xf64>
  %start = linalg.fill ins(%zero : f64) outs(%empty : tensor<12x5xf64>) -> tensor<12x5xf64>
  %product = linalg.matmul ins(%rows, %C4 : tensor<12x5xf64>, tensor<5x5xf64>) outs(%start : tensor<12x5xf64>) -> tensor<12x5xf64>
  %out = tensor.expand_shape %product [[0, 1], [2]] output_shape [3, 4, 5] : tensor<12x5xf64> into tensor<3x4x5xf64>
  return %out : tensor<3x4x5xf64>
}
