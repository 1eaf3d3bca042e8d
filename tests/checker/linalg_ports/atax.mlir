func.func @atax(%A: tensor<5x7xf64>, %x: tensor<7xf64>) -> tensor<7xf64> {
  %zero = arith.constant 0.0 : f64
  %m = tensor.empty() : tensor<5xf64>
  %n = tensor.empty() : tensor<7xf64>
  %m0 = linalg.fill ins(%zero : f64) outs(%m : tensor<5xf64>) -> tensor<5xf64>
  %n0 = linalg.fill ins(%zero : f64) outs(%n : tensor<7xf64>) -> tensor<7xf64>
  %t = linalg.matvec ins(%A, %x : tensor<5x7xf64>, tensor<7xf64>) outs(%m0 : tensor<5xf64>) -> tensor<5xf64>
  %y = linalg.vecmat ins(%t, %A : tensor<5xf64>, tensor<5x7xf64>) outs(%n0 : tensor<7xf64>) -> tensor<7xf64>
  return %y : tensor<7xf64>
}
