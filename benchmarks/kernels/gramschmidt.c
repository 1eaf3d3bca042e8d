/* Modified Gram-Schmidt:  A = Q R,  A of m x n with m >= n. For column k:
 *   R[k,k] = |A[:,k]|,  Q[:,k] = A[:,k] / R[k,k],  and for j > k:  R[k,j] = Q[:,k].A[:,j],  A[:,j] -= Q[:,k] R[k,j]. */
#include <math.h>

#ifndef REAL
#define REAL double
#endif

void gramschmidt(int m, int n, REAL A[m][n], REAL R[n][n], REAL Q[m][n])
{
    for (int k = 0; k < n; k++) {
        REAL square = 0;
        for (int i = 0; i < m; i++)
            square += A[i][k] * A[i][k];
        R[k][k] = sqrt(square);
        for (int i = 0; i < m; i++)
            Q[i][k] = A[i][k] / R[k][k];
        for (int j = k + 1; j < n; j++) {
            R[k][j] = 0;
            for (int i = 0; i < m; i++)
                R[k][j] += Q[i][k] * A[i][j];
            for (int i = 0; i < m; i++)
                A[i][j] -= Q[i][k] * R[k][j];
        }
    }
}
