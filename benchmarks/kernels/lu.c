/* LU factors in place without pivoting:  A = L U,  L with unit diagonal below, U on and above the diagonal.
 * Right-looking: column k is scaled, then the rest is updated by an outer product. */
#ifndef REAL
#define REAL double
#endif

void lu(int n, REAL A[n][n])
{
    for (int k = 0; k < n; k++) {
        for (int i = k + 1; i < n; i++)
            A[i][k] /= A[k][k];
        for (int i = k + 1; i < n; i++)
            for (int j = k + 1; j < n; j++)
                A[i][j] -= A[i][k] * A[k][j];
    }
}
