/* Symmetric rank-2k update of a lower triangle, A and B of n x m:
 *   C[i,j] := alpha sum_k (A[i,k] B[j,k] + B[i,k] A[j,k]) + beta C[i,j]  for j <= i. */
#include <stddef.h>

#ifndef REAL
#define REAL double
#endif

void syr2k(size_t n, size_t m, REAL alpha, REAL beta, REAL *restrict C, size_t ldc, const REAL *restrict A,
           const REAL *restrict B)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            REAL sum = 0;
            for (size_t k = 0; k < m; k++)
                sum += A[i * m + k] * B[j * m + k] + B[i * m + k] * A[j * m + k];
            C[i * ldc + j] = alpha * sum + beta * C[i * ldc + j];
        }
}
