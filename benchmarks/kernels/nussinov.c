/* Nussinov's count of base pairs in a folded strand; bases are 0..3, and two pair where they add to 3.
 *   t[i,j] = max( t[i,j-1], t[i+1,j], t[i+1,j-1] + [i < j-1 and pair(i,j)], max_{i<k<j} t[i,k] + t[k+1,j] )
 * for i < j; the caller gives t full of zeros. */
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define PAIR(a, b) ((a) + (b) == 3 ? 1 : 0)

void nussinov(int n, const unsigned char strand[n], int t[n][n])
{
    for (int i = n - 1; i >= 0; i--) {
        for (int j = i + 1; j < n; j++) {
            t[i][j] = MAX(t[i][j], t[i][j - 1]);
            t[i][j] = MAX(t[i][j], t[i + 1][j]);
            if (i < j - 1)
                t[i][j] = MAX(t[i][j], t[i + 1][j - 1] + PAIR(strand[i], strand[j]));
            else
                t[i][j] = MAX(t[i][j], t[i + 1][j - 1]);
            for (int k = i + 1; k < j; k++)
                t[i][j] = MAX(t[i][j], t[i][k] + t[k + 1][j]);
        }
    }
}
