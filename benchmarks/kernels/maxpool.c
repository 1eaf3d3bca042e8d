/* Largest of each 2 x 2 tile:  out[c,y,x] = max_{dy,dx in {0,1}} in[c,2y+dy,2x+dx]. */
#include <math.h>

#ifndef REAL
#define REAL float
#endif

void maxpool(int channels, int oh, int ow, const REAL in[channels][2 * oh][2 * ow], REAL out[channels][oh][ow])
{
    for (int c = 0; c < channels; c++)
        for (int y = 0; y < oh; y++)
            for (int x = 0; x < ow; x++) {
                REAL best = in[c][2 * y][2 * x];
                for (int dy = 0; dy < 2; dy++)
                    for (int dx = 0; dx < 2; dx++)
                        best = fmax(best, in[c][2 * y + dy][2 * x + dx]);
                out[c][y][x] = best;
            }
}
