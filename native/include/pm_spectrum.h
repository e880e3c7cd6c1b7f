/* Short-time spectra of real sound, with the window that the echo canceller's stages share. */
#ifndef PM_SPECTRUM_H
#define PM_SPECTRUM_H

#include "pm_fourier.h"

enum { PM_FRAME_MAX = 160 }; /* 10 ms at 16 kHz: the step of every stage behind the microphone */

struct pm_spectrum {
    struct pm_fourier fourier;
    size_t window;
    float shape[PM_WINDOW_MAX]; /* square root of Hann: twice applied at half overlap it adds up to one */
};

/* PM_EARG: a `window` other than 160, 320 or 640 samples. */
int pm_spectrum_init(struct pm_spectrum *spectrum, size_t window);

/* `window` samples in, window / 2 + 1 bins out, shaped. */
void pm_spectrum_of(const struct pm_spectrum *spectrum, const float *samples, struct pm_bins *bins);
/* The way back, shaped and scaled: to be added at half overlap. */
void pm_spectrum_sound(const struct pm_spectrum *spectrum, const struct pm_bins *bins, float *samples);

#endif
