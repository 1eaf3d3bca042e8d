/* Alternating directions (Peaceman and Rachford) for the heat equation on an n x n grid, 1 on the border:
 *   (1 - r Dxx) v = (1 + s Dyy) u  along x,  then  (1 - s Dyy) u = (1 + r Dxx) v  along y.
 * Each tridiagonal system (-r, 1 + 2r, -r) is solved by Thomas' elimination: with q the eliminated
 * right-hand side, v[j] = p[j] v[j+1] + q[j]. */
#ifndef REAL
#define REAL double
#endif

void adi(int steps, int n, REAL r, REAL s, REAL u[n][n], REAL v[n][n])
{
    REAL p[n][n], q[n][n];

    for (int t = 0; t < steps; t++) {
        for (int i = 1; i < n - 1; i++) {
            v[0][i] = 1;
            p[i][0] = 0;
            q[i][0] = v[0][i];
            for (int j = 1; j < n - 1; j++) {
                REAL pivot = 1 + 2 * r - r * p[i][j - 1];
                p[i][j] = r / pivot;
                q[i][j] = (s * u[j][i - 1] + (1 - 2 * s) * u[j][i] + s * u[j][i + 1] + r * q[i][j - 1]) / pivot;
            }
            v[n - 1][i] = 1;
            for (int j = n - 2; j >= 1; j--)
                v[j][i] = p[i][j] * v[j + 1][i] + q[i][j];
        }
        for (int i = 1; i < n - 1; i++) {
            u[i][0] = 1;
            p[i][0] = 0;
            q[i][0] = u[i][0];
            for (int j = 1; j < n - 1; j++) {
                REAL pivot = 1 + 2 * s - s * p[i][j - 1];
                p[i][j] = s / pivot;
                q[i][j] = (r * v[i - 1][j] + (1 - 2 * r) * v[i][j] + r * v[i + 1][j] + s * q[i][j - 1]) / pivot;
            }
            u[i][n - 1] = 1;
            for (int j = n - 2; j >= 1; j--)
                u[i][j] = p[i][j] * u[i][j + 1] + q[i][j];
        }
    }
}
