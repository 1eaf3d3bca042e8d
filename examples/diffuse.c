/* Heat that spreads over an image: a five-point stencil, stepped in time.
 * Every step needs the one before it, so the loop over time must stay; what is inside it need not.
 */
#define AT(y, x) ((y) * width + (x))

void diffuse(int steps, int height, int width, float rate, float *image, float *next)
{
    for (int t = 0; t < steps; t++) {
        for (int y = 1; y < height - 1; y++)
            for (int x = 1; x < width - 1; x++)
                next[AT(y, x)] = image[AT(y, x)]
                               + rate * (image[AT(y - 1, x)] + image[AT(y + 1, x)]
                                         + image[AT(y, x - 1)] + image[AT(y, x + 1)]
                                         - 4.0f * image[AT(y, x)]);

        for (int y = 1; y < height - 1; y++)
            for (int x = 1; x < width - 1; x++)
                image[AT(y, x)] = next[AT(y, x)];
    }
}
