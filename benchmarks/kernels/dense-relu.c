/* Dense layer:  y[s,o] = max(0, bias[o] + sum_i x[s,i] w[o,i]). Pointers walk over x and w. */
#ifndef REAL
#define REAL float
#endif

void dense_relu(int samples, int inputs, int outputs, const REAL *x, const REAL *w, const REAL *bias,
                REAL *restrict y)
{
    for (int s = 0; s < samples; s++) {
        const REAL *weight = w;
        for (int o = 0; o < outputs; o++) {
            const REAL *in = x + s * inputs;
            REAL sum = bias[o];
            for (int i = 0; i < inputs; i++)
                sum += *in++ * *weight++;
            *y++ = sum > 0 ? sum : 0;
        }
    }
}
