/* Mean over a 5 x 5 window, of the pixels that lie inside the image divided by 25:
 *   out[y,x] = (1/25) sum_{|dy|,|dx| <= 2} in[y+dy,x+dx]. */
#ifndef REAL
#define REAL float
#endif
#define RADIUS 2

void box_blur(int h, int w, const REAL *in, REAL *restrict out)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            REAL sum = 0;
            for (int dy = -RADIUS; dy <= RADIUS; dy++)
                for (int dx = -RADIUS; dx <= RADIUS; dx++)
                    if (y + dy >= 0 && y + dy < h && x + dx >= 0 && x + dx < w)
                        sum += in[(y + dy) * w + x + dx];
            out[y * w + x] = sum / ((2 * RADIUS + 1) * (2 * RADIUS + 1));
        }
}
