func.func @maxpool(%in: tensor<5x12x16xf32>) -> tensor<5x6x8xf32> {
  %lowest = arith.constant 0xFF800000 : f32
  %batch = tensor.expand_shape %in [[0, 1], [2], [3]] output_shape [1, 5, 12, 16] : tensor<5x12x16xf32> into tensor<1x5x12x16xf32>
  %window = tensor.empty() : tensor<2x2xf32>
  %empty = tensor.empty() : tensor<1x5x6x8xf32>
  %start = linalg.fill ins(%lowest : f32) outs(%empty : tensor<1x5x6x8xf32>) -> tensor<1x5x6x8xf32>
  %best = linalg.pooling_nchw_max {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
    ins(%batch, %window : tensor<1x5x12x16xf32>, tensor<2x2xf32>) outs(%start : tensor<1x5x6x8xf32>) -> tensor<1x5x6x8xf32>
  %out = tensor.collapse_shape %best [[0, 1], [2], [3]] : tensor<1x5x6x8xf32> into tensor<5x6x8xf32>
  return %out : tensor<5x6x8xf32>
}
