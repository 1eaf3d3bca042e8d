/* Heat equation in space, explicit: v = u + r (second differences of u along the three axes), and back. */
#ifndef N
#define N 120
#endif
#ifndef REAL
#define REAL double
#endif

static void step(REAL (*restrict v)[N][N], REAL (*u)[N][N], REAL r)
{
    for (int i = 1; i < N - 1; i++)
        for (int j = 1; j < N - 1; j++)
            for (int k = 1; k < N - 1; k++)
                v[i][j][k] = u[i][j][k]
                             + r * (u[i + 1][j][k] - 2 * u[i][j][k] + u[i - 1][j][k])
                             + r * (u[i][j + 1][k] - 2 * u[i][j][k] + u[i][j - 1][k])
                             + r * (u[i][j][k + 1] - 2 * u[i][j][k] + u[i][j][k - 1]);
}

void heat_3d(int steps, REAL A[N][N][N], REAL B[N][N][N])
{
    for (int t = 1; t <= steps; t++) {
        step(B, A, (REAL)0.125);
        step(A, B, (REAL)0.125);
    }
}
