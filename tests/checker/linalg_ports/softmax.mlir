#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @softmax(%x: tensor<5x7xf32>) -> tensor<5x7xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %rows = tensor.empty() : tensor<5xf32>
  %low = linalg.fill ins(%lowest : f32) outs(%rows : tensor<5xf32>) -> tensor<5xf32>
  %none = linalg.fill ins(%zero : f32) outs(%rows : tensor<5xf32>) -> tensor<5xf32>
  %largest = linalg.reduce {arith.maximumf} ins(%x : tensor<5x7xf32>) outs(%low : tensor<5xf32>) dimensions = [1]
  %empty = tensor.empty() : tensor<5x7xf32>
  %powers = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
    ins(%x, %largest : tensor<5x7xf32>, tensor<5xf32>) outs(%empty : tensor<5x7xf32>) {
  ^bb0(%v: f32, %m: f32, %init: f32):
    %0 = arith.subf %v, %m : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> tensor<5x7xf32>
  %sum = linalg.reduce {arith.addf} ins(%powers : tensor<5x7xf32>) outs(%none : tensor<5xf32>) dimensions = [1]
  %wide = linalg.broadcast ins(%sum : tensor<5xf32>) outs(%empty : tensor<5x7xf32>) dimensions = [1]
  %out = linalg.div ins(%powers, %wide : tensor<5x7xf32>, tensor<5x7xf32>) outs(%empty : tensor<5x7xf32>) -> tensor<5x7xf32>
  return %out : tensor<5x7xf32>
}
