/* Forward substitution:  L x = b,  x[i] = (b[i] - sum_{j<i} L[i,j] x[j]) / L[i,i]. One pointer per row. */
#ifndef REAL
#define REAL double
#endif

void trisolv(int n, const REAL *L, REAL *restrict x, const REAL *b)
{
    const REAL *row = L;
    for (int i = 0; i < n; i++, row += n) {
        REAL rest = b[i];
        for (int j = 0; j < i; j++)
            rest -= row[j] * x[j];
        x[i] = rest / row[i];
    }
}
