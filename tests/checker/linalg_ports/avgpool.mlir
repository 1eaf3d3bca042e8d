func.func @avgpool(%in: tensor<5x13x17xf32>) -> tensor<5x6x8xf32> {
  %zero = arith.constant 0.0 : f32
  %nine = arith.constant 9.0 : f32
  %batch = tensor.expand_shape %in [[0, 1], [2], [3]] output_shape [1, 5, 13, 17] : tensor<5x13x17xf32> into tensor<1x5x13x17xf32>
  %window = tensor.empty() : tensor<3x3xf32>
  %empty = tensor.empty() : tensor<1x5x6x8xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x5x6x8xf32>) -> tensor<1x5x6x8xf32>
  %sums = linalg.pooling_nchw_sum {strides = dense<2> : vector<2xi64>}
    ins(%batch, %window : tensor<1x5x13x17xf32>, tensor<3x3xf32>) outs(%start : tensor<1x5x6x8xf32>) -> tensor<1x5x6x8xf32>
  %image = tensor.collapse_shape %sums [[0, 1], [2], [3]] : tensor<1x5x6x8xf32> into tensor<5x6x8xf32>
  %image0 = tensor.empty() : tensor<5x6x8xf32>
  %count = linalg.fill ins(%nine : f32) outs(%image0 : tensor<5x6x8xf32>) -> tensor<5x6x8xf32>
  %out = arith.divf %image, %count : tensor<5x6x8xf32>
  return %out : tensor<5x6x8xf32>
}
