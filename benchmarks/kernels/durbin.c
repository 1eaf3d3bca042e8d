/* Levinson and Durbin's recursion for the Yule-Walker equations  T y = -r,  T symmetric Toeplitz with unit
 * diagonal and first column (1, r[0], r[1], ...). Step k extends the solution of order k to order k + 1:
 *   alpha = -(r[k] + sum_{i<k} r[k-1-i] y[i]) / beta,  y[i] += alpha y[k-1-i] (all at once),  y[k] = alpha. */
#ifndef REAL
#define REAL double
#endif

void durbin(int n, const REAL r[n], REAL y[n])
{
    REAL next[n];
    REAL alpha = -r[0];
    REAL beta = 1;

    y[0] = -r[0];
    for (int k = 1; k < n; k++) {
        beta = (1 - alpha * alpha) * beta;
        REAL sum = 0;
        for (int i = 0; i < k; i++)
            sum += r[k - i - 1] * y[i];
        alpha = -(r[k] + sum) / beta;
        for (int i = 0; i < k; i++)
            next[i] = y[i] + alpha * y[k - i - 1];
        for (int i = 0; i < k; i++)
            y[i] = next[i];
        y[k] = alpha;
    }
}
