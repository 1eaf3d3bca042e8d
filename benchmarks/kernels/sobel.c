/* Sobel's edge strength of a gray image:  min(255, |gx| + |gy|) at inner pixels, 0 on the border.
 *   gx = in * [-1 0 1; -2 0 2; -1 0 1],  gy = in * its transpose. */
#include <stdint.h>
#include <stdlib.h>

void sobel(int h, int w, const uint8_t in[h][w], uint8_t out[h][w])
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            if (y == 0 || y == h - 1 || x == 0 || x == w - 1) {
                out[y][x] = 0;
            } else {
                int gx = in[y - 1][x + 1] + 2 * in[y][x + 1] + in[y + 1][x + 1] - in[y - 1][x - 1]
                         - 2 * in[y][x - 1] - in[y + 1][x - 1];
                int gy = in[y + 1][x - 1] + 2 * in[y + 1][x] + in[y + 1][x + 1] - in[y - 1][x - 1]
                         - 2 * in[y - 1][x] - in[y - 1][x + 1];
                int strength = abs(gx) + abs(gy);
                out[y][x] = strength > 255 ? 255 : strength;
            }
        }
}
