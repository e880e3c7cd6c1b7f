#include "pm_pitch.h"
#include <math.h>

static float dot(const int16_t *a, const int16_t *b, unsigned n) {
    float sum = 0.0F;
    for (unsigned i = 0; i < n; i++) {
        sum += (float)a[i] * (float)b[i];
    }
    return sum;
}

struct pm_pitch pm_pitch_find(const int16_t *x, unsigned window, unsigned lag_min, unsigned lag_max, int direction) {
    struct pm_pitch best = {.lag = lag_min, .correlation = 0.0F, .power = 0.0F};
    float own = dot(x, x, window);
    best.power = own / (float)window;
    const int16_t *other = direction > 0 ? x + lag_min : x - lag_min;
    float energy = dot(other, other, window);
    for (unsigned lag = lag_min;; lag++) {
        float scale = own * energy;
        if (scale > 0.0F) {
            float correlation = dot(x, other, window) / sqrtf(scale);
            if (correlation > best.correlation) {
                best.correlation = correlation;
                best.lag = lag;
            }
        }
        if (lag == lag_max) {
            return best;
        }
        /* The other window slides by one sample, and so does its energy. */
        if (direction > 0) {
            energy += (float)other[window] * (float)other[window] - (float)other[0] * (float)other[0];
            other++;
        } else {
            other--;
            energy += (float)other[0] * (float)other[0] - (float)other[window] * (float)other[window];
        }
        energy = energy < 0.0F ? 0.0F : energy;
    }
}
