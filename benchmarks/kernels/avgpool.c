/* Mean over 3 x 3 windows, two apart:  out[c,y,x] = (1/9) sum_{dy,dx} in[c,2y+dy,2x+dx]. The input is
 * stepped through in its own coordinates. */
#ifndef REAL
#define REAL float
#endif

void avgpool(int channels, int oh, int ow, const REAL in[channels][2 * oh + 1][2 * ow + 1],
             REAL out[channels][oh][ow])
{
    for (int c = 0; c < channels; c++)
        for (int y = 0; y < 2 * oh; y += 2)
            for (int x = 0; x < 2 * ow; x += 2) {
                REAL sum = 0;
                for (int dy = 0; dy < 3; dy++)
                    for (int dx = 0; dx < 3; dx++)
                        sum += in[c][y + dy][x + dx];
                out[c][y / 2][x / 2] = sum / 9;
            }
}
