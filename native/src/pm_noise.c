#include "pm_noise.h"
#include <math.h>
#include <string.h>

#define FULL_SCALE 32767.0F
/* A filter of quantised coefficients may be as good as unstable; more than this no background has. */
#define REFLECTION_MAX 0.98F
#define LEVEL_MAX 127
/* Times the level: a peak of noise hardly ever goes higher. */
#define LOUDEST 4.0F
/* An evenly spread number of -1 to 1 has a third of the power. */
#define EVEN 1.7320508F

void pm_noise_init(struct pm_noise *n) {
    *n = (struct pm_noise){.drive = 1.0F};
}

/* Section 3.2: reflection coefficients, 127 for zero, of a filter whose weights are subtracted. */
static void read_spectrum(struct pm_noise *n, const uint8_t *coefficients, size_t count) {
    float left = 1.0F;
    size_t order = count < PM_NOISE_ORDER ? count : PM_NOISE_ORDER;
    memset(n->weights, 0, sizeof n->weights);
    for (unsigned m = 1; m <= order; m++) {
        float k = -((float)coefficients[m - 1] - 127.0F) * 258.0F / 32768.0F;
        k = k > REFLECTION_MAX ? REFLECTION_MAX : k < -REFLECTION_MAX ? -REFLECTION_MAX : k;
        pm_predict_raise(n->weights, m, k);
        left *= 1.0F - k * k;
    }
    n->drive = sqrtf(left);
}

int pm_noise_read(struct pm_noise *n, const uint8_t *payload, size_t octets) {
    if (octets == 0) {
        return PM_EMALFORMED;
    }
    /* Section 3.1: minus the level in dB of the overload point. */
    n->rms = FULL_SCALE * powf(10.0F, -(float)(payload[0] & LEVEL_MAX) / 20.0F);
    n->told = true;
    n->shaped = octets > 1;
    if (n->shaped) {
        read_spectrum(n, payload + 1, octets - 1);
    }
    return PM_OK;
}

void pm_noise_listen(struct pm_noise *n, const int16_t *end, unsigned count) {
    struct pm_predictor predictor;
    float past[PM_PREDICT_WINDOW], power = 0.0F;
    for (unsigned i = 0; i < count; i++) {
        past[i] = (float)end[(int)i - (int)count];
        power += past[i] * past[i];
    }
    for (unsigned k = 0; k < PM_NOISE_ORDER; k++) {
        n->last[k] = past[count - 1 - k];
    }
    float rms = sqrtf(power / (float)count);
    if (!n->told) {
        n->rms = rms;
    }
    if (!n->shaped) {
        pm_predict_learn(&predictor, past, count, PM_NOISE_ORDER, NULL, 0);
        memset(n->weights, 0, sizeof n->weights);
        memcpy(n->weights, predictor.weights, predictor.order * sizeof *n->weights);
        n->drive = rms > 0.0F ? predictor.residual / rms : 1.0F;
    }
}

void pm_noise_render(struct pm_noise *n, int16_t *out, size_t count) {
    float residual = n->rms * n->drive, limit = fminf(LOUDEST * n->rms, FULL_SCALE);
    for (size_t i = 0; i < count; i++) {
        n->chance = n->chance * 1664525u + 1013904223u;
        float next = ((float)(n->chance >> 8) / 8388608.0F - 1.0F) * EVEN * residual;
        for (unsigned k = 0; k < PM_NOISE_ORDER; k++) {
            next += n->weights[k] * n->last[k];
        }
        next = next > limit ? limit : next < -limit ? -limit : next;
        memmove(n->last + 1, n->last, (PM_NOISE_ORDER - 1) * sizeof *n->last);
        n->last[0] = next;
        out[i] = pm_round(next);
    }
}

uint8_t pm_noise_level(const int16_t *x, size_t n) {
    float power = 0.0F;
    for (size_t i = 0; i < n; i++) {
        power += (float)x[i] * (float)x[i];
    }
    float level = power > 0.0F ? -10.0F * log10f(power / (float)n / (FULL_SCALE * FULL_SCALE)) : (float)LEVEL_MAX;
    return (uint8_t)(level < 0.0F ? 0 : level > LEVEL_MAX ? LEVEL_MAX : level + 0.5F);
}
