/* Symmetric matrix product:  C := alpha S B + beta C,  where S (m x m) is symmetric and only its lower
 * triangle is kept, in A:  S[i,k] = A[i,k] for k <= i, A[k,i] for k > i. */
#ifndef REAL
#define REAL double
#endif

void symm(int m, int n, REAL alpha, REAL beta, REAL C[m][n], const REAL A[m][m], const REAL B[m][n])
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            REAL below = 0;
            for (int k = 0; k < i; k++) {
                C[k][j] += alpha * B[i][j] * A[i][k];
                below += B[k][j] * A[i][k];
            }
            C[i][j] = beta * C[i][j] + alpha * B[i][j] * A[i][i] + alpha * below;
        }
}
