/* A convolution layer with bias and ReLU: NCHW images, OIHW weights, stride 1, no padding.
 * The images are h x w, the windows r x s, and so the results (h - r + 1) x (w - s + 1).
 */
void conv2d(int batch, int in, int out, int h, int w, int r, int s,
            float image[batch][in][h][w], float weight[out][in][r][s], float bias[out],
            float result[batch][out][h - r + 1][w - s + 1])
{
    for (int b = 0; b < batch; b++)
        for (int o = 0; o < out; o++)
            for (int y = 0; y < h - r + 1; y++)
                for (int x = 0; x < w - s + 1; x++) {
                    float sum = bias[o];
                    for (int c = 0; c < in; c++)
                        for (int dy = 0; dy < r; dy++)
                            for (int dx = 0; dx < s; dx++)
                                sum += image[b][c][y + dy][x + dx] * weight[o][c][dy][dx];
                    result[b][o][y][x] = sum > 0.0f ? sum : 0.0f;
                }
}
