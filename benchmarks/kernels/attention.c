/* Attention of h heads:  s = q k^T / sqrt(d),  p = softmax of the rows of s,  o = p v. */
#include <math.h>

#ifndef REAL
#define REAL float
#endif

void attention(int h, int n, int d, const REAL q[h][n][d], const REAL k[h][n][d], const REAL v[h][n][d],
               REAL p[h][n][n], REAL o[h][n][d])
{
    const REAL scale = 1 / sqrt((REAL)d);

    for (int a = 0; a < h; a++)
        for (int i = 0; i < n; i++) {
            REAL largest = -INFINITY;
            for (int j = 0; j < n; j++) {
                REAL score = 0;
                for (int c = 0; c < d; c++)
                    score += q[a][i][c] * k[a][j][c];
                p[a][i][j] = score * scale;
                largest = fmax(largest, p[a][i][j]);
            }
            REAL sum = 0;
            for (int j = 0; j < n; j++) {
                p[a][i][j] = exp(p[a][i][j] - largest);
                sum += p[a][i][j];
            }
            for (int j = 0; j < n; j++)
                p[a][i][j] /= sum;
            for (int c = 0; c < d; c++) {
                o[a][i][c] = 0;
                for (int j = 0; j < n; j++)
                    o[a][i][c] += p[a][i][j] * v[a][j][c];
            }
        }
}
