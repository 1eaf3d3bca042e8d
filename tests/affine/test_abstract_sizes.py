"""Fixed sizes made symbolic."""

from __future__ import annotations

import pytest
from affine_notation import check_regions, program

from exalift.affine import Affine, Program, abstract_sizes, verify_program
from exalift.affine.statement_maps import Substitution


def abstracted(text: str, sizes: dict[str, int] | None = None, where: str = "", **shapes: str) -> Program:
    made = program(text, where=where, **shapes)
    result = abstract_sizes(made, sizes or {})
    verify_program(result)
    return result


def values(made: Program) -> dict[str, int]:
    return {size.name: size.value for size in made.sizes if size.value is not None}


def shapes(made: Program) -> dict[str, tuple[str, ...]]:
    return {array.name: tuple(map(str, array.shape)) for array in made.arrays}


def test_each_extent_becomes_a_size() -> None:
    text = """
for i in range(0, 1000):
  for j in range(0, 1100):
    for k in range(0, 1200):
      C[i, j] += A[i, k] * B[k, j]
"""
    made = abstracted(text, C="1000, 1100", A="1000, 1200", B="1200, 1100")
    assert values(made) == {"n1000": 1000, "n1100": 1100, "n1200": 1200}
    assert shapes(made) == {"C": ("n1000", "n1100"), "A": ("n1000", "n1200"), "B": ("n1200", "n1100")}
    assert not any(size.is_parameter for size in made.sizes)
    check_regions(made, {"n1000": 2, "n1100": 3, "n1200": 4})


def test_equal_extents_that_never_meet_are_two_sizes() -> None:
    text = """
for i in range(0, 64):
  for j in range(0, 64):
    y[i] += A[i, j] * x[j]
"""
    made = abstracted(text, A="64, 64", x="64", y="64")
    assert values(made) == {"n64": 64, "n64_2": 64}
    assert shapes(made)["A"] == ("n64", "n64_2")


def test_a_triangle_ties_its_sizes() -> None:
    text = """
for i in range(0, 64):
  for j in range(0, i + 1):
    A[i, j] = A[j, i]
"""
    assert values(abstracted(text, A="64, 64")) == {"n64": 64}


def test_small_differences_stay_differences() -> None:
    text = """
for t in range(0, 500):
  for i in range(1, 119):
    B[i] = A[i - 1] + A[i + 1] + A[119 - i]
  for i in range(0, 118):
    if i < 117:
      A[i + 1] = B[i + 1]
"""
    made = abstracted(text, A="120", B="120")
    assert values(made) == {"n120": 120, "n500": 500}
    check_regions(made, {"n120": 5, "n500": 2}, {"n120": 8, "n500": 1})


def test_filters_and_small_extents_stay() -> None:
    text = """
for y in range(0, 110):
  for d in range(0, 3):
    out[y] += image[y + d] * w[d] * rgb[y, 2]
"""
    made = abstracted(text, out="110", image="112", w="3", rgb="110, 4")
    assert values(made) == {"n110": 110}
    assert shapes(made) == {"out": ("n110",), "image": ("n110 + 2",), "w": ("3",), "rgb": ("n110", "4")}


def test_a_strided_extent_is_a_multiple() -> None:
    text = """
for y in range(0, 56):
  for d in range(0, 2):
    out[y] = max(out[y], image[2*y + d])
"""
    made = abstracted(text, out="56", image="112")
    assert shapes(made) == {"out": ("n56",), "image": ("2*n56",)}


def test_a_strided_extent_that_a_condition_cuts_off_follows_too() -> None:
    text = """
for y in range(0, 9):
  for d in range(0, 3):
    if 2*y + d >= 1 and 2*y + d < 18:
      out[y] += image[2*y + d - 1]
"""
    made = abstracted(text, out="9", image="17")
    assert shapes(made) == {"out": ("n9",), "image": ("2*n9 - 1",)}
    assert made.constraints.at({"n9": 1}) and made.constraints.at({"n9": 4})


def test_tiles_of_a_fixed_size_make_up_an_extent() -> None:
    text = """
for ii in range(0, 4):
  for jj in range(0, 3):
    for i in range(16*ii, 16*ii + 16):
      for j in range(32*jj, 32*jj + 32):
        A[i, j] = B[j, i]
"""
    made = abstracted(text, A="64, 96", B="96, 64")
    assert values(made) == {"n3": 3, "n4": 4}
    assert shapes(made) == {"A": ("16*n4", "32*n3"), "B": ("32*n3", "16*n4")}
    assert made.constraints.is_always


def test_few_rounds_without_tiles_stay() -> None:
    text = """
for c in range(0, 3):
  for i in range(0, 16):
    A[16*c + i] = 0
"""
    assert values(abstracted(text, A="48")) == {}


def test_a_wide_filter_and_its_image() -> None:
    text = """
for y in range(0, 214):
  for d in range(0, 11):
    out[y] += image[y + d] * w[d]
"""
    made = abstracted(text, out="214", image="224", w="11")
    assert shapes(made) == {"out": ("n214",), "image": ("n11 + n214 - 1",), "w": ("n11",)}
    assert made.constraints.at({"n11": 3, "n214": 5})


def test_an_extent_takes_the_parameter_that_fills_it() -> None:
    text = """
for i in range(0, N):
  for j in range(1, M - 1):
    A[i, j] = B[j, i]
"""
    where = "N <= 1000 and M <= 1201"
    made = abstracted(text, {"N": 1000, "M": 1200}, where, A="1000, 1200", B="1200, 1000")
    assert shapes(made) == {"A": ("N", "M"), "B": ("M", "N")}
    assert made.constraints.is_always
    assert values(made) == {}


def test_a_parameter_of_another_value_leaves_a_size_and_a_constraint() -> None:
    text = """
for i in range(0, N):
  A[i] = 1
"""
    made = abstracted(text, {"N": 500}, "N <= 1000", A="1000")
    assert shapes(made) == {"A": ("n1000",)}
    assert not made.constraints.at({"N": 5, "n1000": 4})
    assert made.constraints.at({"N": 4, "n1000": 4})


def test_an_unknown_parameter_leaves_a_size_and_a_constraint() -> None:
    text = """
for i in range(0, N):
  A[i] = 1
"""
    made = abstracted(text, {}, "N <= 1000", A="1000")
    assert shapes(made) == {"A": ("n1000",)}
    assert not made.constraints.at({"N": 5, "n1000": 4})


def test_a_free_size_is_not_taken_for_a_constant() -> None:
    text = """
for i in range(0, N):
  for d in range(0, 5):
    A[i] += B[i + d] * w[d]
"""
    made = program(text, A="N", B="N + 4", w="5")
    assert abstract_sizes(made, {"N": 8}) is made


def test_parts_of_a_concatenation() -> None:
    text = """
for i in range(0, 300):
  C[i] = A[i]
for i in range(0, 200):
  C[i + 300] = B[i]
"""
    made = abstracted(text, A="300", B="200", C="500")
    assert values(made) == {"n300": 300, "n200": 200, "n500": 500}
    assert made.constraints.at({"n300": 3, "n200": 2, "n500": 5})
    assert not made.constraints.at({"n300": 3, "n200": 2, "n500": 4})
    check_regions(made, {"n300": 3, "n200": 2, "n500": 6})


def test_an_extent_that_is_a_coefficient_stays() -> None:
    text = """
for i in range(0, 100):
  for j in range(0, 64):
    A[64*i + j] = B[j]
"""
    made = abstracted(text, A="6400", B="64")
    assert shapes(made)["B"] == ("64",)


def test_data_is_never_touched() -> None:
    text = """
for i in range(0, 1000):
  A[i] = A[i] * 1000 + i
"""
    made = abstracted(text, A="1000")
    (size,) = made.sizes
    assert Substitution({size.name: Affine.of(1000)}).body(made.body) == program(text, A="1000").body
    assert "1000.0" in str(made.body) or "Fraction(1000, 1)" in str(made.body)


def test_nothing_to_do() -> None:
    made = program("for i in range(0, N):\n  A[i] = 1", A="N")
    assert abstract_sizes(made, {}) is made


@pytest.mark.parametrize("size", [8, 9, 37])
def test_the_result_runs_at_its_own_sizes(size: int) -> None:
    text = f"""
for i in range(0, {size}):
  for j in range(0, i):
    A[i, j] = A[j, i] + A[{size - 1} - i, j]
"""
    made = abstracted(text, A=f"{size}, {size}")
    check_regions(made, values(made), dict.fromkeys(values(made), 4))


def test_extents_that_cannot_be_small_stay() -> None:
    text = """
for i in range(0, 10):
  A[495] += A[i]
  B[i] = A[11 * i + 40]
"""
    made = abstracted(text, A="500", B="40")
    assert shapes(made)["A"] == ("500",)
