/* General matrix product:  C := alpha A B + beta C,  with A of ni x nk, B of nk x nj, C of ni x nj. */
#ifndef REAL
#define REAL double
#endif

void gemm(int ni, int nj, int nk, REAL alpha, REAL beta, REAL C[ni][nj], const REAL A[ni][nk],
          const REAL B[nk][nj])
{
    for (int i = 0; i < ni; i++) {
        for (int j = 0; j < nj; j++)
            C[i][j] *= beta;
        for (int k = 0; k < nk; k++)
            for (int j = 0; j < nj; j++)
                C[i][j] += alpha * A[i][k] * B[k][j];
    }
}
