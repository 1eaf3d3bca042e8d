/* The two products of a biconjugate gradient step:  s := A^T r  and  q := A p,  A of n x m.
 * One pointer walks over A. */
#ifndef REAL
#define REAL double
#endif

void bicg(int n, int m, const REAL *A, const REAL *r, const REAL *p, REAL *restrict s, REAL *restrict q)
{
    for (int j = 0; j < m; j++)
        s[j] = 0;

    const REAL *element = A;
    for (int i = 0; i < n; i++) {
        REAL sum = 0;
        for (int j = 0; j < m; j++) {
            const REAL value = *element++;
            s[j] += r[i] * value;
            sum += value * p[j];
        }
        q[i] = sum;
    }
}
