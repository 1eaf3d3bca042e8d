/* Multiresolution kernel, a matrix applied to the last axis in place:
 *   A[r,q,p] := sum over s of A[r,q,s] C4[s,p]. */
#ifndef REAL
#define REAL double
#endif
#define FOR(index, end) for (int index = 0; index < (end); ++index)

void doitgen(int nr, int nq, int np, REAL A[nr][nq][np], const REAL C4[np][np])
{
    REAL line[np];

    FOR (r, nr)
        FOR (q, nq) {
            FOR (p, np) {
                line[p] = 0;
                FOR (s, np)
                    line[p] += A[r][q][s] * C4[s][p];
            }
            FOR (p, np)
                A[r][q][p] = line[p];
        }
}
