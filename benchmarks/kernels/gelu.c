/* GELU, tanh form, in place:  x := x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2. A pointer runs to the end. */
#include <math.h>

#ifndef REAL
#define REAL float
#endif

static inline REAL gelu_of(REAL x)
{
    const REAL root = (REAL)0.7978845608028654;
    return (REAL)0.5 * x * (1 + tanh(root * (x + (REAL)0.044715 * x * x * x)));
}

void gelu(int n, REAL *x)
{
    int left = n;
    while (left > 0) {
        *x = gelu_of(*x);
        x++;
        left--;
    }
}
