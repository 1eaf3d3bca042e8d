/* A matrix and its transpose times vectors:  x1 := x1 + A y1,  x2 := x2 + A^T y2,  A of n x n. */
#ifndef REAL
#define REAL double
#endif

void mvt(int n, REAL x1[restrict n], REAL x2[restrict n], const REAL y1[n], const REAL y2[n],
         const REAL A[n][n])
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            x1[i] = x1[i] + A[i][j] * y1[j];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            x2[i] = x2[i] + A[j][i] * y2[j];
}
