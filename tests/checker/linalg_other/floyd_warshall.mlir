// Row and column k are windows at the loop's counter.
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>
func.func @floyd_warshall(%d: tensor<6x6xi32>) -> tensor<6x6xi32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 6 : index
  %out = scf.for %k = %c0 to %n step %c1 iter_args(%now = %d) -> (tensor<6x6xi32>) {
    %to = tensor.extract_slice %now[0, %k] [6, 1] [1, 1] : tensor<6x6xi32> to tensor<6xi32>
    %from = tensor.extract_slice %now[%k, 0] [1, 6] [1, 1] : tensor<6x6xi32> to tensor<6xi32>
    %next = linalg.generic {indexing_maps = [#row, #column, #all], iterator_types = ["parallel", "parallel"]}
      ins(%to, %from : tensor<6xi32>, tensor<6xi32>) outs(%now : tensor<6x6xi32>) {
    ^bb0(%a: i32, %b: i32, %c: i32):
      %0 = arith.addi %a, %b : i32
      %1 = arith.minsi %c, %0 : i32
      linalg.yield %1 : i32
    } -> tensor<6x6xi32>
    scf.yield %next : tensor<6x6xi32>
  }
  return %out : tensor<6x6xi32>
}
