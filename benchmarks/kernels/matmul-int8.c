/* Quantised product with 32-bit sums:  c[i,j] = sum_k (a[i,k] - za) (b[k,j] - zb),  a unsigned, b signed bytes. */
#include <stdint.h>

void matmul_int8(int m, int n, int k, const uint8_t *a, int32_t za, const int8_t *b, int32_t zb, int32_t *c)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            int32_t sum = 0;
            for (int p = 0; p < k; p++)
                sum += ((int32_t)a[i * k + p] - za) * ((int32_t)b[p * n + j] - zb);
            c[i * n + j] = sum;
        }
}
