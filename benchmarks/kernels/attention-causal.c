/* Causal attention of one head: position i sees j <= i only.
 *   s[i,j] = q[i].k[j] / sqrt(d),  p[i,j] = exp(s[i,j] - m_i) / sum_{j' <= i} exp(s[i,j'] - m_i),
 *   o[i] = sum_{j <= i} p[i,j] v[j]. Flat pointers; the scores of one row are kept. */
#include <math.h>

#ifndef REAL
#define REAL float
#endif

void attention_causal(int n, int d, const REAL *q, const REAL *k, const REAL *v, REAL *restrict o)
{
    REAL score[n];
    const REAL root = sqrt((REAL)d);

    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) {
            REAL dot = 0;
            for (int c = 0; c < d; c++)
                dot += q[i * d + c] * k[j * d + c];
            score[j] = dot / root;
        }
        REAL largest = score[0];
        for (int j = 1; j <= i; j++)
            largest = score[j] > largest ? score[j] : largest;
        REAL sum = 0;
        for (int j = 0; j <= i; j++) {
            score[j] = exp(score[j] - largest);
            sum += score[j];
        }
        for (int c = 0; c < d; c++)
            o[i * d + c] = 0;
        for (int j = 0; j <= i; j++)
            for (int c = 0; c < d; c++)
                o[i * d + c] += score[j] / sum * v[j * d + c];
    }
}
