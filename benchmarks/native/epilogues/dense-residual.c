/* A dense layer with a bias, x / (1 + |x|), and what is passed around it. */

void dense_residual(int m, int n, int k, const float a[m][k], const float b[k][n], const float bias[n],
                    const float skip[m][n], float out[m][n])
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            float sum = 0.0f;
            for (int p = 0; p < k; p++)
                sum += a[i][p] * b[p][j];
            sum = sum + bias[j];
            out[i][j] = sum / (1.0f + (sum < 0.0f ? -sum : sum)) + skip[i][j];
        }
}
