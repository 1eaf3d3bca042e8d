"""Single ops of Linalg modules: operand types, and the text that makes `%out` of `%0`, `%1`, ..."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OneOp:
    """`lines` define `%out`. Types are those of the operands and of `%out`."""

    name: str
    operands: tuple[str, ...]
    result: str
    lines: str

    @property
    def module(self) -> str:
        arguments = ", ".join(f"%{k}: {type}" for k, type in enumerate(self.operands))
        return f"func.func @one({arguments}) -> {self.result} {{\n{self.lines}\n  return %out : {self.result}\n}}\n"


def _structured(name: str, operands: tuple[str, ...], result: str, op: str = "", rest: str = "") -> OneOp:
    """An op that accumulates into its last operand, which has the result's type."""
    inputs = ", ".join(f"%{k}" for k in range(len(operands)))
    last = f"%{len(operands)}"
    types = ", ".join(operands)
    line = f"  %out = linalg.{op or name} {rest}ins({inputs} : {types}) outs({last} : {result}) -> {result}"
    return OneOp(name, (*operands, result), result, line)


def _t(shape: str, dtype: str = "f32") -> str:
    return f"tensor<{shape}x{dtype}>" if shape else f"tensor<{dtype}>"


_STRIDES2 = "{dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>} "
_DILATED = "{dilations = dense<[2, 1]> : tensor<2xi64>, strides = dense<[1, 2]> : tensor<2xi64>} "

STRUCTURED = (
    _structured("matmul", (_t("3x4"), _t("4x5")), _t("3x5")),
    _structured("matmul_transpose_a", (_t("4x3"), _t("4x5")), _t("3x5")),
    _structured("matmul_transpose_b", (_t("3x4"), _t("5x4")), _t("3x5")),
    _structured("batch_matmul", (_t("2x3x4"), _t("2x4x5")), _t("2x3x5")),
    _structured("batch_matmul_transpose_a", (_t("2x4x3"), _t("2x4x5")), _t("2x3x5")),
    _structured("batch_matmul_transpose_b", (_t("2x3x4"), _t("2x5x4")), _t("2x3x5")),
    _structured("batch_reduce_matmul", (_t("2x3x4"), _t("2x4x5")), _t("3x5")),
    _structured("matvec", (_t("3x4"), _t("4")), _t("3")),
    _structured("vecmat", (_t("3"), _t("3x4")), _t("4")),
    _structured("batch_matvec", (_t("2x3x4"), _t("2x4")), _t("2x3")),
    _structured("batch_vecmat", (_t("2x3"), _t("2x3x4")), _t("2x4")),
    _structured("dot", (_t("5"), _t("5")), _t("")),
    _structured("mmt4d", (_t("2x3x4x5"), _t("2x3x6x5")), _t("2x2x4x6")),
    _structured("integer_matmul", (_t("3x4", "i8"), _t("4x5", "i8")), _t("3x5", "i32"), "matmul"),
    _structured("quantized_matmul", (_t("3x4", "i8"), _t("4x5", "i8"), "i32", "i32"), _t("3x5", "i32")),
    _structured("conv_1d", (_t("9"), _t("3")), _t("7")),
    _structured("conv_1d_nwc_wcf", (_t("1x9x2"), _t("3x2x4")), _t("1x7x4")),
    _structured("conv_1d_ncw_fcw", (_t("1x2x9"), _t("4x2x3")), _t("1x4x7")),
    _structured("conv_2d", (_t("8x9"), _t("3x2")), _t("6x8")),
    _structured("conv_2d_nhwc_hwcf", (_t("1x9x9x2"), _t("3x3x2x4")), _t("1x4x4x4"), rest=_STRIDES2),
    _structured("conv_2d_nhwc_fhwc", (_t("1x8x9x2"), _t("4x3x3x2")), _t("1x4x4x4"), rest=_DILATED),
    _structured("conv_2d_nchw_fchw", (_t("1x2x6x7"), _t("3x2x3x3")), _t("1x3x4x5")),
    _structured("conv_2d_ngchw_fgchw", (_t("1x2x3x5x6"), _t("4x2x3x3x3")), _t("1x2x4x3x4")),
    _structured("conv_3d", (_t("4x5x6"), _t("2x3x2")), _t("3x3x5")),
    _structured("depthwise_conv_1d_nwc_wc", (_t("1x8x3"), _t("3x3")), _t("1x6x3")),
    _structured("depthwise_conv_2d_nhwc_hwc", (_t("1x6x6x3"), _t("3x3x3")), _t("1x4x4x3")),
    _structured("depthwise_conv_2d_nchw_chw", (_t("1x3x6x6"), _t("3x3x3")), _t("1x3x4x4")),
    _structured("depthwise_conv_2d_nhwc_hwcm", (_t("1x5x5x2"), _t("3x3x2x3")), _t("1x3x3x2x3")),
    _structured("pooling_nhwc_sum", (_t("1x6x6x2"), _t("3x3")), _t("1x2x2x2"), rest=_STRIDES2),
    _structured("pooling_nhwc_max", (_t("1x6x6x2"), _t("2x2")), _t("1x3x3x2"), rest=_STRIDES2),
    _structured("pooling_nhwc_min", (_t("1x6x6x2"), _t("2x2")), _t("1x5x5x2")),
    _structured("pooling_nchw_max", (_t("1x2x6x6"), _t("2x3")), _t("1x2x5x4")),
    _structured("pooling_nchw_sum", (_t("1x2x6x6"), _t("2x3")), _t("1x2x5x4")),
    _structured("pooling_nwc_sum", (_t("1x6x2"), _t("3")), _t("1x4x2")),
    _structured("copy", (_t("3x4"),), _t("3x4")),
    *(
        _structured(name, (_t("3x4"), _t("3x4")), _t("3x4"))
        for name in ("add", "sub", "mul", "div", "max", "min")
    ),
    *(
        _structured(name, (_t("3x4"),), _t("3x4"))
        for name in ("exp", "abs", "ceil", "floor", "negf", "square", "tanh", "erf", "round")
    ),
    _structured("select", (_t("3x4", "i1"), _t("3x4"), _t("3x4")), _t("3x4")),
)


def _op(name: str, operands: tuple[str, ...], result: str, *lines: str) -> OneOp:
    return OneOp(name, operands, result, "\n".join(f"  {line}" for line in lines))


TENSORS = (
    _op("transpose", (_t("2x3x4"), _t("4x2x3")), _t("4x2x3"),
        f"%out = linalg.transpose ins(%0 : {_t('2x3x4')}) outs(%1 : {_t('4x2x3')}) permutation = [2, 0, 1]"),
    _op("broadcast", (_t("3"), _t("2x3x4")), _t("2x3x4"),
        f"%out = linalg.broadcast ins(%0 : {_t('3')}) outs(%1 : {_t('2x3x4')}) dimensions = [0, 2]"),
    _op("reduce", (_t("2x3x4"), _t("3")), _t("3"),
        f"%out = linalg.reduce {{arith.mulf}} ins(%0 : {_t('2x3x4')}) outs(%1 : {_t('3')}) dimensions = [0, 2]"),
    _op("fill", (_t("3x4"), "f32"), _t("3x4"),
        f"%out = linalg.fill ins(%1 : f32) outs(%0 : {_t('3x4')}) -> {_t('3x4')}"),
    _op("slice", (_t("8x9"),), _t("3x4"),
        f"%out = tensor.extract_slice %0[1, 2] [3, 4] [2, 1] : {_t('8x9')} to {_t('3x4')}"),
    _op("slice_of_lower_rank", (_t("5x1x6"),), _t("3"),
        f"%out = tensor.extract_slice %0[2, 0, 1] [1, 1, 3] [1, 1, 2] : {_t('5x1x6')} to {_t('3')}"),
    _op("insert_slice", (_t("2x3"), _t("6x7")), _t("6x7"),
        f"%out = tensor.insert_slice %0 into %1[1, 0] [2, 3] [1, 1] : {_t('2x3')} into {_t('6x7')}"),
    _op("insert_with_strides", (_t("2x3"), _t("6x7")), _t("6x7"),
        f"%out = tensor.insert_slice %0 into %1[1, 0] [2, 3] [3, 2] : {_t('2x3')} into {_t('6x7')}"),
    _op("insert_lower_rank", (_t("3"), _t("4x1x5")), _t("4x1x5"),
        f"%out = tensor.insert_slice %0 into %1[2, 0, 1] [1, 1, 3] [1, 1, 1] : {_t('3')} into {_t('4x1x5')}"),
    _op("pad", (_t("3x4"), "f32"), _t("6x5"),
        "%out = tensor.pad %0 low[1, 0] high[2, 1] {", "^bb0(%i: index, %j: index):",
        "  tensor.yield %1 : f32", f"}} : {_t('3x4')} to {_t('6x5')}"),
    _op("collapse", (_t("2x3x4"),), _t("6x4"),
        f"%out = tensor.collapse_shape %0 [[0, 1], [2]] : {_t('2x3x4')} into {_t('6x4')}"),
    _op("expand", (_t("6x4"),), _t("2x3x4"),
        f"%out = tensor.expand_shape %0 [[0, 1], [2]] output_shape [2, 3, 4] : {_t('6x4')} into {_t('2x3x4')}"),
    _op("concat", (_t("3x4"), _t("3x2")), _t("3x6"),
        f"%out = tensor.concat dim(1) %0, %1 : ({_t('3x4')}, {_t('3x2')}) -> {_t('3x6')}"),
    _op("table", (_t("2x2"),), _t("2x2"),
        f"%table = arith.constant dense<[[1.5, -2.0], [0.25, 3.0]]> : {_t('2x2')}",
        f"%out = arith.addf %0, %table : {_t('2x2')}"),
    _op("integer_table", (_t("4", "i32"),), _t("4", "i32"),
        f"%table = arith.constant dense<[7, -2, 9, 3]> : {_t('4', 'i32')}",
        f"%out = arith.muli %0, %table : {_t('4', 'i32')}"),
    _op("elementwise_on_tensors", (_t("3x4"), _t("3x4")), _t("3x4"),
        f"%less = arith.cmpf olt, %0, %1 : {_t('3x4')}",
        f"%out = arith.select %less, %1, %0 : {_t('3x4', 'i1')}, {_t('3x4')}"),
    _op("loop_over_rows", (_t("6x4"), _t("4")), _t("4"),
        "%c0 = arith.constant 0 : index", "%c1 = arith.constant 1 : index", "%c2 = arith.constant 2 : index",
        "%c6 = arith.constant 6 : index",
        f"%out = scf.for %i = %c1 to %c6 step %c2 iter_args(%s = %1) -> ({_t('4')}) {{",
        f"  %row = tensor.extract_slice %0[%i, 0] [1, 4] [1, 1] : {_t('6x4')} to {_t('4')}",
        f"  %next = arith.subf %row, %s : {_t('4')}",
        f"  scf.yield %next : {_t('4')}", "}"),
    _op("branch", (_t("4"), _t("4"), "i32"), _t("4"),
        "%c3 = arith.constant 3 : i32", "%more = arith.cmpi sgt, %2, %c3 : i32",
        f"%out = scf.if %more -> ({_t('4')}) {{", f"  scf.yield %0 : {_t('4')}", "} else {",
        f"  %sum = arith.addf %0, %1 : {_t('4')}", f"  scf.yield %sum : {_t('4')}", "}"),
)  # fmt: skip
"""Ops that IREE runs as well."""

ALONE = (
    _op("splat", ("f32",), _t("2x3"), f"%out = tensor.splat %0 : {_t('2x3')}"),
    _op("from_elements", ("f32", "f32"), _t("2x2"),
        f"%out = tensor.from_elements %0, %1, %1, %0 : {_t('2x2')}"),
    _op("extract_and_insert", (_t("3x4"), _t("5")), _t("5"),
        "%c1 = arith.constant 1 : index", "%c3 = arith.constant 3 : index",
        f"%x = tensor.extract %0[%c1, %c3] : {_t('3x4')}",
        f"%out = tensor.insert %x into %1[%c3] : {_t('5')}"),
    _op("generate", (_t("3x4"),), _t("4x3"),
        "%out = tensor.generate {", "^bb0(%i: index, %j: index):",
        f"  %x = tensor.extract %0[%j, %i] : {_t('3x4')}", "  tensor.yield %x : f32", f"}} : {_t('4x3')}"),
    _op("pad_by_place", (_t("2x3"),), _t("4x3"),
        "%out = tensor.pad %0 low[1, 0] high[1, 0] {", "^bb0(%i: index, %j: index):",
        "  %s = arith.addi %i, %j : index", "  %n = arith.index_cast %s : index to i32",
        "  %x = arith.sitofp %n : i32 to f32", "  tensor.yield %x : f32", f"}} : {_t('2x3')} to {_t('4x3')}"),
)  # fmt: skip
"""Ops that IREE does not take from outside; NumPy says what they are."""
