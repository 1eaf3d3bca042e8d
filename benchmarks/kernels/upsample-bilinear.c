/* Twice as fine by bilinear interpolation, old points kept: out is (2h-1) x (2w-1),
 *   out[2y,2x] = in[y,x], and new points are the mean of their two or four old neighbours. */
#ifndef REAL
#define REAL float
#endif

void upsample_bilinear(int h, int w, const REAL in[h][w], REAL out[2 * h - 1][2 * w - 1])
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            out[2 * y][2 * x] = in[y][x];
    for (int y = 0; y < 2 * h - 1; y += 2)
        for (int x = 1; x < 2 * w - 1; x += 2)
            out[y][x] = (out[y][x - 1] + out[y][x + 1]) / 2;
    for (int y = 1; y < 2 * h - 1; y += 2)
        for (int x = 0; x < 2 * w - 1; x++)
            out[y][x] = (out[y - 1][x] + out[y + 1][x]) / 2;
}
