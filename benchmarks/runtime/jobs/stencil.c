/* A five-point stencil over unsigned integers modulo 2^32: an iteration left out, done twice or done from other
 * numbers changes every element after it. */
void stencil(int steps, int n, unsigned A[n][n], unsigned B[n][n])
{
    for (int t = 0; t < steps; t++) {
        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < n - 1; j++)
                B[i][j] = 3 * A[i][j] + A[i - 1][j] + A[i + 1][j] + A[i][j - 1] + A[i][j + 1];
        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < n - 1; j++)
                A[i][j] = 5 * B[i][j] + 1;
    }
}
