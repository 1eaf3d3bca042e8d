"""What is read and what is refused: places, names, sizes of input, and the module around a function."""

from __future__ import annotations

import pytest

from exalift.affine import Affine, Loop, Program, Role, print_program
from exalift.base import RefusedError, UsageError
from exalift.frontend.mlir import parse_mlir, parse_mlir_all
from exalift.frontend.mlir.source import MAX_CHARACTERS, MAX_NESTING, SourceText


def parse(text: str, function: str | None = None) -> tuple[Program, ...]:
    return parse_mlir(text, "m.mlir", function=function)


def one(
    body: str, parameters: str = "%n: i32, %m: index, %f: f64, %x: memref<?xf64>, %y: memref<9xf64>"
) -> Program:
    (program,) = parse(f"func.func @f({parameters}) {{\n{body}\nreturn\n}}")
    return program


def refusal(text: str, function: str | None = None) -> str:
    with pytest.raises(RefusedError) as caught:
        parse(text, function)
    return "\n".join(diagnostic.render(text) for diagnostic in caught.value.diagnostics)


def refused_body(
    body: str, parameters: str = "%n: i32, %m: index, %f: f64, %x: memref<?xf64>, %y: memref<9xf64>"
) -> str:
    return refusal(f"func.func @f({parameters}) {{\n{body}\nreturn\n}}")


def test_a_refusal_shows_the_place() -> None:
    text = "module {\n  func.func @f() {\n    %0 = memref.get_global @g : memref<4xf64>\n    return\n  }\n"
    text += "  memref.global @g : memref<4xf64>\n}\n"
    assert refusal(text) == (
        "m.mlir:3:10: error: global memory is not supported\n"
        "      %0 = memref.get_global @g : memref<4xf64>\n"
        "           ^~~~~~~~~~~~~~~~~\n"
        "  hint: pass it as a parameter"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @f( {", "m.mlir:1:14: error: expected"),
        ("func.func @f() { %0 = foo.bar : i32 return }", "1:23: error: Dialect 'foo' not found"),
        (
            "func.func @f() { %0 = arith.addf %a, %a : f64 return }",
            "1:34: error: use of undeclared SSA value",
        ),
        ("int main(void) { return 0; }", "error: "),
        ("", "m.mlir:1:1: error: the module has no function with a body"),
        ("func.func private @f(f64) -> f64", "no function with a body"),
        ("\0", "NUL"),
        ("(" * (MAX_NESTING + 1), f"1:{MAX_NESTING + 1}: error: brackets are nested more than"),
        ("\n" + "{[(" * 5000, f"2:{MAX_NESTING + 1}: error: brackets are nested more than"),
        ("// " + " " * MAX_CHARACTERS, "characters, over"),
        ("tuple<" * 5000, "brackets are nested more than"),
        ("affine_map<(d0) -> (" + " + ".join(["d0"] * 50_000), "an expression has more than 1000 operators"),
        ("affine_map<(d0) -> (" + "-" * 50_000, "an expression has more than 1000 operators"),
        ("affine_map<(d0) -> (d0" + " mod 7" * 50_000, "an expression has more than 1000 operators"),
    ],
)
def test_what_is_no_module_is_refused(text: str, message: str) -> None:
    assert message in refusal(text)


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ("tensor<4xf64>", "values of type tensor<4xf64>"),
        ("!llvm.ptr", "values of type !llvm.ptr"),
        ("f80", "values of type f80"),
        ("i7", "integers of 7 bits"),
        ("complex<f64>", "values of type complex<f64>"),
        ("memref<4xvector<4xf32>>", "memrefs of vector<4xf32>"),
        ("memref<*xf64>", "values of type memref<*xf64>"),
        ("memref<4xf64, 3>", "memory spaces"),
        ("memref<4x4xf64, strided<[8, 1]>>", "memrefs with a layout"),
        ("memref<4x4xf64, affine_map<(d0, d1) -> (d1, d0)>>", "memrefs with a layout"),
    ],
)
def test_parameters_that_are_refused(parameter: str, reason: str) -> None:
    found = refused_body("", f"%ok: f64, %p: {parameter}")
    assert found.startswith("m.mlir:1:24: error: the parameter %p: ")
    assert reason in found


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("%t = arith.constant true\nscf.while : () -> () { scf.condition(%t) } do { scf.yield }", "3:1"),
        ("cf.br ^next\n^next:", "2:1: error: unstructured control flow"),
        ("%0 = func.call @sin(%n) : (i32) -> i32", "'sin' does not reference a valid function"),
        ("%0 = vector.load %x[%m] : memref<?xf64>, vector<4xf64>", "vector.load"),
        ("%0 = llvm.mlir.zero : !llvm.ptr", "values of type !llvm.ptr"),
        ("%0 = tensor.empty() : tensor<4xf64>", "tensor.empty"),
        ('"polygeist.trivialuse"(%x) : (memref<?xf64>) -> ()', "polygeist.trivialuse"),
        ("gpu.barrier", "gpu.barrier"),
        ("%0 = memref.subview %y[1][4][1]\n: memref<9xf64> to memref<4xf64, strided<[1], offset: 1>>", "lay"),
        ("%0 = arith.fptosi %f : f64 to i64\n%1 = arith.index_cast %0 : i64 to index\n"
         "memref.store %f, %x[%1] : memref<?xf64>", "4:1: error: %1 is not an affine expression"),
        ("%0 = arith.muli %m, %m : index\nmemref.store %f, %x[%0] : memref<?xf64>", "%0 is not an affine"),
        ("%0 = memref.load %x[%m] : memref<?xf64>\n%1 = arith.fptosi %0 : f64 to i64\n"
         "%2 = arith.index_cast %1 : i64 to index\naffine.for %i = 0 to %2 { }", "%2 is not an affine"),
        ("affine.for %i = 0 to %m { %0 = memref.alloc(%i) : memref<?xf64> }", "shape of local memory"),
        ("affine.for %i = 0 to affine_map<()[s0, s1] -> (s0 * s1)>()[%m, %m] { }", "not affine: 'mul'"),
        ("affine.for %i = 0 to affine_map<()[s0, s1] -> (s0 mod s1)>()[%m, %m] { }", "not affine: 'mod'"),
        ("affine.for %i = max affine_map<()[s0] -> (0, s0 - 5)>()[%m] to 9 step 2 {\n"
         "affine.store %f, %y[%i] : memref<9xf64> }", "step other than 1"),
        ("%s = arith.index_cast %n : i32 to index\n%z = arith.constant 0 : index\n"
         "scf.for %i = %z to %m step %s { }", "positive constant"),
        ("affine.for %i = 0 to 9 { affine.store %f, %y[%i + 1] : memref<9xf64> }",
         "the subscript i + 1 leaves dimension 0 of y, of extent 9"),
        ("affine.store %f, %y[-1] : memref<9xf64>", "the subscript -1 leaves dimension 0 of y"),
        ("%0 = affine.min affine_map<()[s0] -> (s0, 5)>()[%m]\nmemref.store %f, %y[%0] : memref<9xf64>",
         "minimum or maximum of indices as a subscript"),
        ("%0 = memref.alloc() : memref<?xf64>", "incorrect number of dynamic sizes"),
    ],
)  # fmt: skip
def test_bodies_that_are_refused(body: str, message: str) -> None:
    assert message in refused_body(body)


def test_calls_are_refused() -> None:
    text = "func.func @f(%x: f64) -> f64 {\n  %0 = func.call @sqrt(%x) : (f64) -> f64\n  return %0 : f64\n}\n"
    declared = "func.func private @sqrt(f64) -> f64\n"
    defined = "func.func @sqrt(%x: f64) -> f64 { return %x : f64 }\n"
    assert print_program(parse(text + declared)[0]) == "f64 f(f64 x) {\n  return sqrt(x);\n}\n"
    assert "2:8: error: the call of @sqrt is not supported" in refusal(text + defined, "f")
    recursive = text.replace("@sqrt", "@f")
    assert "the call of @f is not supported" in refusal(recursive)


def test_what_can_be_taken_is_and_the_rest_is_reported() -> None:
    text = "func.func @f(%x: tensor<4xf64>) { return }\nfunc.func @g() { return }\n"
    text += "func.func @h(%x: !llvm.ptr) { return }"
    programs, diagnostics = parse_mlir_all(text, "m.mlir")
    assert [program.name for program in programs] == ["g"]
    assert [(d.span.line, d.span.column) for d in diagnostics] == [(1, 14), (3, 14)]
    assert parse(text) == parse(text, "g") == programs
    assert "!llvm.ptr" in refusal(text, "h")
    none = text.replace("@g()", "@g(%x: f80)")
    assert refusal(none).count("error: ") == 3
    assert len(parse_mlir_all(none, "m.mlir")[1]) == 3


def test_sizes_that_only_shift_may_be_zero() -> None:
    program = one(
        """
        %end = affine.apply affine_map<()[s0, s1] -> (s0 - s1)>()[%n, %last]
        affine.for %i = %first to %end {
          affine.store %f, %x[%i + symbol(%shift)] : memref<?xf64>
        }
        """,
        "%n: index, %first: index, %last: index, %shift: index, %f: f64, %x: memref<?xf64>",
    )
    assert {size.name: size.minimum for size in program.sizes} == {"n": 1, "first": 0, "last": 0, "shift": 0}


def test_a_division_may_need_that_a_size_is_positive() -> None:
    program = one(
        """
        %c1 = arith.constant 1 : index
        %c2 = arith.constant 2 : index
        %0 = arith.subi %m, %c1 : index
        %1 = arith.divsi %0, %c2 : index
        memref.store %f, %x[%1] : memref<?xf64>
        """
    )
    assert [(size.name, size.minimum) for size in program.sizes] == [("m", 1)]
    assert program.array("x").shape == ((Affine.symbol("m") + 1) // 2,)


def test_one_function_of_a_file_with_unknown_dialects() -> None:
    text = """
      func.func @other(%x: f64 {mhlo.a = "}"}) attributes {b = "{"} { // }
        %0 = mhlo.add %x, %x : f64
        return
      }
      func.func private @declared(f64) -> (f64 {test.a = 1})
      func.func private @plain(f64) -> f64
      module @inner {
        func.func @f(%x: memref<3xf64>) attributes {llvm.linkage = #llvm.linkage<external>} {
          %cst = arith.constant 1.0 : f64
          affine.store %cst, %x[0] : memref<3xf64>
          return
        }
      }
    """
    (program,) = parse(text, "f")
    assert program.name == "f"
    assert program.span.line == 9
    assert program.body[0].span.line == 11
    programs, diagnostics = parse_mlir_all(text, "m.mlir")
    assert programs == (program,)
    assert [str(d) for d in diagnostics] == [
        "m.mlir:3:14: error: Dialect 'mhlo' not found for custom op 'mhlo.add'"
    ]
    assert "'mhlo' not found" in refusal(text, "other")


def test_unknown_functions_are_wrong_usage() -> None:
    text = "func.func @f() { return }\nfunc.func private @declared()"
    for name in ("g", "declared"):
        with pytest.raises(UsageError, match=f"no function '{name}' with a body .it has: f."):
            parse(text, name)


def test_names_come_from_the_text() -> None:
    program = one(
        """
        %tmp.1 = memref.alloca() : memref<3xf64>
        %7 = memref.alloca() : memref<3xf64>
        affine.for %row = 0 to 3 {
          affine.store %f, %tmp.1[%row] : memref<3xf64>
          affine.store %f, %7[%row] : memref<3xf64>
        }
        affine.for %row = 0 to 3 {
          affine.for %n = 0 to 3 {
            affine.store %f, %tmp.1[%n] : memref<3xf64>
          }
        }
        """.replace("%n = 0", "%x_ = 0").replace("[%n]", "[%x_]"),
        "%alpha: f64, %f: f64, %return: memref<3xf64>, %x: memref<3xf64>",
    )
    assert program.parameters == ("alpha", "f", "return_1", "x")
    assert [array.name for array in program.arrays if array.role is Role.LOCAL] == ["tmp_1", "v7"]
    assert [loop.iv for loop in program.body if isinstance(loop, Loop)] == ["row", "row"]
    assert program.by_value == {"alpha", "f"}


def test_locations_of_debug_information() -> None:
    text = """
      func.func @f(%arg0: memref<3xf64> loc("A"("k.c":1:7)), %arg1: f64 loc("k.c":1:20)) {
        affine.store %arg1, %arg0[0] : memref<3xf64> loc("k.c":4:9)
        affine.store %arg1, %arg0[1] : memref<3xf64> loc(unknown)
        affine.store %arg1, %arg0[2] : memref<3xf64> loc(callsite("i"("k.c":6:9) at "k.c":9:1))
        return
      } loc(fused["k.c":1:1, "k.c":8:1])
    """
    (program,) = parse(text)
    assert program.parameters == ("A", "arg1")
    assert str(program.span) == "k.c:1:1"
    assert [str(statement.span) for statement in program.body] == ["k.c:4:9", "k.c:1:1", "k.c:6:9"]


def test_spans() -> None:
    program = one("affine.for %i = 0 to 9 {\n  affine.store %f, %y[%i] : memref<9xf64>\n}")
    (loop,) = program.body
    assert isinstance(loop, Loop)
    assert (loop.span.line, loop.span.column, loop.span.end_column) == (2, 1, 11)
    assert (loop.body[0].span.line, loop.body[0].span.column) == (3, 3)
    assert program.array("y").span.line == 1


def test_sizes_are_the_integers_that_reach_indices() -> None:
    program = one(
        """
        %0 = arith.index_cast %n : i32 to index
        %1 = arith.addi %k, %k : i32
        %2 = arith.sitofp %1 : i32 to f64
        %c = arith.cmpi slt, %l, %n : i32
        %3 = arith.select %c, %2, %f : f64
        affine.for %i = 0 to %0 {
          affine.store %3, %x[%i + symbol(%m)] : memref<?xf64>
        }
        """,
        "%n: i32, %m: index, %k: i32, %l: i32, %u: i32, %f: f64, %x: memref<?xf64>",
    )
    assert [size.name for size in program.sizes] == ["n", "m"]
    assert program.by_value == {"k", "l", "u", "f"}
    assert "x[m + n]" in print_program(program)


def test_the_generic_form_and_nested_modules() -> None:
    text = """
      "builtin.module"() ({
        "func.func"() <{function_type = (memref<4xf64>, f64) -> (), sym_name = "f"}> ({
        ^bb0(%arg0: memref<4xf64>, %arg1: f64):
          "affine.for"() <{lowerBoundMap = affine_map<() -> (0)>, operandSegmentSizes = array<i32: 0, 0, 0>,
                           step = 1 : index, upperBoundMap = affine_map<() -> (4)>}> ({
          ^bb0(%arg2: index):
            "affine.store"(%arg1, %arg0, %arg2) <{map = affine_map<(d0) -> (d0)>}>
              : (f64, memref<4xf64>, index) -> ()
            "affine.yield"() : () -> ()
          }) : () -> ()
          "func.return"() : () -> ()
        }) : () -> ()
      }) : () -> ()
    """
    (program,) = parse(text)
    assert "for (arg2 = 0; arg2 < 4; arg2++) {\n    arg0[arg2] = arg1;" in print_program(program)


def test_long_chains_stay_shallow_and_small() -> None:
    """Sharing would double an expression at each step, and depth would end recursive passes."""
    lines = ["%v0 = affine.load %y[0] : memref<9xf64>"]
    lines += [f"%v{k + 1} = arith.mulf %v{k}, %v{k} : f64" for k in range(300)]
    lines += [f"%w{k + 1} = arith.addf %{'v300' if not k else f'w{k}'}, %f : f64" for k in range(3000)]
    program = one("\n".join([*lines, "affine.store %w3000, %y[0] : memref<9xf64>"]))
    assert len(print_program(program)) < 60_000


def test_deep_nests_are_taken() -> None:
    depth = 40
    opening = "\n".join(f"affine.for %i{k} = 0 to 2 {{" for k in range(depth))
    program = one(f"{opening}\naffine.store %f, %y[%i0] : memref<9xf64>\n{'}' * depth}")
    assert print_program(program).count("for (") == depth


def test_divisions_are_bounded() -> None:
    lines = [
        f"%a{k + 1} = affine.apply affine_map<(d0) -> ((d0 + 3) floordiv 2)>(%{'m' if not k else f'a{k}'})"
        for k in range(20)
    ]
    body = "\n".join([*lines, "memref.store %f, %x[%a20] : memref<?xf64>"])
    assert "nested too deeply" in refused_body(body)
    many = " + ".join(f"d0 floordiv {k + 2}" for k in range(20))
    body = f"%0 = affine.apply affine_map<(d0) -> ({many})>(%m)\nmemref.store %f, %x[%0] : memref<?xf64>"
    assert "more than 8 divisions" in refused_body(body)
    lines = [f"%a{k + 1} = arith.addi %a{k}, %a{k} : index" for k in range(80)]
    assert "too large" in refused_body(
        "\n".join(["%a0 = arith.addi %m, %m : index", *lines, "memref.store %f, %x[%a80] : memref<?xf64>"])
    )


def test_long_lists_are_taken() -> None:
    """Only what nests or chains is dangerous; tables and many arguments are not."""
    table = ", ".join(["-1.0"] * 3000)
    text = f"module attributes {{t.a = dense<[{table}]> : tensor<3000xf64>}} {{\n"
    text += f"func.func @f({', '.join(f'%x{k}: memref<1xf64>' for k in range(300))}) {{ return }}\n}}"
    assert len(parse(text)[0].parameters) == 300


def test_the_text_of_one_function() -> None:
    text = "func.func @a() {\n return }\nfunc.func @b() { return }\n"
    alone = SourceText(text, "m.mlir").with_one_function("b")
    assert alone == "                \n         \nfunc.func @b() { return }\n"
    assert SourceText(text, "m.mlir").with_one_function("c") is None
