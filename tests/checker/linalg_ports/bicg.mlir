// The C function walks over A with one pointer.
func.func @bicg(%matrix: tensor<5x7xf64>, %r: tensor<5xf64>, %p: tensor<7xf64>) -> (tensor<7xf64>, tensor<5xf64>) {
  %zero = arith.constant 0.0 : f64
  %m0 = tensor.empty() : tensor<7xf64>
  %n0 = tensor.empty() : tensor<5xf64>
  %m = linalg.fill ins(%zero : f64) outs(%m0 : tensor<7xf64>) -> tensor<7xf64>
  %n = linalg.fill ins(%zero : f64) outs(%n0 : tensor<5xf64>) -> tensor<5xf64>
  %s = linalg.vecmat ins(%r, %matrix : tensor<5xf64>, tensor<5x7xf64>) outs(%m : tensor<7xf64>) -> tensor<7xf64>
  %q = linalg.matvec ins(%matrix, %p : tensor<5x7xf64>, tensor<7xf64>) outs(%n : tensor<5xf64>) -> tensor<5xf64>
  return %s, %q : tensor<7xf64>, tensor<5xf64>
}
