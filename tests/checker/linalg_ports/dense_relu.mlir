// Named ops as they were spelled some years ago.
func.func @dense_relu(%samples: tensor<3x5xf32>, %weights: tensor<4x5xf32>, %bias: tensor<4xf32>) -> tensor<3x4xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<3x4xf32>
  %start = linalg.broadcast ins(%bias : tensor<4xf32>) outs(%empty : tensor<3x4xf32>) dimensions = [0]
  %sums = linalg.matmul_transpose_b ins(%samples, %weights : tensor<3x5xf32>, tensor<4x5xf32>) outs(%start : tensor<3x4xf32>) -> tensor<3x4xf32>
  %none = linalg.fill ins(%zero : f32) outs(%empty : tensor<3x4xf32>) -> tensor<3x4xf32>
  %y = linalg.max ins(%sums, %none : tensor<3x4xf32>, tensor<3x4xf32>) outs(%empty : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}
