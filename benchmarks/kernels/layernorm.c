/* Layer normalisation of rows:  y[r,i] = gamma[i] (x[r,i] - m) / sqrt(v + eps) + beta[i],
 * m and v the mean and variance of row r. */
#include <math.h>

#ifndef REAL
#define REAL float
#endif

void layernorm(int rows, int n, REAL eps, const REAL *x, const REAL *gamma, const REAL *beta, REAL *restrict y)
{
    for (int r = 0; r < rows; r++, x += n, y += n) {
        REAL mean = 0, var = 0;
        for (int i = 0; i < n; i++)
            mean += x[i];
        mean /= n;
        for (int i = 0; i < n; i++)
            var += (x[i] - mean) * (x[i] - mean);
        var /= n;
        const REAL inverse = 1 / sqrt(var + eps);
        for (int i = 0; i < n; i++)
            y[i] = (x[i] - mean) * inverse * gamma[i] + beta[i];
    }
}
