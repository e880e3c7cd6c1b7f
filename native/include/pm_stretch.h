/* Time stretching: one pitch period more or less, cross-faded where the signal repeats itself, so the delay changes without a jump.
 * In a pause, where there is no period, any length will do. Pure functions on a buffer of samples. */
#ifndef PM_STRETCH_H
#define PM_STRETCH_H

#include "pm_samples.h"

enum {
    PM_STRETCH_LAG_MS = 15, /* the longest period; the shortest is 2.5 ms, 400 Hz */
    PM_STRETCH_WINDOW_MS = 10,
    /* What shortening needs: the longest lag and the window behind it, or the longest lag twice. */
    PM_STRETCH_NEEDS_MS = 2 * PM_STRETCH_LAG_MS,
    PM_STRETCH_LAG_MAX = PM_MS_MAX(PM_STRETCH_LAG_MS) /* capacity */
};

/* Removes one period from the beginning of x[0 .. n). Returns the samples removed; 0 when n is below PM_STRETCH_NEEDS_MS or nothing
 * repeats with a correlation of `match`. */
unsigned pm_stretch_shorten(int16_t *x, size_t n, float match, unsigned per_ms);

/* Inserts one period before x[0 .. n), built from the signal and what was heard before it: PM_STRETCH_LAG_MS lie before x,
 * and as much is free behind n. Returns the samples inserted or 0. */
unsigned pm_stretch_lengthen(int16_t *x, size_t n, float match, unsigned per_ms);

/* As these, by up to `wanted` samples that need not be a period: for pauses only. Returns how many, at most
 * PM_STRETCH_LAG_MS of them. */
unsigned pm_stretch_cut(int16_t *x, size_t n, unsigned wanted, unsigned per_ms);
unsigned pm_stretch_fill(int16_t *x, size_t n, unsigned wanted, unsigned per_ms);

#endif
