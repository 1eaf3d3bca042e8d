/* Rank-two update and two products:  A := A + u1 v1^T + u2 v2^T,  x := x + beta A^T y + z,  w := alpha A x. */
#ifndef N
#define N 2000
#endif
#ifndef REAL
#define REAL double
#endif

void gemver(REAL alpha, REAL beta, REAL A[N][N], const REAL u1[N], const REAL v1[N], const REAL u2[N],
            const REAL v2[N], REAL w[N], REAL x[N], const REAL y[N], const REAL z[N])
{
    int i, j;

    for (i = 0; i < N; i++)
        for (j = 0; j < N; j++)
            A[i][j] += u1[i] * v1[j] + u2[i] * v2[j];

    for (i = 0; i < N; i++)
        for (j = 0; j < N; j++)
            x[i] += beta * A[j][i] * y[j];

    for (i = 0; i < N; i++)
        x[i] += z[i];

    for (i = 0; i < N; i++) {
        w[i] = 0;
        for (j = 0; j < N; j++)
            w[i] += alpha * A[i][j] * x[j];
    }
}
