/* A quarter turn to the right:  out[x, h-1-y] = in[y, x]; read backwards with two pointers. */
void rotate(int h, int w, const int *in, int *restrict out)
{
    for (int y = h - 1; y >= 0; y--) {
        const int *row = in + y * w;
        for (int x = 0; x < w; x++)
            out[x * h + (h - 1 - y)] = row[x];
    }
}
