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

_Static_assert(PM_STRETCH_WINDOW_MS + PM_STRETCH_LAG_MS <= PM_PITCH_SPAN * 1000 / PM_RATE_NARROW_HZ, "the search holds both");

/* The search runs at 8 kHz. */
static unsigned thinning(unsigned per_ms) {
    return per_ms * 1000 / PM_RATE_NARROW_HZ;
}

/* Of 400 Hz, in samples. */
static unsigned shortest(unsigned per_ms) {
    return 5 * per_ms / 2;
}

unsigned pm_stretch_shorten(int16_t *x, size_t n, float match, unsigned per_ms) {
    if (n < PM_STRETCH_NEEDS_MS * per_ms) {
        return 0;
    }
    struct pm_pitch pitch =
        pm_pitch_find(x, PM_STRETCH_WINDOW_MS * per_ms, shortest(per_ms), PM_STRETCH_LAG_MS * per_ms, 1, thinning(per_ms));
    if (pitch.correlation < match) {
        return 0;
    }
    take_out(x, n, pitch.lag);
    return pitch.lag;
}

unsigned pm_stretch_lengthen(int16_t *x, size_t n, float match, unsigned per_ms) {
    unsigned window = PM_STRETCH_WINDOW_MS * per_ms, lag_max = PM_STRETCH_LAG_MS * per_ms;
    if (n < window + 1) {
        return 0;
    }
    lag_max = n < lag_max ? (unsigned)n : lag_max;
    struct pm_pitch pitch = pm_pitch_find(x, window, shortest(per_ms), lag_max, -1, thinning(per_ms));
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

unsigned pm_stretch_cut(int16_t *x, size_t n, unsigned wanted, unsigned per_ms) {
    unsigned lag = least(n / 2, wanted, PM_STRETCH_LAG_MS * per_ms);
    take_out(x, n, lag);
    return lag;
}

unsigned pm_stretch_fill(int16_t *x, size_t n, unsigned wanted, unsigned per_ms) {
    unsigned lag = least(n, wanted, PM_STRETCH_LAG_MS * per_ms);
    put_in(x, n, lag);
    return lag;
}
