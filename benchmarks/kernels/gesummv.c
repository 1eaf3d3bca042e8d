/* Sum of two matrix-vector products:  y := alpha A x + beta B x,  A and B of n x n.
 * Written with while loops and a leading dimension. */
#ifndef REAL
#define REAL double
#endif

void gesummv(int n, REAL alpha, REAL beta, const REAL *A, const REAL *B, const REAL *x, REAL *y)
{
    int i = 0;
    while (i < n) {
        REAL first = 0, second = 0;
        int j = 0;
        while (j < n) {
            first += A[i * n + j] * x[j];
            second += B[i * n + j] * x[j];
            j++;
        }
        y[i] = alpha * first + beta * second;
        i++;
    }
}
