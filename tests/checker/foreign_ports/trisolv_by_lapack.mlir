// A solver that only its own library knows.
module @jit_trisolv {
  func.func public @main(%L: tensor<6x6xf64>, %b: tensor<6xf64>) -> tensor<6xf64> {
    %0 = stablehlo.custom_call @lapack_dtrsm_ffi(%L, %b) {api_version = 4 : i32} : (tensor<6x6xf64>, tensor<6xf64>) -> tensor<6xf64>
    return %0 : tensor<6xf64>
  }
}
