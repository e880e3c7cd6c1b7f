/* The lag at which a signal repeats best: the one measurement that concealment and stretching share. Pure functions. */
#ifndef PM_PITCH_H
#define PM_PITCH_H

#include "pm_samples.h"

enum { PM_PITCH_SPAN = 25 * PM_RATE_NARROW_HZ / 1000 }; /* 25 ms, thinned */

struct pm_pitch {
    unsigned lag;      /* samples */
    float correlation; /* normalised, -1 to 1; 0 when there is no energy */
    float power;       /* mean square of the window */
};

/* Compares the `window` samples at x with those `lag` samples away, for every lag from `lag_min` to `lag_max`. With direction +1
 * the others lie behind x (x[lag ..]), with -1 before it (x[-lag ..]). The caller owns all samples touched: window + lag_max of
 * them, at most PM_PITCH_SPAN times `step`. Only the means of `step` samples are compared, and lags in such steps; the best lag is
 * found exactly afterwards. At 16 kHz a step of 2 measures what a step of 1 does at 8 kHz. */
struct pm_pitch pm_pitch_find(const int16_t *x, unsigned window, unsigned lag_min, unsigned lag_max, int direction, unsigned step);

#endif
