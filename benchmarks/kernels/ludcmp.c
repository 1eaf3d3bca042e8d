/* Solve A x = b by LU factors without pivoting:  A = L U,  then L y = b forwards and U x = y backwards. */
#ifndef N
#define N 2000
#endif
#ifndef REAL
#define REAL double
#endif

void ludcmp(REAL A[N][N], const REAL b[N], REAL x[N], REAL y[N])
{
    int i, j, k;
    REAL w;

    for (i = 0; i < N; i++) {
        for (j = 0; j < i; j++) {
            w = A[i][j];
            for (k = 0; k < j; k++)
                w -= A[i][k] * A[k][j];
            A[i][j] = w / A[j][j];
        }
        for (j = i; j < N; j++) {
            w = A[i][j];
            for (k = 0; k < i; k++)
                w -= A[i][k] * A[k][j];
            A[i][j] = w;
        }
    }

    for (i = 0; i < N; i++) {
        w = b[i];
        for (j = 0; j < i; j++)
            w -= A[i][j] * y[j];
        y[i] = w;
    }

    for (i = N - 1; i >= 0; i--) {
        w = y[i];
        for (j = i + 1; j < N; j++)
            w -= A[i][j] * x[j];
        x[i] = w / A[i][i];
    }
}
