/* Batch normalisation at inference, in place:
 *   x[n,c,i] := gamma[c] (x[n,c,i] - mean[c]) / sqrt(var[c] + eps) + beta[c]. */
#include <math.h>

#ifndef REAL
#define REAL float
#endif

void batchnorm(int batch, int channels, int pixels, REAL eps, REAL x[batch][channels][pixels],
               const REAL gamma[channels], const REAL beta[channels], const REAL mean[channels],
               const REAL var[channels])
{
    for (int c = 0; c < channels; c++) {
        const REAL scale = gamma[c] / sqrt(var[c] + eps);
        const REAL shift = beta[c] - scale * mean[c];
        for (int n = 0; n < batch; n++)
            for (int i = 0; i < pixels; i++)
                x[n][c][i] = scale * x[n][c][i] + shift;
    }
}
