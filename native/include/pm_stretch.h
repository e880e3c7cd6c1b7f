/* Time stretching: one pitch period more or less, cross-faded where the signal repeats itself, so the delay changes without a jump.
 * In a pause, where there is no period, any length will do. Pure functions on a buffer of samples. */
#ifndef PM_STRETCH_H
#define PM_STRETCH_H

#include "pm_samples.h"

enum {
    PM_STRETCH_LAG_MIN = PM_MS(5) / 2, /* 400 Hz */
    PM_STRETCH_LAG_MAX = PM_MS(15),
    PM_STRETCH_WINDOW = PM_MS(10),
    /* Samples that shortening needs: the longest lag and the window behind it, or the longest lag twice. */
    PM_STRETCH_NEEDS = 2 * PM_STRETCH_LAG_MAX
};

/* Removes one period from the beginning of x[0 .. n). Returns the samples removed; 0 when n is below PM_STRETCH_NEEDS or nothing
 * repeats with a correlation of `match`. */
unsigned pm_stretch_shorten(int16_t *x, size_t n, float match);

/* Inserts one period before x[0 .. n), built from the signal and what was heard before it: PM_STRETCH_LAG_MAX samples lie before x,
 * and as many are free behind n. Returns the samples inserted or 0. */
unsigned pm_stretch_lengthen(int16_t *x, size_t n, float match);

/* As these, by up to `wanted` samples that need not be a period: for pauses only. Returns how many, at most PM_STRETCH_LAG_MAX. */
unsigned pm_stretch_cut(int16_t *x, size_t n, unsigned wanted);
unsigned pm_stretch_fill(int16_t *x, size_t n, unsigned wanted);

#endif
