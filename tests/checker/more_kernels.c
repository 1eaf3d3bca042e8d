/* Small functions beside the suite's, for mistakes that its kernels do not invite. */

/* How many elements are at most the limit. */
int count_at_most(int n, double limit, const double x[n])
{
    int count = 0;
    for (int i = 0; i < n; i++)
        if (x[i] <= limit)
            count++;
    return count;
}

/* First the whole, then every second element: the later write wins. */
void overlay(int n, double y[2 * n], const double a[2 * n], const double b[n])
{
    for (int i = 0; i < 2 * n; i++)
        y[i] = a[i];
    for (int i = 0; i < n; i++)
        y[2 * i] = b[i];
}

/* A running sum in place: each element is the sum of those before it and itself. */
void running_sum(int n, double x[n])
{
    for (int i = 1; i < n; i++)
        x[i] += x[i - 1];
}
