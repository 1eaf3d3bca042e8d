/* Two products in a row:  D := alpha A B C + beta D.
 * A is ni x nk, B is nk x nj, C is nj x nl, D is ni x nl. Row-major in flat memory, a row at a time. */
#ifndef REAL
#define REAL double
#endif

void two_matmul(int ni, int nj, int nk, int nl, REAL alpha, REAL beta, const REAL *restrict a,
                const REAL *restrict b, const REAL *restrict c, REAL *restrict d)
{
    REAL row[nj];

    for (int i = 0; i < ni; ++i) {
        for (int j = 0; j < nj; ++j) {
            REAL sum = 0;
            for (int k = 0; k < nk; ++k)
                sum += a[i * nk + k] * b[k * nj + j];
            row[j] = alpha * sum;
        }
        for (int l = 0; l < nl; ++l) {
            REAL sum = beta * d[i * nl + l];
            for (int j = 0; j < nj; ++j)
                sum += row[j] * c[j * nl + l];
            d[i * nl + l] = sum;
        }
    }
}
