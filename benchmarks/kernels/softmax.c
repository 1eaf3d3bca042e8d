/* Softmax of rows, in place:  x[r,i] := exp(x[r,i] - max_j x[r,j]) / sum_k exp(x[r,k] - max_j x[r,j]). */
#include <math.h>

#ifndef REAL
#define REAL float
#endif

void softmax(int rows, int n, REAL x[rows][n])
{
    for (int r = 0; r < rows; r++) {
        REAL largest = x[r][0];
        for (int i = 1; i < n; i++)
            if (x[r][i] > largest)
                largest = x[r][i];
        REAL sum = 0;
        for (int i = 0; i < n; i++) {
            x[r][i] = exp(x[r][i] - largest);
            sum += x[r][i];
        }
        for (int i = 0; i < n; i++)
            x[r][i] /= sum;
    }
}
