/* Gradient descent on a network of two layers: Y is to be tanh(X W) V. */
#include <math.h>

void training(int steps, int m, int d, int h, int o, float X[m][d], float Y[m][o], float W[d][h], float V[h][o])
{
    float H[m][h], E[m][o], G[m][h];
    for (int s = 0; s < steps; s++) {
        for (int i = 0; i < m; i++)
            for (int j = 0; j < h; j++) {
                float sum = 0;
                for (int k = 0; k < d; k++)
                    sum += X[i][k] * W[k][j];
                H[i][j] = tanhf(sum);
            }
        for (int i = 0; i < m; i++)
            for (int j = 0; j < o; j++) {
                float sum = 0;
                for (int k = 0; k < h; k++)
                    sum += H[i][k] * V[k][j];
                E[i][j] = sum - Y[i][j];
            }
        for (int i = 0; i < m; i++)
            for (int j = 0; j < h; j++) {
                float sum = 0;
                for (int k = 0; k < o; k++)
                    sum += E[i][k] * V[j][k];
                G[i][j] = sum * (1 - H[i][j] * H[i][j]);
            }
        for (int j = 0; j < h; j++)
            for (int k = 0; k < o; k++) {
                float sum = 0;
                for (int i = 0; i < m; i++)
                    sum += H[i][j] * E[i][k];
                V[j][k] -= 0.001f * sum;
            }
        for (int k = 0; k < d; k++)
            for (int j = 0; j < h; j++) {
                float sum = 0;
                for (int i = 0; i < m; i++)
                    sum += X[i][k] * G[i][j];
                W[k][j] -= 0.001f * sum;
            }
    }
}
