/* 3 x 3 convolution with stride 2 and zero padding of 1, NHWC, all sizes fixed:
 *   out[y,x,f] = sum_{dy,dx,c} in[2y+dy-1, 2x+dx-1, c] w[dy,dx,c,f], reading 0 outside. */
#ifndef H
#define H 112
#endif
#ifndef W
#define W 112
#endif
#ifndef C
#define C 32
#endif
#ifndef F
#define F 64
#endif
#ifndef REAL
#define REAL float
#endif
#define OH ((H + 1) / 2)
#define OW ((W + 1) / 2)

void conv2d_strided(const REAL in[H][W][C], const REAL weight[3][3][C][F], REAL out[OH][OW][F])
{
    for (int y = 0; y < OH; y++)
        for (int x = 0; x < OW; x++) {
            for (int f = 0; f < F; f++)
                out[y][x][f] = 0;
            for (int dy = 0; dy < 3; dy++)
                for (int dx = 0; dx < 3; dx++) {
                    const int iy = 2 * y + dy - 1;
                    const int ix = 2 * x + dx - 1;
                    if (iy < 0 || iy >= H || ix < 0 || ix >= W)
                        continue;
                    for (int c = 0; c < C; c++)
                        for (int f = 0; f < F; f++)
                            out[y][x][f] += in[iy][ix][c] * weight[dy][dx][c][f];
                }
        }
}
