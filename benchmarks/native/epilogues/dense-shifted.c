/* A dense layer of bytes in whole numbers: a multiplier of 32 bits, a rounding shift, saturation. */
#include <stdint.h>

void dense_shifted(int m, int n, int k, const int8_t a[m][k], const int8_t b[n][k], const int32_t bias[n],
                   int32_t multiplier, int8_t out[m][n])
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            int32_t sum = 0;
            for (int p = 0; p < k; p++)
                sum += (int32_t)a[i][p] * (int32_t)b[j][p];
            int64_t wide = ((int64_t)(sum + bias[j]) * multiplier + (1 << 14)) >> 15;
            int64_t low = wide < -128 ? -128 : wide;
            out[i][j] = (int8_t)(low > 127 ? 127 : low);
        }
}
