/* Exponential smoothing along time, for many channels at once: y[t] = a x[t] + (1 - a) y[t - 1].
 * Each step needs the one before it: the loop over time stays, the loop over channels does not.
 * What comes after it, the energy of each channel, lifts whole.
 */
void smooth(int times, int channels, double a, const double x[times][channels],
            double y[times][channels], double energy[channels])
{
    for (int c = 0; c < channels; c++)
        y[0][c] = x[0][c];

    for (int t = 1; t < times; t++)
        for (int c = 0; c < channels; c++)
            y[t][c] = a * x[t][c] + (1.0 - a) * y[t - 1][c];

    for (int c = 0; c < channels; c++) {
        energy[c] = 0.0;
        for (int t = 0; t < times; t++)
            energy[c] += y[t][c] * y[t][c];
    }
}
