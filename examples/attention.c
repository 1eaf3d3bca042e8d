/* One head of attention: for every query, a softmax over its scores, then a weighted sum of values.
 * The largest score is subtracted before exponentiation, as is usual, so that nothing overflows.
 */
#include <math.h>

void attention(int n, int d, const float q[n][d], const float k[n][d], const float v[n][d],
               float out[n][d])
{
    float scores[n];
    const float scale = 1.0f / sqrtf((float)d);

    for (int i = 0; i < n; i++) {
        float largest = -INFINITY;
        for (int j = 0; j < n; j++) {
            float dot = 0.0f;
            for (int c = 0; c < d; c++)
                dot += q[i][c] * k[j][c];
            scores[j] = dot * scale;
            largest = fmaxf(largest, scores[j]);
        }

        float total = 0.0f;
        for (int j = 0; j < n; j++) {
            scores[j] = expf(scores[j] - largest);
            total += scores[j];
        }

        for (int c = 0; c < d; c++) {
            float sum = 0.0f;
            for (int j = 0; j < n; j++)
                sum += scores[j] * v[j][c];
            out[i][c] = sum / total;
        }
    }
}
