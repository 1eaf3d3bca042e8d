// out[x, h - 1 - y] = in[y, x], read element by element.
#all = affine_map<(x, y) -> (x, y)>
func.func @rotate(%image: tensor<6x7xi32>) -> tensor<7x6xi32> {
  %empty = tensor.empty() : tensor<7x6xi32>
  %out = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%empty : tensor<7x6xi32>) {
  ^bb0(%init: i32):
    %x = linalg.index 0 : index
    %y = linalg.index 1 : index
    %last = arith.constant 5 : index
    %row = arith.subi %last, %y : index
    %value = tensor.extract %image[%row, %x] : tensor<6x7xi32>
    linalg.yield %value : i32
  } -> tensor<7x6xi32>
  return %out : tensor<7x6xi32>
}
