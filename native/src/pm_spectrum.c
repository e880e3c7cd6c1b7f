#include "pm_spectrum.h"
#include <math.h>

int pm_spectrum_init(struct pm_spectrum *s, size_t window) {
    s->window = window;
    int status = pm_fourier_init(&s->fourier, window);
    if (status != PM_OK) {
        return status;
    }
    for (size_t i = 0; i < window; i++) {
        s->shape[i] = sinf(3.14159265f * (float)i / (float)window);
    }
    return PM_OK;
}

void pm_spectrum_of(const struct pm_spectrum *s, const float *samples, struct pm_bins *bins) {
    float shaped[PM_WINDOW_MAX];
    for (size_t i = 0; i < s->window; i++) {
        shaped[i] = samples[i] * s->shape[i];
    }
    pm_fourier_forward(&s->fourier, shaped, bins);
}

void pm_spectrum_sound(const struct pm_spectrum *s, const struct pm_bins *bins, float *samples) {
    float scale = 1.0f / (float)s->window;
    pm_fourier_inverse(&s->fourier, bins, samples);
    for (size_t i = 0; i < s->window; i++) {
        samples[i] *= s->shape[i] * scale;
    }
}
