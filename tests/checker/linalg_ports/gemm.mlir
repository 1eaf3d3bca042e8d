// C := alpha A B + beta C, with a named product.
func.func @gemm(%alpha: f64, %beta: f64, %C: tensor<5x6xf64>, %A: tensor<5x7xf64>, %B: tensor<7x6xf64>) -> tensor<5x6xf64> {
  %zero = arith.constant 0.0 : f64
  %empty = tensor.empty() : tensor<5x6xf64>
  %start = linalg.fill ins(%zero : f64) outs(%empty : tensor<5x6xf64>) -> tensor<5x6xf64>
  %AB = linalg.matmul ins(%A, %B : tensor<5x7xf64>, tensor<7x6xf64>) outs(%start : tensor<5x6xf64>) -> tensor<5x6xf64>
  %out = linalg.map ins(%AB, %C : tensor<5x6xf64>, tensor<5x6xf64>) outs(%empty : tensor<5x6xf64>)
    (%ab: f64, %c: f64, %init: f64) {
      %0 = arith.mulf %alpha, %ab : f64
      %1 = arith.mulf %beta, %c : f64
      %2 = arith.addf %0, %1 : f64
      linalg.yield %2 : f64
    }
  return %out : tensor<5x6xf64>
}
