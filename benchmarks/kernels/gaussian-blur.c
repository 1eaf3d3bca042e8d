/* Binomial blur (1 4 6 4 1)/16 along rows, then along columns; pixels beyond an edge repeat it. */
#ifndef REAL
#define REAL float
#endif

#define CLAMP(i, n) ((i) < 0 ? 0 : (i) > (n) - 1 ? (n) - 1 : (i))

void gaussian_blur(int h, int w, const REAL in[h][w], REAL out[h][w])
{
    static const REAL weight[5] = {1, 4, 6, 4, 1};
    REAL rows[h][w];

    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            REAL sum = 0;
            for (int d = 0; d < 5; d++)
                sum += weight[d] * in[y][CLAMP(x + d - 2, w)];
            rows[y][x] = sum / 16;
        }
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            REAL sum = 0;
            for (int d = 0; d < 5; d++)
                sum += weight[d] * rows[CLAMP(y + d - 2, h)][x];
            out[y][x] = sum / 16;
        }
}
