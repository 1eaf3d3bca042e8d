/* Gauss-Seidel in the plane: each inner point becomes the mean of its 3 x 3 neighbourhood, in place, so that
 * points above and to the left are new already; steps sweeps. */
#ifndef REAL
#define REAL double
#endif

void seidel_2d(int steps, int n, REAL *a)
{
    for (int t = 0; t < steps; t++)
        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < n - 1; j++) {
                REAL above = a[(i - 1) * n + j - 1] + a[(i - 1) * n + j] + a[(i - 1) * n + j + 1];
                REAL beside = a[i * n + j - 1] + a[i * n + j] + a[i * n + j + 1];
                REAL below = a[(i + 1) * n + j - 1] + a[(i + 1) * n + j] + a[(i + 1) * n + j + 1];
                a[i * n + j] = (above + beside + below) / 9;
            }
}
