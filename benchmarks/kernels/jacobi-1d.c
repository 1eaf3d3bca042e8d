/* Jacobi's smoothing on a line:  b[i] = (a[i-1] + a[i] + a[i+1]) / 3,  and back into a, steps times. */
#ifndef REAL
#define REAL double
#endif

void jacobi_1d(int steps, int n, REAL *restrict a, REAL *restrict b)
{
    const REAL third = (REAL)(1.0 / 3.0);

    for (int t = 0; t < steps; t++) {
        for (int i = 1; i < n - 1; i++)
            b[i] = third * (a[i - 1] + a[i] + a[i + 1]);
        for (int i = 1; i < n - 1; i++)
            a[i] = third * (b[i - 1] + b[i] + b[i + 1]);
    }
}
