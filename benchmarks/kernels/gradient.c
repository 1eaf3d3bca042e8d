/* Central differences of an image, and their length:
 *   gx = (in[y,x+1] - in[y,x-1]) / 2,  gy = (in[y+1,x] - in[y-1,x]) / 2,  length = sqrt(gx^2 + gy^2);
 * the border is left alone. */
#include <math.h>

#ifndef REAL
#define REAL float
#endif
#define AT(image, y, x) ((image)[(y) * stride + (x)])

void gradient(int h, int stride, const REAL *in, REAL *restrict gx, REAL *restrict gy, REAL *restrict length)
{
    for (int y = 1; y < h - 1; y++)
        for (int x = 1; x < stride - 1; x++) {
            const REAL dx = (AT(in, y, x + 1) - AT(in, y, x - 1)) / 2;
            const REAL dy = (AT(in, y + 1, x) - AT(in, y - 1, x)) / 2;
            AT(gx, y, x) = dx;
            AT(gy, y, x) = dy;
            AT(length, y, x) = sqrt(dx * dx + dy * dy);
        }
}
