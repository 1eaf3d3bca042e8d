"""C sources compiled and called through `exalift.reference`."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from exalift.affine import Affine, Array, Assign, Constant, Program, Role, Size
from exalift.base import DType, UsageError
from exalift.reference import NativeError, available_compilers, compile_c, find_compiler, measure

N = Affine.symbol("n")


def program(
    name: str = "f",
    *,
    parameters: tuple[str, ...] = ("n", "a"),
    arrays: tuple[Array, ...] = (Array("a", DType.F64, (N,)),),
    written: tuple[str, ...] = ("a",),
    returns: DType | None = None,
    by_value: frozenset[str] = frozenset(),
    sizes: tuple[Size, ...] = (Size("n"),),
) -> Program:
    """A program with that signature; of its body only the names of what it writes matter here."""
    by_name = {array.name: array for array in arrays}
    body = tuple(
        Assign(name, tuple(Affine() for _ in by_name[name].shape), Constant(0, by_name[name].dtype))
        for name in written
    )
    result = None if returns is None else Constant(0, returns)
    return Program(name, parameters, sizes, arrays, body, result, by_value)


DOUBLE_IT = "void f(int n, double a[n]) { for (int i = 0; i < n; i++) a[i] *= 2; }"


def test_results_are_new_arrays_and_inputs_stay() -> None:
    function = compile_c(DOUBLE_IT, "f.c", program())
    given = np.arange(5.0)
    results = function({"a": given}, {"n": 5})
    assert list(results) == ["a"]
    np.testing.assert_array_equal(results["a"], [0, 2, 4, 6, 8])
    np.testing.assert_array_equal(given, np.arange(5.0))
    results["a"][0] = 7  # results own their memory


@pytest.mark.parametrize("isolated", [False, True])
def test_every_kind_of_parameter_and_the_returned_value(isolated: bool) -> None:
    text = """
    #include <stdint.h>
    static double g(const int64_t n, float factor, const uint8_t m[n][3], int16_t *last,
                    double *restrict sums)
    {
        double total = 0;
        for (int64_t i = 0; i < n; i++) {
            sums[i] = factor * (m[i][0] + m[i][1] + m[i][2]);
            total += sums[i];
        }
        *last = -7;
        return total;
    }
    """
    signature = program(
        "g",
        parameters=("n", "factor", "m", "last", "sums"),
        sizes=(Size("n", DType.I64),),
        arrays=(
            Array("factor", DType.F32, ()),
            Array("m", DType.UI8, (N, Affine.of(3))),
            Array("last", DType.I16, ()),
            Array("sums", DType.F64, (N,)),
            Array("total", DType.F64, (), Role.LOCAL),
        ),
        written=("last", "sums"),
        returns=DType.F64,
        by_value=frozenset({"factor"}),
    )
    m = np.array([[250, 3, 2], [1, 1, 1]], np.uint8)
    inputs = {"factor": np.float32(0.5), "m": m, "last": np.int16(3), "sums": np.zeros(2)}
    results = compile_c(text, "g.c", signature)(inputs, {"n": 2}, isolated=isolated)
    assert list(results) == ["return", "m", "last", "sums"]
    assert results["return"] == 129.0
    assert results["last"].shape == () and results["last"] == -7
    np.testing.assert_array_equal(results["sums"], [127.5, 1.5])
    np.testing.assert_array_equal(results["m"], m)


@pytest.mark.parametrize("isolated", [False, True])
def test_file_scope_variables_are_copied_in_and_out(isolated: bool) -> None:
    text = """
    static double table[2][3];
    float total = 5;
    double *rows, *one;
    int count;
    void f(double *a) {
        for (int i = 0; i < count; i++) {
            a[i] += rows[i];
            rows[i] = table[1][i];
            total += 1;
            table[0][i] = *one;
        }
    }
    """
    three = Affine.of(3)
    signature = Program(
        "f",
        ("a", "table", "total", "rows", "one", "count"),
        (Size("count"),),
        (
            Array("a", DType.F64, (three,)),
            Array("table", DType.F64, (Affine.of(2), three)),
            Array("total", DType.F32, ()),
            Array("rows", DType.F64, (three,)),
            Array("one", DType.F64, ()),
        ),
        (),
        globals=frozenset({"table", "total", "rows", "one", "count"}),
    )
    inputs = {
        "a": np.ones(3),
        "table": np.arange(6.0).reshape(2, 3),
        "total": np.float32(2),
        "rows": np.array([5.0, 6, 7]),
        "one": np.float64(9),
    }
    function = compile_c(text, "f.c", signature)
    for _ in range(2):
        results = function(inputs, {"count": 2}, isolated=isolated)
        np.testing.assert_array_equal(results["a"], [6, 7, 1])
        np.testing.assert_array_equal(results["table"], [[9, 9, 2], [3, 4, 5]])
        np.testing.assert_array_equal(results["rows"], [3, 4, 7])
        assert results["total"] == 4


def test_main_and_what_it_calls_do_not_disturb() -> None:
    text = f"""
    extern void nowhere_to_be_found(void);
    {DOUBLE_IT}
    int main(int argc, char **argv) {{ (void)argv; nowhere_to_be_found(); return argc; }}
    """
    for compiler in available_compilers():
        if compiler.available:
            results = compile_c(text, "f.c", program(), compiler=compiler.name)({"a": np.ones(3)}, {"n": 3})
            np.testing.assert_array_equal(results["a"], [2, 2, 2])


def test_extra_sources_give_what_the_function_calls(tmp_path: Path) -> None:
    helper = tmp_path / "helper.c"
    helper.write_text("double twice(double x) { return 2 * x; }")
    text = """
    double twice(double x);
    void f(int n, double *a) { for (int i = 0; i < n; i++) a[i] = twice(a[i]); }
    """
    with pytest.raises(NativeError, match="cannot be loaded"):
        compile_c(text, "f.c", program())({"a": np.ones(3)}, {"n": 3})
    results = compile_c(text, "f.c", program(), extra_sources=(str(helper),))({"a": np.ones(3)}, {"n": 3})
    np.testing.assert_array_equal(results["a"], [2, 2, 2])


def test_headers_macros_and_the_folder_of_the_source(tmp_path: Path) -> None:
    (tmp_path / "beside.h").write_text("#define FACTOR 3\n")
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "apart.h").write_text("typedef double real;\n")
    text = """
    #include <apart.h>
    #include "beside.h"
    void f(int n, real *a) { for (int i = 0; i < n; i++) a[i] = FACTOR * a[i] + OFFSET; }
    """
    function = compile_c(
        text,
        str(tmp_path / "f.c"),
        program(),
        include_directories=(str(tmp_path / "include"),),
        defines=("OFFSET=0.5", "UNUSED"),
    )
    np.testing.assert_array_equal(function({"a": np.ones(2)}, {"n": 2})["a"], [3.5, 3.5])


@pytest.mark.parametrize("isolated", [False, True])
def test_local_arrays_may_be_larger_than_the_stack(isolated: bool) -> None:
    text = """
    void f(int n, double a[n]) {
        double copy[n][n];
        for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) copy[i][j] = a[j] + i;
        for (int i = 0; i < n; i++) a[i] = copy[i][n - 1 - i];
    }
    """
    arrays = (Array("a", DType.F64, (N,)), Array("copy", DType.F64, (N, N), Role.LOCAL))
    n = 2500  # 50 MB
    results = compile_c(text, "f.c", program(arrays=arrays))(
        {"a": np.arange(float(n))}, {"n": n}, isolated=isolated
    )
    np.testing.assert_array_equal(results["a"], np.full(n, n - 1.0))


def test_an_isolated_crash_or_endless_loop_is_an_error() -> None:
    crash = compile_c("void f(int n, double *a) { *(volatile int *)0 = n; a[0] = 1; }", "f.c", program())
    with pytest.raises(NativeError, match="SIGSEGV"):
        crash({"a": np.ones(1)}, {"n": 1}, isolated=True)
    text = "void f(int n, double *a) { volatile int go = n; while (go) a[0] = 1; }"
    with pytest.raises(NativeError, match=r"longer than 0\.5 s"):
        compile_c(text, "f.c", program())({"a": np.ones(1)}, {"n": 1}, isolated=True, timeout_seconds=0.5)


def test_wrong_sources_compilers_inputs_and_sizes_are_told() -> None:
    with pytest.raises(NativeError, match="refused the source"):
        compile_c("void f(int n, double *a) { a[0] = ; }", "f.c", program())
    with pytest.raises(NativeError, match="no-such-compiler is not installed"):
        compile_c(DOUBLE_IT, "f.c", program(), compiler="no-such-compiler")
    function = compile_c(DOUBLE_IT, "f.c", program())
    with pytest.raises(UsageError, match="no input for a"):
        function({}, {"n": 3})
    with pytest.raises(UsageError, match="shape"):
        function({"a": np.ones(4)}, {"n": 3})
    with pytest.raises(UsageError, match="does not fit"):
        function({"a": np.ones(3, complex)}, {"n": 3})
    with pytest.raises(UsageError, match="has no array b"):
        function({"a": np.ones(3), "b": np.ones(3)}, {"n": 3})
    with pytest.raises(UsageError, match="n has no value"):
        function({"a": np.ones(3)}, {})
    with pytest.raises(UsageError, match="out of range"):
        function({"a": np.ones(3)}, {"n": 0})
    with pytest.raises(UsageError, match="GiB"):
        function({"a": np.ones(3)}, {"n": 2**31 - 1})


def test_integers_that_do_not_fit_are_refused() -> None:
    arrays = (Array("a", DType.UI8, (N,)),)
    function = compile_c("void f(int n, unsigned char *a) { a[0] += n; }", "f.c", program(arrays=arrays))
    np.testing.assert_array_equal(function({"a": np.array([255, 9])}, {"n": 2})["a"], [1, 9])
    for wrong in (np.array([256]), np.array([-1]), np.array([1.0])):
        with pytest.raises(UsageError, match="does not fit"):
            function({"a": wrong}, {"n": 1})


def test_files_go_away_with_the_function() -> None:
    function = compile_c(DOUBLE_IT, "f.c", program())
    closed = compile_c(DOUBLE_IT, "f.c", program())
    kept = function.directory, closed.directory
    assert all(directory.exists() for directory in kept)
    closed.close()
    del function
    gc.collect()
    assert not any(directory.exists() for directory in kept)


def test_compilers_are_listed_with_a_reason_where_absent() -> None:
    compilers = {compiler.name: compiler for compiler in available_compilers()}
    assert list(compilers) == ["gcc", "clang", "polly"]
    assert compilers["gcc"].available
    for compiler in compilers.values():
        assert compiler.available or compiler.reason
    assert find_compiler("no-such-compiler").reason == "no-such-compiler is not installed"


def test_measuring_restores_what_is_written_in_place() -> None:
    function = compile_c(DOUBLE_IT, "f.c", program())
    given = np.ones(1000)
    timing = measure(function, {"a": given}, {"n": 1000}, repeats=2000, min_seconds=0.0)
    assert len(timing.seconds) == 2000
    assert 0 < timing.best <= timing.median < 1
    # Doubled 2000 times without restoring, the numbers would be infinite and the inputs with them.
    np.testing.assert_array_equal(given, np.ones(1000))


def test_measuring_stops_in_time() -> None:
    text = """
    void f(int n, double *a) {
        volatile double x = 1;
        for (int i = 0; i < 20000000; i++) x = x + n;
        a[0] = x;
    }
    """
    timing = measure(
        compile_c(text, "f.c", program()), {"a": np.ones(1)}, {"n": 1}, repeats=1000, max_seconds=0.2
    )
    assert 1 <= len(timing.seconds) < 100
