/* All shortest paths:  d[i,j] := min(d[i,j], d[i,k] + d[k,j])  for k = 0, 1, ... */
void floyd_warshall(int n, int d[n][n])
{
    for (int k = 0; k < n; k++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                d[i][j] = d[i][j] < d[i][k] + d[k][j] ? d[i][j] : d[i][k] + d[k][j];
}
