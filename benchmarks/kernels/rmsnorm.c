/* Root-mean-square normalisation of one vector:  y[i] = w[i] x[i] / sqrt(sum_j x[j]^2 / n + 1e-5). */
#include <math.h>

#ifndef REAL
#define REAL float
#endif

void rmsnorm(REAL *y, const REAL *x, const REAL *w, int n)
{
    REAL square = 0;
    for (int j = 0; j < n; j++)
        square += x[j] * x[j];
    square /= n;
    square += (REAL)1e-5;
    square = (REAL)1.0 / sqrt(square);
    for (int j = 0; j < n; j++)
        y[j] = w[j] * (square * x[j]);
}
