/* Cholesky factor in place:  A = L L^T,  A symmetric positive definite; L replaces the lower triangle.
 *   L[i,j] = (A[i,j] - sum_{k<j} L[i,k] L[j,k]) / L[j,j]  for j < i,
 *   L[i,i] = sqrt(A[i,i] - sum_{k<i} L[i,k]^2). */
#include <math.h>

#ifndef REAL
#define REAL double
#endif

void cholesky(int n, REAL *a)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                a[i * n + j] -= a[i * n + k] * a[j * n + k];
            a[i * n + j] /= a[j * n + j];
        }
        for (int k = 0; k < i; k++)
            a[i * n + i] -= a[i * n + k] * a[i * n + k];
        a[i * n + i] = sqrt(a[i * n + i]);
    }
}
