/* Three products:  G := (A B) (C D), the inner ones kept in E and F, which the caller gives.
 * A is ni x nk, B is nk x nj, C is nj x nm, D is nm x nl. Some loops run backwards; the sum may. */
#ifndef REAL
#define REAL double
#endif

static inline REAL multiply_add(REAL sum, REAL x, REAL y)
{
    return sum + x * y;
}

void three_matmul(int ni, int nj, int nk, int nl, int nm, const REAL *a, const REAL *b, const REAL *c,
                  const REAL *d, REAL *restrict e, REAL *restrict f, REAL *restrict g)
{
    int i, j, k;

    for (i = ni - 1; i >= 0; i--)
        for (j = 0; j < nj; j++) {
            e[i * nj + j] = 0;
            for (k = nk - 1; k >= 0; k--)
                e[i * nj + j] = multiply_add(e[i * nj + j], a[i * nk + k], b[k * nj + j]);
        }
    for (i = 0; i < nj; i++)
        for (j = nl; j-- > 0;) {
            f[i * nl + j] = 0;
            for (k = 0; k < nm; k++)
                f[i * nl + j] = multiply_add(f[i * nl + j], c[i * nm + k], d[k * nl + j]);
        }
    for (i = 0; i < ni; i++)
        for (j = 0; j < nl; j++) {
            g[i * nl + j] = 0;
            for (k = 0; k < nj; k++)
                g[i * nl + j] = multiply_add(g[i * nl + j], e[i * nj + k], f[k * nl + j]);
        }
}
