/* Convolution without padding, NCHW:
 *   out[n,f,y,x] = bias[f] + sum_{c,dy,dx} in[n,c,y+dy,x+dx] w[f,c,dy,dx]. */
#ifndef REAL
#define REAL float
#endif

void conv2d(int batch, int channels, int filters, int h, int w, int kh, int kw,
            const REAL in[batch][channels][h][w], const REAL weight[filters][channels][kh][kw],
            const REAL bias[filters], REAL out[batch][filters][h - kh + 1][w - kw + 1])
{
    for (int n = 0; n < batch; n++)
        for (int f = 0; f < filters; f++)
            for (int y = 0; y <= h - kh; y++)
                for (int x = 0; x <= w - kw; x++) {
                    REAL sum = bias[f];
                    for (int c = 0; c < channels; c++)
                        for (int dy = 0; dy < kh; dy++)
                            for (int dx = 0; dx < kw; dx++)
                                sum += in[n][c][y + dy][x + dx] * weight[f][c][dy][dx];
                    out[n][f][y][x] = sum;
                }
}
