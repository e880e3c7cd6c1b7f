/* The discrete Fourier transform of real sound, four lanes at a time (pm_lanes.h).
 *
 * A window of W samples is taken as W / 2 complex numbers, even samples real, odd ones imaginary, transformed by Stockham's
 * self-sorting method in stages of radix 4, 5 and 2, and taken apart by symmetry. Real and imaginary parts lie apart, so that
 * every loop reads and writes whole lanes. Nothing is allocated. */
#ifndef PM_FOURIER_H
#define PM_FOURIER_H

#include "pm_types.h"

enum {
    PM_WINDOW_MAX = 640, /* 40 ms at 16 kHz */
    PM_POINTS_MAX = PM_WINDOW_MAX / 2,
    PM_BINS_MAX = PM_POINTS_MAX + 1
};

/* A spectrum: window / 2 + 1 bins from 0 Hz to half the rate. The outer two have no imaginary part. */
struct pm_bins {
    float re[PM_BINS_MAX], im[PM_BINS_MAX];
};

struct pm_complex {
    float re[PM_POINTS_MAX], im[PM_POINTS_MAX];
};

struct pm_fourier {
    size_t points;              /* window / 2 */
    struct pm_complex half;     /* exp(-2 pi i k / window): parts even from odd samples */
    struct pm_complex turns[3]; /* exp(-2 pi i k / points), its square and its cube: between the stages */
};

/* PM_EARG: a window other than 160, 320 or 640 samples. */
int pm_fourier_init(struct pm_fourier *fourier, size_t window);
/* `window` samples in, their bins out. */
void pm_fourier_forward(const struct pm_fourier *fourier, const float *samples, struct pm_bins *bins);
/* The way back: `window` samples, window times as large as those that came in. */
void pm_fourier_inverse(const struct pm_fourier *fourier, const struct pm_bins *bins, float *samples);

#endif
