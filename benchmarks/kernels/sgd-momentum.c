/* A step of gradient descent with momentum and weight decay:
 *   v := momentum v + g + decay w,   w := w - rate v. */
#ifndef REAL
#define REAL float
#endif

void sgd_momentum(int n, REAL rate, REAL momentum, REAL decay, REAL *restrict w, REAL *restrict v,
                  const REAL *restrict g)
{
    for (int i = 0; i < n; i++) {
        v[i] = momentum * v[i] + g[i] + decay * w[i];
        w[i] -= rate * v[i];
    }
}
