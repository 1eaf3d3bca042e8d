// size: steps = 3
// A loop that carries both lines; the inner part of each is a sum of three windows.
#all = affine_map<(i) -> (i)>
func.func private @relax(%from: tensor<9xf64>, %into: tensor<9xf64>) -> tensor<9xf64> {
  %third = arith.constant 0.33333333333333331 : f64
  %left = tensor.extract_slice %from[0] [7] [1] : tensor<9xf64> to tensor<7xf64>
  %here = tensor.extract_slice %from[1] [7] [1] : tensor<9xf64> to tensor<7xf64>
  %right = tensor.extract_slice %from[2] [7] [1] : tensor<9xf64> to tensor<7xf64>
  %empty = tensor.empty() : tensor<7xf64>
  %sum = linalg.generic {indexing_maps = [#all, #all, #all, #all], iterator_types = ["parallel"]}
    ins(%left, %here, %right : tensor<7xf64>, tensor<7xf64>, tensor<7xf64>) outs(%empty : tensor<7xf64>) {
  ^bb0(%l: f64, %h: f64, %r: f64, %init: f64):
    %0 = arith.addf %l, %h : f64
    %1 = arith.addf %0, %r : f64
    %2 = arith.mulf %third, %1 : f64
    linalg.yield %2 : f64
  } -> tensor<7xf64>
  %out = tensor.insert_slice %sum into %into[1] [7] [1] : tensor<7xf64> into tensor<9xf64>
  return %out : tensor<9xf64>
}
func.func @jacobi_1d(%a: tensor<9xf64>, %b: tensor<9xf64>) -> (tensor<9xf64>, tensor<9xf64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %steps = arith.constant 3 : index
  %out:2 = scf.for %t = %c0 to %steps step %c1 iter_args(%x = %a, %y = %b) -> (tensor<9xf64>, tensor<9xf64>) {
    %y1 = func.call @relax(%x, %y) : (tensor<9xf64>, tensor<9xf64>) -> tensor<9xf64>
    %x1 = func.call @relax(%y1, %x) : (tensor<9xf64>, tensor<9xf64>) -> tensor<9xf64>
    scf.yield %x1, %y1 : tensor<9xf64>, tensor<9xf64>
  }
  return %out#0, %out#1 : tensor<9xf64>, tensor<9xf64>
}
