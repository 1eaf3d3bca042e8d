func.func @conv2d(%in: tensor<3x4x14x19xf32>, %weight: tensor<5x4x6x7xf32>, %bias: tensor<5xf32>) -> tensor<3x5x9x13xf32> {
  %empty = tensor.empty() : tensor<3x5x9x13xf32>
  %zero = arith.constant 0.0 : f32
  %nothing = linalg.fill ins(%zero : f32) outs(%empty : tensor<3x5x9x13xf32>) -> tensor<3x5x9x13xf32>
  %start = linalg.broadcast ins(%bias : tensor<5xf32>) outs(%empty : tensor<3x5x9x13xf32>) dimensions = [0, 2, 3]
  %out = linalg.conv_2d_nchw_fchw ins(%in, %weight : tensor<3x4x14x19xf32>, tensor<5x4x6x7xf32>)
    outs(%start : tensor<3x5x9x13xf32>) -> tensor<3x5x9x13xf32>
  return %out : tensor<3x5x9x13xf32>
}
