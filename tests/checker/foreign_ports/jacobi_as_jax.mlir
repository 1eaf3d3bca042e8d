#loc1 = loc("x")
// As jax.jit prints a fori_loop: locations, sharding, a call in the loop, .at[1:-1].set as a scatter.
module @jit_jacobi attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<9xf64> {mhlo.sharding = "{replicated}"} loc("a"), %arg1: tensor<9xf64> loc("b")) -> (tensor<9xf64> {jax.result_info = "[0]"}, tensor<9xf64> {jax.result_info = "[1]"}) {
    %c = stablehlo.constant dense<0> : tensor<i32> loc(#loc1)
    %0:3 = stablehlo.while(%iterArg = %c, %iterArg_0 = %arg0, %iterArg_1 = %arg1) : tensor<i32>, tensor<9xf64>, tensor<9xf64>
     cond {
      %c_2 = stablehlo.constant dense<3> : tensor<i32>
      %1 = stablehlo.compare LT, %iterArg, %c_2, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %1 : tensor<i1>
    } do {
      %1:2 = func.call @None(%iterArg, %iterArg_0, %iterArg_1) : (tensor<i32>, tensor<9xf64>, tensor<9xf64>) -> (tensor<9xf64>, tensor<9xf64>)
      %c_2 = stablehlo.constant dense<1> : tensor<i32>
      %2 = stablehlo.add %iterArg, %c_2 : tensor<i32>
      stablehlo.return %2, %1#0, %1#1 : tensor<i32>, tensor<9xf64>, tensor<9xf64>
    }
    %3 = stablehlo.custom_call @Sharding(%0#1) {mhlo.sharding = "{replicated}"} : (tensor<9xf64>) -> tensor<9xf64>
    return %3, %0#2 : tensor<9xf64>, tensor<9xf64>
  }
  func.func private @None(%arg0: tensor<i32>, %arg1: tensor<9xf64>, %arg2: tensor<9xf64>) -> (tensor<9xf64>, tensor<9xf64>) {
    %0 = call @relax(%arg1, %arg2) : (tensor<9xf64>, tensor<9xf64>) -> tensor<9xf64>
    %1 = call @relax(%0, %arg1) : (tensor<9xf64>, tensor<9xf64>) -> tensor<9xf64>
    return %1, %0 : tensor<9xf64>, tensor<9xf64>
  }
  func.func private @relax(%from: tensor<9xf64>, %into: tensor<9xf64>) -> tensor<9xf64> {
    %cst = stablehlo.constant dense<0.33333333333333331> : tensor<f64>
    %l = stablehlo.slice %from [0:7] : (tensor<9xf64>) -> tensor<7xf64>
    %h = stablehlo.slice %from [1:8] : (tensor<9xf64>) -> tensor<7xf64>
    %r = stablehlo.slice %from [2:9] : (tensor<9xf64>) -> tensor<7xf64>
    %0 = stablehlo.add %l, %h : tensor<7xf64>
    %1 = stablehlo.add %0, %r : tensor<7xf64>
    %2 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f64>) -> tensor<7xf64>
    %3 = stablehlo.multiply %2, %1 : tensor<7xf64>
    %c = stablehlo.constant dense<1> : tensor<1xi32>
    %4 = "stablehlo.scatter"(%into, %c, %3) <{indices_are_sorted = true, scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [0], scatter_dims_to_operand_dims = [0]>, unique_indices = true}> ({
    ^bb0(%a: tensor<f64>, %b: tensor<f64>):
      stablehlo.return %b : tensor<f64>
    }) : (tensor<9xf64>, tensor<1xi32>, tensor<7xf64>) -> tensor<9xf64>
    return %4 : tensor<9xf64>
  }
}
