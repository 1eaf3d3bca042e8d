/* Pearson correlation of the columns of data (n observations of m variables):
 *   corr[i,j] = sum_k z[k,i] z[k,j],   z[k,j] = (data[k,j] - mean[j]) / (sqrt(n) stddev[j]).
 * A column that hardly varies gets the deviation 1, so that nothing is divided by nearly 0. */
#include <math.h>

#ifndef REAL
#define REAL double
#endif

void correlation(int m, int n, REAL *restrict data, REAL *restrict corr, REAL *restrict mean,
                 REAL *restrict stddev)
{
    const REAL tiny = (REAL)0.1;

    for (int j = 0; j < m; j++) {
        REAL sum = 0;
        for (int i = 0; i < n; i++)
            sum += data[i * m + j];
        mean[j] = sum / n;
    }
    for (int j = 0; j < m; j++) {
        REAL sum = 0;
        for (int i = 0; i < n; i++) {
            REAL distance = data[i * m + j] - mean[j];
            sum += distance * distance;
        }
        REAL deviation = sqrt(sum / n);
        stddev[j] = deviation <= tiny ? (REAL)1 : deviation;
    }

    for (int i = 0; i < n; i++)
        for (int j = 0; j < m; j++)
            data[i * m + j] = (data[i * m + j] - mean[j]) / (sqrt((REAL)n) * stddev[j]);

    for (int i = 0; i < m; i++) {
        corr[i * m + i] = 1;
        for (int j = i + 1; j < m; j++) {
            REAL sum = 0;
            for (int k = 0; k < n; k++)
                sum += data[k * m + i] * data[k * m + j];
            corr[i * m + j] = sum;
            corr[j * m + i] = sum;
        }
    }
}
