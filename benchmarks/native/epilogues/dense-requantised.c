/* A quantised dense layer: bytes with zero points, a bias, a scale for each output, rounded and clamped. */
#include <math.h>
#include <stdint.h>

void dense_requantised(int m, int n, int k, const uint8_t a[m][k], const int8_t b[k][n], int32_t za,
                       const int32_t zb[n], const int32_t bias[n], const float scale[n], uint8_t out[m][n])
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            int32_t sum = bias[j];
            for (int p = 0; p < k; p++)
                sum += ((int32_t)a[i][p] - za) * ((int32_t)b[p][j] - zb[j]);
            float x = rintf((float)sum * scale[j]);
            x = x < 0.0f ? 0.0f : x;
            x = x > 255.0f ? 255.0f : x;
            out[i][j] = (uint8_t)x;
        }
}
