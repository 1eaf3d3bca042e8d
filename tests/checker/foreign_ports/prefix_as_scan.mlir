// As lax.scan prints a running sum: xs and ys are indexed by a counter that may be negative, for all it knows.
module @jit_prefix attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<9xf64>) -> (tensor<9xf64> {jax.result_info = "result"}) {
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<f64>
    %0 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f64>) -> tensor<9xf64>
    %c = stablehlo.constant dense<0> : tensor<i32>
    %1:4 = stablehlo.while(%iterArg = %arg0, %iterArg_0 = %c, %iterArg_1 = %cst, %iterArg_2 = %0) : tensor<9xf64>, tensor<i32>, tensor<f64>, tensor<9xf64>
     cond {
      %c_3 = stablehlo.constant dense<9> : tensor<i32>
      %2 = stablehlo.compare LT, %iterArg_0, %c_3, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %2 : tensor<i1>
    } do {
      %c_3 = stablehlo.constant dense<0> : tensor<i32>
      %2 = stablehlo.compare LT, %iterArg_0, %c_3, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
      %c_4 = stablehlo.constant dense<9> : tensor<i32>
      %3 = stablehlo.add %iterArg_0, %c_4 : tensor<i32>
      %4 = stablehlo.select %2, %3, %iterArg_0 : tensor<i1>, tensor<i32>
      %5 = stablehlo.dynamic_slice %iterArg, %4, sizes = [1] : (tensor<9xf64>, tensor<i32>) -> tensor<1xf64>
      %6 = stablehlo.reshape %5 : (tensor<1xf64>) -> tensor<f64>
      %7 = stablehlo.add %iterArg_1, %6 : tensor<f64>
      %8 = stablehlo.broadcast_in_dim %7, dims = [] : (tensor<f64>) -> tensor<1xf64>
      %9 = stablehlo.dynamic_update_slice %iterArg_2, %8, %4 : (tensor<9xf64>, tensor<1xf64>, tensor<i32>) -> tensor<9xf64>
      %c_5 = stablehlo.constant dense<1> : tensor<i32>
      %10 = stablehlo.add %iterArg_0, %c_5 : tensor<i32>
      stablehlo.return %iterArg, %10, %7, %9 : tensor<9xf64>, tensor<i32>, tensor<f64>, tensor<9xf64>
    }
    return %1#3 : tensor<9xf64>
  }
}
