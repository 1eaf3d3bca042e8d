/* Normal equations' matrix times a vector:  y := A^T (A x),  A of m x n; A is read once, row by row. */
#ifndef REAL
#define REAL double
#endif

void atax(int m, int n, const REAL A[m][n], const REAL x[n], REAL y[n])
{
    int i, j;

    for (j = 0; j < n; j++)
        y[j] = 0;
    for (i = 0; i < m; i++) {
        REAL t = 0;
        for (j = 0; j < n; j++)
            t += A[i][j] * x[j];
        for (j = 0; j < n; j++)
            y[j] += t * A[i][j];
    }
}
