"""C functions as affine programs, read through libclang.

    parse_c(text, "gemm.c") -> one Program for each function that can be taken

What is read: loops in every direction and stride, `while` and `do` that count, arrays of every C kind,
flat and walking pointers, helper functions (inlined), macros, conditions on indices and data, C's mixed
arithmetic. What is not, is refused with the place and the reason.

How C becomes the IR:

- Integer parameters that bound loops, extents or subscripts become `Size`s (at least 1; at least 0 where they
  only shift a subscript or start a loop). Other scalars are arrays of rank 0, passed by value.
- A pointer that is only used as `*p` is an array of rank 0 that is *not* passed by value.
- File-scope variables that a function uses become parameters, after its own, in the order of first use;
  `static const` tables with initialisers become local arrays that are set first.
- An array's extents are those declared; the outermost one of a pointer is the smallest that covers all
  accesses. Flat subscripts such as `a[i * lda + j]` are taken apart, so `a` gets rows of length `lda`, and
  `lda >= m` becomes a constraint where it does not follow.
- Signed overflow is undefined in C. Arithmetic on data wraps here; subscripts, bounds and counters are
  taken not to overflow. Unsigned counters are proved not to fall below 0.
- Different pointer parameters are taken not to overlap, and pointers not to be null.
- `assert` and branches that end in `abort` or `exit` are taken to pass.
"""

from .parse import parse_c, parse_c_all

__all__ = ["parse_c", "parse_c_all"]
