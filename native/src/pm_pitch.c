#include "pm_pitch.h"
#include "pm_lanes.h"
#include <math.h>

static float correlation_of(float cross, float own, float energy) {
    float scale = own * energy;
    return scale > 0.0F ? cross / sqrtf(scale) : 0.0F;
}

/* y[i] is the mean of `step` samples: what is above the pitch is of no use here, and half as many samples are a quarter of the
 * work. */
static void thin(float *y, const int16_t *x, unsigned n, unsigned step) {
    for (unsigned i = 0; i < n; i++) {
        float sum = 0.0F;
        for (unsigned k = 0; k < step; k++) {
            sum += (float)x[i * step + k];
        }
        y[i] = sum / (float)step;
    }
}

static struct pm_pitch search(const float *x, unsigned window, unsigned lag_min, unsigned lag_max, int direction) {
    struct pm_pitch best = {.lag = lag_min, .correlation = 0.0F, .power = 0.0F};
    float own = pm_dot(x, x, window);
    best.power = own / (float)window;
    const float *other = direction > 0 ? x + lag_min : x - lag_min;
    float energy = pm_dot(other, other, window);
    for (unsigned lag = lag_min;; lag++) {
        float correlation = correlation_of(pm_dot(x, other, window), own, energy);
        if (correlation > best.correlation) {
            best.correlation = correlation;
            best.lag = lag;
        }
        if (lag == lag_max) {
            return best;
        }
        /* The other window slides by one sample, and so does its energy. */
        if (direction > 0) {
            energy += other[window] * other[window] - other[0] * other[0];
            other++;
        } else {
            other--;
            energy += other[0] * other[0] - other[window] * other[window];
        }
        energy = energy < 0.0F ? 0.0F : energy;
    }
}

/* The lag around `lag` at which the samples themselves match best. */
static unsigned refine(const int16_t *x, unsigned window, unsigned lag, unsigned lag_max, int direction) {
    unsigned best = lag;
    float highest = -2.0F;
    for (unsigned at = lag - 1; at <= lag + 1 && at <= lag_max; at++) {
        const int16_t *other = direction > 0 ? x + at : x - at;
        float cross = 0.0F, own = 0.0F, energy = 0.0F;
        for (unsigned i = 0; i < window; i++) {
            cross += (float)x[i] * (float)other[i];
            own += (float)x[i] * (float)x[i];
            energy += (float)other[i] * (float)other[i];
        }
        float correlation = correlation_of(cross, own, energy);
        if (correlation > highest) {
            highest = correlation;
            best = at;
        }
    }
    return best;
}

struct pm_pitch pm_pitch_find(const int16_t *x, unsigned window, unsigned lag_min, unsigned lag_max, int direction, unsigned step) {
    float y[PM_PITCH_SPAN];
    unsigned n = window / step, low = lag_min / step, high = lag_max / step;
    thin(y, direction > 0 ? x : x - high * step, n + high, step);
    struct pm_pitch pitch = search(direction > 0 ? y : y + high, n, low, high, direction);
    pitch.lag *= step;
    if (step > 1 && pitch.correlation > 0.0F) {
        pitch.lag = refine(x, window, pitch.lag, lag_max, direction);
    }
    return pitch;
}
