/* Products in a batch, each row scaled, computed where the result is. */

void batched_scaled(int batches, int m, int n, int k, const float a[batches][m][k],
                    const float b[batches][k][n], const float scale[batches][m], float out[batches][m][n])
{
    for (int t = 0; t < batches; t++)
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++) {
                out[t][i][j] = 0.0f;
                for (int p = 0; p < k; p++)
                    out[t][i][j] += a[t][i][p] * b[t][p][j];
                out[t][i][j] = out[t][i][j] * scale[t][i];
            }
}
