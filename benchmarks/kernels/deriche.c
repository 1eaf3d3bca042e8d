/* Deriche's recursive smoothing of a w x h image, sharpness alpha. Along each line x:
 *   f[j] = k (x[j] + e (alpha - 1) x[j-1]) + 2 e f[j-1] - e^2 f[j-2]                     left to right,
 *   g[j] = k (e (alpha + 1) x[j+1] - e^2 x[j+2]) + 2 e g[j+1] - e^2 g[j+2]               right to left,
 * and the line becomes f + g; then the same along columns. e = exp(-alpha),
 * k = (1 - e)^2 / (1 + 2 alpha e - e^2). */
#include <math.h>

#ifndef REAL
#define REAL double
#endif

void deriche(int w, int h, REAL alpha, const REAL image[w][h], REAL out[w][h], REAL f[w][h], REAL g[w][h])
{
    const REAL e = exp(-alpha);
    const REAL k = (1 - e) * (1 - e) / (1 + 2 * alpha * e - exp(-2 * alpha));
    const REAL a2 = k * e * (alpha - 1), a3 = k * e * (alpha + 1), a4 = -k * e * e;
    const REAL b1 = 2 * e, b2 = -e * e;

    for (int i = 0; i < w; i++) {
        REAL f1 = 0, f2 = 0, x1 = 0;
        for (int j = 0; j < h; j++) {
            f[i][j] = k * image[i][j] + a2 * x1 + b1 * f1 + b2 * f2;
            x1 = image[i][j];
            f2 = f1;
            f1 = f[i][j];
        }
    }
    for (int i = 0; i < w; i++) {
        REAL g1 = 0, g2 = 0, x1 = 0, x2 = 0;
        for (int j = h - 1; j >= 0; j--) {
            g[i][j] = a3 * x1 + a4 * x2 + b1 * g1 + b2 * g2;
            x2 = x1;
            x1 = image[i][j];
            g2 = g1;
            g1 = g[i][j];
        }
    }
    for (int i = 0; i < w; i++)
        for (int j = 0; j < h; j++)
            out[i][j] = f[i][j] + g[i][j];

    for (int j = 0; j < h; j++) {
        REAL f1 = 0, f2 = 0, x1 = 0;
        for (int i = 0; i < w; i++) {
            f[i][j] = k * out[i][j] + a2 * x1 + b1 * f1 + b2 * f2;
            x1 = out[i][j];
            f2 = f1;
            f1 = f[i][j];
        }
    }
    for (int j = 0; j < h; j++) {
        REAL g1 = 0, g2 = 0, x1 = 0, x2 = 0;
        for (int i = w - 1; i >= 0; i--) {
            g[i][j] = a3 * x1 + a4 * x2 + b1 * g1 + b2 * g2;
            x2 = x1;
            x1 = out[i][j];
            g2 = g1;
            g1 = g[i][j];
        }
    }
    for (int i = 0; i < w; i++)
        for (int j = 0; j < h; j++)
            out[i][j] = f[i][j] + g[i][j];
}
