/* Jacobi's smoothing in the plane, each point and its four neighbours averaged; A to B and back, steps times. */
#ifndef REAL
#define REAL double
#endif
#define STAR(X, i, j) ((X)[i][j] + (X)[i][(j) - 1] + (X)[i][(j) + 1] + (X)[(i) - 1][j] + (X)[(i) + 1][j])

void jacobi_2d(int steps, int n, REAL A[n][n], REAL B[n][n])
{
    for (int t = 0; t < steps; t++) {
        for (int i = 1; i <= n - 2; i++)
            for (int j = 1; j <= n - 2; j++)
                B[i][j] = (REAL)0.2 * STAR(A, i, j);
        for (int i = 1; i <= n - 2; i++)
            for (int j = 1; j <= n - 2; j++)
                A[i][j] = (REAL)0.2 * STAR(B, i, j);
    }
}
