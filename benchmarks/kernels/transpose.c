/* Transpose in tiles of 8 x 8:  out[j,i] = in[i,j]. Rows and columns are counted in tiles. */
#define TILE 8

#ifndef REAL
#define REAL float
#endif

void transpose(int row_tiles, int column_tiles, const REAL in[TILE * row_tiles][TILE * column_tiles],
               REAL out[TILE * column_tiles][TILE * row_tiles])
{
    for (int ti = 0; ti < row_tiles; ti++)
        for (int tj = 0; tj < column_tiles; tj++)
            for (int i = TILE * ti; i < TILE * (ti + 1); i++)
                for (int j = TILE * tj; j < TILE * (tj + 1); j++)
                    out[j][i] = in[i][j];
}
