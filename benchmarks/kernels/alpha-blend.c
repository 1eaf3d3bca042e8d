/* One image over another, bytes, rounded:  out = (alpha top + (255 - alpha) bottom + 127) / 255,  per pixel alpha
 * and three channels. */
#include <stdint.h>

void alpha_blend(int pixels, const uint8_t top[pixels][3], const uint8_t bottom[pixels][3],
                 const uint8_t alpha[pixels], uint8_t out[pixels][3])
{
    for (int i = 0; i < pixels; i++)
        for (int c = 0; c < 3; c++)
            out[i][c] = (uint8_t)((alpha[i] * top[i][c] + (255 - alpha[i]) * bottom[i][c] + 127) / 255);
}
