#include "pm_tone.h"
#include <math.h>
#include <string.h>

/* Fade at both ends of a step against clicks. */
enum { RAMP_MS = 2 };

int pm_tone_start(struct pm_tone *t, const struct pm_tone_step *steps, size_t count, unsigned repeats) {
    uint64_t total_ms = 0;
    if (count == 0 || count > PM_TONE_STEPS_MAX) {
        return PM_EARG;
    }
    for (size_t i = 0; i < count; i++) {
        if (steps[i].low_hz > PM_RATE_NARROW_HZ / 2 || steps[i].high_hz > PM_RATE_NARROW_HZ / 2) {
            return PM_EARG;
        }
        total_ms += steps[i].duration_ms;
    }
    if (total_ms == 0) {
        return PM_EARG;
    }
    memset(t, 0, sizeof *t);
    memcpy(t->steps, steps, count * sizeof *steps);
    t->count = count;
    t->repeats_left = repeats;
    t->endless = repeats == 0;
    t->rate_hz = PM_RATE_NARROW_HZ;
    t->playing = true;
    return PM_OK;
}

void pm_tone_stop(struct pm_tone *t) {
    t->playing = false;
}

static uint32_t phase_step(const struct pm_tone *t, uint16_t hz) {
    return (uint32_t)(((uint64_t)hz << 32) / t->rate_hz);
}

static float sine(uint32_t phase) {
    return sinf((float)phase * (6.28318531F / 4294967296.0F));
}

/* Next step with a duration; false when the pattern is over. Bounded: some step has a duration. */
static bool advance(struct pm_tone *t) {
    t->position = 0;
    t->low_phase = t->high_phase = 0;
    if (++t->step < t->count) {
        return true;
    }
    t->step = 0;
    return t->endless || --t->repeats_left > 0;
}

static void render_step(struct pm_tone *t, int16_t *out, size_t n, uint32_t length) {
    const struct pm_tone_step *s = &t->steps[t->step];
    const uint32_t ramp = RAMP_MS * t->rate_hz / 1000;
    float amplitude = 32767.0F * powf(10.0F, -(float)s->attenuation_db / 20.0F);
    for (size_t i = 0; i < n; i++, t->position++) {
        uint32_t edge = t->position < length - t->position - 1 ? t->position : length - t->position - 1;
        float gain = edge < ramp ? (float)edge / (float)ramp : 1.0F;
        float v = (s->low_hz ? sine(t->low_phase) : 0.0F) + (s->high_hz ? sine(t->high_phase) : 0.0F);
        out[i] = pm_round(v * amplitude * gain);
        t->low_phase += phase_step(t, s->low_hz);
        t->high_phase += phase_step(t, s->high_hz);
    }
}

bool pm_tone_render(struct pm_tone *t, int16_t *out, size_t n, uint32_t rate_hz) {
    if (t->playing && rate_hz != t->rate_hz) {
        t->position = (uint32_t)((uint64_t)t->position * rate_hz / t->rate_hz);
        t->rate_hz = rate_hz;
    }
    bool was_playing = t->playing;
    while (n > 0 && t->playing) {
        uint32_t length = rate_hz / 1000 * t->steps[t->step].duration_ms;
        size_t part = length - t->position < n ? length - t->position : n;
        if (part > 0) {
            render_step(t, out, part, length);
        }
        out += part;
        n -= part;
        if (t->position >= length) {
            t->playing = advance(t);
        }
    }
    memset(out, 0, n * sizeof *out);
    return was_playing && !t->playing;
}
