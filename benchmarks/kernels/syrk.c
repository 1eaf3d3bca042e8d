/* Symmetric rank-k update of a lower triangle:  C[i,j] := alpha sum_k A[i,k] A[j,k] + beta C[i,j]  for j <= i,
 * A of n x m. Entries above the diagonal are left alone. */
#ifndef REAL
#define REAL double
#endif

void syrk(int n, int m, REAL alpha, REAL beta, REAL C[n][n], const REAL A[n][m])
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++)
            C[i][j] *= beta;
        for (int k = 0; k < m; k++)
            for (int j = 0; j <= i; j++)
                C[i][j] += alpha * A[i][k] * A[j][k];
    }
}
