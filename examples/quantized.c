/* A quantized layer: int8 weights and activations, exact int32 sums, walked through with pointers.
 * C promotes each factor to int before it multiplies; the lifted program must do the same.
 */
#include <stdint.h>

void quantized(int rows, int columns, const int8_t *weights, const int8_t *x, int32_t *y)
{
    for (int i = 0; i < rows; i++) {
        int32_t sum = 0;
        for (int j = 0; j < columns; j++)
            sum += *weights++ * x[j];
        y[i] = sum;
    }
}
