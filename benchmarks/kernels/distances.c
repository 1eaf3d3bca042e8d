/* Squared distances between two sets of points:  d[i,j] = sum_c (x[i,c] - y[j,c])^2. */
#ifndef REAL
#define REAL float
#endif

void distances(int n, int m, int dims, const REAL x[n][dims], const REAL y[m][dims], REAL d[n][m])
{
    int i = 0;
    do {
        for (int j = 0; j < m; j++) {
            d[i][j] = 0;
            for (int c = 0; c < dims; c++) {
                const REAL gap = x[i][c] - y[j][c];
                d[i][j] += gap * gap;
            }
        }
    } while (++i < n);
}
