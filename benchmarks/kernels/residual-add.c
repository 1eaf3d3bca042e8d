/* Residual connection with a scaled branch:  x[i] := x[i] + scale branch[i], then clamped to [-limit, limit]. */
#ifndef REAL
#define REAL float
#endif

void residual_add(unsigned n, REAL scale, REAL limit, REAL *restrict x, const REAL *restrict branch)
{
    for (unsigned i = 0; i != n; ++i) {
        REAL sum = x[i] + scale * branch[i];
        if (sum > limit)
            sum = limit;
        else if (sum < -limit)
            sum = -limit;
        x[i] = sum;
    }
}
