#include "pm_spectrum.h"
#include <kissfft/kiss_fftr.h>
#include <math.h>
#include <string.h>

_Static_assert(sizeof(struct pm_bin) == sizeof(kiss_fft_cpx), "the library's complex number is ours");

int pm_spectrum_init(struct pm_spectrum *s, size_t window) {
    *s = (struct pm_spectrum){.window = window};
    if (window == 0 || window % 2 != 0 || window > PM_WINDOW_MAX) {
        return PM_EARG;
    }
    s->forward = kiss_fftr_alloc((int)window, 0, NULL, NULL);
    s->inverse = kiss_fftr_alloc((int)window, 1, NULL, NULL);
    if (s->forward == NULL || s->inverse == NULL) {
        pm_spectrum_close(s);
        return PM_ESYSTEM;
    }
    for (size_t i = 0; i < window; i++) {
        s->shape[i] = sinf(3.14159265f * (float)i / (float)window);
    }
    return PM_OK;
}

void pm_spectrum_close(struct pm_spectrum *s) {
    kiss_fftr_free(s->forward);
    kiss_fftr_free(s->inverse);
    s->forward = s->inverse = NULL;
}

void pm_spectrum_of(struct pm_spectrum *s, const float *samples, struct pm_bin *bins) {
    float shaped[PM_WINDOW_MAX];
    kiss_fft_cpx out[PM_BINS_MAX];
    for (size_t i = 0; i < s->window; i++) {
        shaped[i] = samples[i] * s->shape[i];
    }
    kiss_fftr(s->forward, shaped, out);
    memcpy(bins, out, (s->window / 2 + 1) * sizeof *bins);
}

void pm_spectrum_sound(struct pm_spectrum *s, const struct pm_bin *bins, float *samples) {
    kiss_fft_cpx in[PM_BINS_MAX];
    memcpy(in, bins, (s->window / 2 + 1) * sizeof *bins);
    kiss_fftri(s->inverse, in, samples);
    for (size_t i = 0; i < s->window; i++) {
        samples[i] *= s->shape[i] / (float)s->window;
    }
}
