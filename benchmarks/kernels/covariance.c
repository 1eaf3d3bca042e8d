/* Covariance of the columns of data (n observations of m variables):
 *   mean[j] = sum_i data[i,j] / n,   cov[i,j] = sum_k (data[k,i] - mean[i]) (data[k,j] - mean[j]) / (n - 1).
 * The data are centred in place; the upper triangle is computed and mirrored. */
#ifndef REAL
#define REAL double
#endif

void covariance(int m, int n, REAL data[n][m], REAL cov[m][m], REAL mean[m])
{
    const REAL count = (REAL)n;

    for (int j = 0; j < m; j++) {
        mean[j] = 0;
        for (int i = 0; i < n; i++)
            mean[j] += data[i][j];
        mean[j] /= count;
    }

    for (int i = 0; i < n; i++)
        for (int j = 0; j < m; j++)
            data[i][j] -= mean[j];

    for (int i = 0; i < m; i++)
        for (int j = i; j < m; j++) {
            cov[i][j] = 0;
            for (int k = 0; k < n; k++)
                cov[i][j] += data[k][i] * data[k][j];
            cov[i][j] /= count - (REAL)1;
            cov[j][i] = cov[i][j];
        }
}
