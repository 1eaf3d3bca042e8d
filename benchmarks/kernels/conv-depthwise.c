/* Depthwise 3 x 3 convolution: each channel has its own filter.
 *   out[c,y,x] = sum_{dy,dx} in[c,y+dy,x+dx] w[c,dy,dx]. The nine taps are written out. */
#ifndef REAL
#define REAL float
#endif

void conv_depthwise(int channels, int h, int w, const REAL *in, const REAL *weight, REAL *restrict out)
{
    const int oh = h - 2, ow = w - 2;

    for (int c = 0; c < channels; c++) {
        const REAL *image = in + c * h * w;
        const REAL *tap = weight + 9 * c;
        for (int y = 0; y < oh; y++)
            for (int x = 0; x < ow; x++)
                out[(c * oh + y) * ow + x] =
                    image[y * w + x] * tap[0] + image[y * w + x + 1] * tap[1] + image[y * w + x + 2] * tap[2]
                    + image[(y + 1) * w + x] * tap[3] + image[(y + 1) * w + x + 1] * tap[4]
                    + image[(y + 1) * w + x + 2] * tap[5] + image[(y + 2) * w + x] * tap[6]
                    + image[(y + 2) * w + x + 1] * tap[7] + image[(y + 2) * w + x + 2] * tap[8];
    }
}
