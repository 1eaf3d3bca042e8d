// Two products that start from what is there.
#matrix = affine_map<(i, j) -> (i, j)>
#turned = affine_map<(i, j) -> (j, i)>
#column = affine_map<(i, j) -> (j)>
#row = affine_map<(i, j) -> (i)>
func.func @mvt(%x1: tensor<6xf64>, %x2: tensor<6xf64>, %y1: tensor<6xf64>, %y2: tensor<6xf64>, %A: tensor<6x6xf64>)
    -> (tensor<6xf64>, tensor<6xf64>) {
  %first = linalg.contract indexing_maps = [#matrix, #column, #row]
    ins(%A, %y1 : tensor<6x6xf64>, tensor<6xf64>) outs(%x1 : tensor<6xf64>) -> tensor<6xf64>
  %second = linalg.generic {indexing_maps = [#turned, #column, #row], iterator_types = ["parallel", "reduction"]}
    ins(%A, %y2 : tensor<6x6xf64>, tensor<6xf64>) outs(%x2 : tensor<6xf64>) {
  ^bb0(%a: f64, %y: f64, %x: f64):
    %0 = arith.mulf %a, %y : f64
    %1 = arith.addf %0, %x : f64
    linalg.yield %1 : f64
  } -> tensor<6xf64>
  return %first, %second : tensor<6xf64>, tensor<6xf64>
}
