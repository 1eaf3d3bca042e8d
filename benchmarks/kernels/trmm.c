/* Triangular matrix product in place:  B := alpha L^T B,  L (m x m) lower triangular with unit diagonal, so
 *   B[i,j] := alpha (B[i,j] + sum over k > i of A[k,i] B[k,j]). */
#ifndef REAL
#define REAL double
#endif

void trmm(int m, int n, REAL alpha, const REAL A[m][m], REAL B[m][n])
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            for (int k = i + 1; k < m; k++)
                B[i][j] += A[k][i] * B[k][j];
            B[i][j] *= alpha;
        }
}
