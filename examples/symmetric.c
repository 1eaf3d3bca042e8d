/* Product with a symmetric matrix of which only the lower triangle is stored (BLAS's dsymm):
 *   C = alpha * S * B + beta * C,   S[i][k] = A[i][k] where k <= i, and A[k][i] where k > i.
 * One pass over the triangle serves both halves, so the loops write rows above the one they are at.
 */
void symmetric(int m, int n, double alpha, double beta,
               const double A[m][m], const double B[m][n], double C[m][n])
{
    int i, j, k;

    for (i = 0; i < m; i++)
        for (j = 0; j < n; j++) {
            double below = 0.0;
            for (k = 0; k < i; k++) {
                C[k][j] += alpha * B[i][j] * A[i][k];
                below += B[k][j] * A[i][k];
            }
            C[i][j] = beta * C[i][j] + alpha * B[i][j] * A[i][i] + alpha * below;
        }
}
