/* Yee's scheme for Maxwell's equations in the plane; the source drives the first row of ey.
 *   ey -= (d hz / dx) / 2,  ex -= (d hz / dy) / 2,  hz -= 0.7 (d ex / dy + d ey / dx). */
#ifndef REAL
#define REAL double
#endif

void fdtd_2d(int steps, int nx, int ny, REAL ex[nx][ny], REAL ey[nx][ny], REAL hz[nx][ny],
             const REAL source[steps])
{
    for (int t = 0; t < steps; t++) {
        for (int j = 0; j < ny; j++)
            ey[0][j] = source[t];
        for (int i = 1; i < nx; i++)
            for (int j = 0; j < ny; j++)
                ey[i][j] -= (REAL)0.5 * (hz[i][j] - hz[i - 1][j]);
        for (int i = 0; i < nx; i++)
            for (int j = 1; j < ny; j++)
                ex[i][j] -= (REAL)0.5 * (hz[i][j] - hz[i][j - 1]);
        for (int i = 0; i < nx - 1; i++)
            for (int j = 0; j < ny - 1; j++)
                hz[i][j] -= (REAL)0.7 * (ex[i][j + 1] - ex[i][j] + ey[i + 1][j] - ey[i][j]);
    }
}
