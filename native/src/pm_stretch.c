#include "pm_stretch.h"
#include "pm_pitch.h"
#include <string.h>

/* Mean square below which there is nothing to hear: about -60 dB below full scale. */
#define SILENT_POWER 1000.0F

static bool acceptable(const struct pm_pitch *pitch, float match) {
    return pitch->correlation >= match || pitch->power < SILENT_POWER;
}

static unsigned chosen_lag(const struct pm_pitch *pitch, unsigned lag_max) {
    return pitch->power < SILENT_POWER ? lag_max : pitch->lag;
}

/* out fades from `from` to `to` over n samples; `out` may be either. */
static void cross_fade(int16_t *out, const int16_t *from, const int16_t *to, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        float w = (float)(i + 1) / (float)(n + 1);
        out[i] = pm_round((float)from[i] + w * ((float)to[i] - (float)from[i]));
    }
}

unsigned pm_stretch_shorten(int16_t *x, size_t n, float match) {
    if (n < PM_STRETCH_NEEDS) {
        return 0;
    }
    struct pm_pitch pitch = pm_pitch_find(x, PM_STRETCH_WINDOW, PM_STRETCH_LAG_MIN, PM_STRETCH_LAG_MAX, 1);
    if (!acceptable(&pitch, match)) {
        return 0;
    }
    unsigned lag = chosen_lag(&pitch, PM_STRETCH_LAG_MAX);
    cross_fade(x, x, x + lag, lag);
    memmove(x + lag, x + 2 * (size_t)lag, (n - 2 * (size_t)lag) * sizeof *x);
    return lag;
}

unsigned pm_stretch_lengthen(int16_t *x, size_t n, float match) {
    if (n < PM_STRETCH_WINDOW + 1) {
        return 0;
    }
    unsigned lag_max = n < PM_STRETCH_LAG_MAX ? (unsigned)n : PM_STRETCH_LAG_MAX;
    struct pm_pitch pitch = pm_pitch_find(x, PM_STRETCH_WINDOW, PM_STRETCH_LAG_MIN, lag_max, -1);
    if (!acceptable(&pitch, match)) {
        return 0;
    }
    unsigned lag = chosen_lag(&pitch, lag_max);
    /* The signal leaves x towards what was heard a period ago, and so arrives at x once more. */
    int16_t blended[PM_STRETCH_LAG_MAX];
    cross_fade(blended, x, x - lag, lag);
    memmove(x + lag, x, n * sizeof *x);
    memcpy(x, blended, lag * sizeof *x);
    return lag;
}
