/* Gradient descent on a network of two layers: Y is to be f(X W) V, where f(x) = x / (1 + |x|).
 *
 * Double precision, since nothing here forgets a rounding: after some hundred thousand steps what devices round
 * differently has grown to a few dozen units in the last place, which float has no room for. */
#include <math.h>

void training(int steps, int m, int d, int h, int o, double X[m][d], double Y[m][o], double W[d][h],
              double V[h][o])
{
    double H[m][h], E[m][o], G[m][h];
    for (int s = 0; s < steps; s++) {
        for (int i = 0; i < m; i++)
            for (int j = 0; j < h; j++) {
                double sum = 0;
                for (int k = 0; k < d; k++)
                    sum += X[i][k] * W[k][j];
                H[i][j] = sum / (1 + fabs(sum));
            }
        for (int i = 0; i < m; i++)
            for (int j = 0; j < o; j++) {
                double sum = 0;
                for (int k = 0; k < h; k++)
                    sum += H[i][k] * V[k][j];
                E[i][j] = sum - Y[i][j];
            }
        for (int i = 0; i < m; i++)
            for (int j = 0; j < h; j++) {
                double sum = 0;
                for (int k = 0; k < o; k++)
                    sum += E[i][k] * V[j][k];
                G[i][j] = sum * (1 - fabs(H[i][j])) * (1 - fabs(H[i][j]));
            }
        for (int j = 0; j < h; j++)
            for (int k = 0; k < o; k++) {
                double sum = 0;
                for (int i = 0; i < m; i++)
                    sum += H[i][j] * E[i][k];
                V[j][k] -= 0.001 * sum;
            }
        for (int k = 0; k < d; k++)
            for (int j = 0; j < h; j++) {
                double sum = 0;
                for (int i = 0; i < m; i++)
                    sum += X[i][k] * G[i][j];
                W[k][j] -= 0.001 * sum;
            }
    }
}
