#include "pm_stretch.h"
#include "pm_pitch.h"
#include <string.h>

/* out fades from `from` to `to` over n samples; `out` may be either. */
static void cross_fade(int16_t *out, const int16_t *from, const int16_t *to, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        float w = (float)(i + 1) / (float)(n + 1);
        out[i] = pm_round((float)from[i] + w * ((float)to[i] - (float)from[i]));
    }
}

static void take_out(int16_t *x, size_t n, unsigned lag) {
    cross_fade(x, x, x + lag, lag);
    memmove(x + lag, x + 2 * (size_t)lag, (n - 2 * (size_t)lag) * sizeof *x);
}

/* The signal leaves x towards what was heard a lag ago, and so arrives at x once more. */
static void put_in(int16_t *x, size_t n, unsigned lag) {
    int16_t blended[PM_STRETCH_LAG_MAX];
    cross_fade(blended, x, x - lag, lag);
    memmove(x + lag, x, n * sizeof *x);
    memcpy(x, blended, lag * sizeof *x);
}

unsigned pm_stretch_shorten(int16_t *x, size_t n, float match) {
    if (n < PM_STRETCH_NEEDS) {
        return 0;
    }
    struct pm_pitch pitch = pm_pitch_find(x, PM_STRETCH_WINDOW, PM_STRETCH_LAG_MIN, PM_STRETCH_LAG_MAX, 1);
    if (pitch.correlation < match) {
        return 0;
    }
    take_out(x, n, pitch.lag);
    return pitch.lag;
}

unsigned pm_stretch_lengthen(int16_t *x, size_t n, float match) {
    if (n < PM_STRETCH_WINDOW + 1) {
        return 0;
    }
    unsigned lag_max = n < PM_STRETCH_LAG_MAX ? (unsigned)n : PM_STRETCH_LAG_MAX;
    struct pm_pitch pitch = pm_pitch_find(x, PM_STRETCH_WINDOW, PM_STRETCH_LAG_MIN, lag_max, -1);
    if (pitch.correlation < match) {
        return 0;
    }
    put_in(x, n, pitch.lag);
    return pitch.lag;
}

static unsigned least(size_t a, size_t b, size_t c) {
    size_t ab = a < b ? a : b;
    return (unsigned)(ab < c ? ab : c);
}

unsigned pm_stretch_cut(int16_t *x, size_t n, unsigned wanted) {
    unsigned lag = least(n / 2, wanted, PM_STRETCH_LAG_MAX);
    take_out(x, n, lag);
    return lag;
}

unsigned pm_stretch_fill(int16_t *x, size_t n, unsigned wanted) {
    unsigned lag = least(n, wanted, PM_STRETCH_LAG_MAX);
    put_in(x, n, lag);
    return lag;
}
