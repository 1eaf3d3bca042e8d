#all = affine_map<(n, c, i) -> (n, c, i)>
#channel = affine_map<(n, c, i) -> (c)>
func.func @batchnorm(%eps: f32, %x: tensor<2x3x5xf32>, %gamma: tensor<3xf32>, %beta: tensor<3xf32>, %mean: tensor<3xf32>,
    %var: tensor<3xf32>) -> tensor<2x3x5xf32> {
  %out = linalg.generic {indexing_maps = [#channel, #channel, #channel, #channel, #all],
      iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%gamma, %beta, %mean, %var : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
    outs(%x : tensor<2x3x5xf32>) {
  ^bb0(%g: f32, %b: f32, %m: f32, %v: f32, %value: f32):
    %0 = arith.addf %v, %eps : f32
    %1 = math.sqrt %0 : f32
    %2 = arith.divf %g, %1 : f32
    %3 = arith.subf %value, %m : f32
    %4 = arith.mulf %3, %2 : f32
    %5 = arith.addf %4, %b : f32
    linalg.yield %5 : f32
  } -> tensor<2x3x5xf32>
  return %out : tensor<2x3x5xf32>
}
