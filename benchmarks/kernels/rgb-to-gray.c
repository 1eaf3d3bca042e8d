/* Luma of interleaved pixels in fixed point:  gray[i] = (77 r + 150 g + 29 b + 128) >> 8. */
#include <stdint.h>

void rgb_to_gray(int pixels, const uint8_t *rgb, uint8_t *gray)
{
    for (int i = 0; i < pixels; i++) {
        const unsigned r = rgb[3 * i];
        const unsigned g = rgb[3 * i + 1];
        const unsigned b = rgb[3 * i + 2];
        gray[i] = (uint8_t)((77 * r + 150 * g + 29 * b + 128) >> 8);
    }
}
