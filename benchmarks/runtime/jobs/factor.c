/* LU without pivoting, again and again: every round factors a matrix that the rounds before have made. */
void factor(int rounds, int n, float A[n][n], float L[n][n])
{
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                L[i][j] = A[i][j] + (i == j ? 64.0f : 0.0f);
        for (int k = 0; k < n; k++) {
            for (int i = k + 1; i < n; i++)
                L[i][k] /= L[k][k];
            for (int i = k + 1; i < n; i++)
                for (int j = k + 1; j < n; j++)
                    L[i][j] -= L[i][k] * L[k][j];
        }
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                A[i][j] = 0.75f * A[i][j] + 0.00390625f * L[i][j];
    }
}
