/* A convolution of 3 x 3, a bias for each feature, and what is below zero cut off. */

void conv_bias_relu(int h, int w, int c, int f, const float in[h + 2][w + 2][c],
                    const float weight[3][3][c][f], const float bias[f], float out[h][w][f])
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int o = 0; o < f; o++) {
                float sum = bias[o];
                for (int dy = 0; dy < 3; dy++)
                    for (int dx = 0; dx < 3; dx++)
                        for (int i = 0; i < c; i++)
                            sum += in[y + dy][x + dx][i] * weight[dy][dx][i][o];
                out[y][x][o] = sum > 0.0f ? sum : 0.0f;
            }
}
