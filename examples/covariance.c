/* Covariance of the columns of a table: n observations of m variables.
 * Only half of the result is computed; the other half is its mirror image.
 */
void covariance(int n, int m, const double x[n][m], double cov[m][m])
{
    double mean[m];

    for (int j = 0; j < m; ++j) {
        double total = 0.0;
        for (int i = 0; i < n; ++i)
            total += x[i][j];
        mean[j] = total / n;
    }

    for (int a = 0; a < m; ++a)
        for (int b = a; b < m; ++b) {
            double s = 0.0;
            for (int i = 0; i < n; ++i)
                s += (x[i][a] - mean[a]) * (x[i][b] - mean[b]);
            cov[a][b] = s / (n - 1.0);
            cov[b][a] = cov[a][b];
        }
}
