/* Two thresholds on a 16-bit image: 0 below low, 255 at high and above, a linear ramp between them. */
#include <stdint.h>

void threshold(int h, int w, unsigned low, unsigned high, const uint16_t in[h][w], uint8_t out[h][w])
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            unsigned v = in[y][x];
            if (v < low)
                out[y][x] = 0;
            else if (v >= high)
                out[y][x] = 255;
            else
                out[y][x] = (uint8_t)((v - low) * 255 / (high - low));
        }
}
