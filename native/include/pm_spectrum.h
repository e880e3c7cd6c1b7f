/* Short-time spectra of real sound: kissfft with the windows that the echo canceller's stages share. */
#ifndef PM_SPECTRUM_H
#define PM_SPECTRUM_H

#include "pm_types.h"

enum {
    PM_FRAME_MAX = 160,               /* 10 ms at 16 kHz: the step of every stage behind the microphone */
    PM_WINDOW_MAX = 4 * PM_FRAME_MAX, /* the longest window: 40 ms */
    PM_BINS_MAX = PM_WINDOW_MAX / 2 + 1
};

struct pm_bin {
    float re, im;
};

struct pm_spectrum {
    void *forward, *inverse; /* kiss_fftr_cfg; NULL: not initialised */
    size_t window;
    float shape[PM_WINDOW_MAX]; /* square root of Hann: twice applied at half overlap it adds up to one */
};

/* `window` even, at most PM_WINDOW_MAX. Allocates, the only place that does. PM_ESYSTEM: no memory. */
int pm_spectrum_init(struct pm_spectrum *spectrum, size_t window);
void pm_spectrum_close(struct pm_spectrum *spectrum);

/* `window` samples in, window / 2 + 1 bins out, shaped. */
void pm_spectrum_of(struct pm_spectrum *spectrum, const float *samples, struct pm_bin *bins);
/* The way back, shaped and scaled: to be added at half overlap. */
void pm_spectrum_sound(struct pm_spectrum *spectrum, const struct pm_bin *bins, float *samples);

static inline float pm_power(struct pm_bin b) {
    return b.re * b.re + b.im * b.im;
}

#endif
