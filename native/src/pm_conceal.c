#include "pm_conceal.h"
#include "pm_pitch.h"
#include <string.h>

static const unsigned full_until = PM_MS(10);
static const unsigned silent_from = PM_MS(60);

void pm_conceal_init(struct pm_conceal *c) {
    memset(c, 0, sizeof *c);
}

/* The last `periods` periods as a loop: its end is blended into what lay before its beginning, so that it closes without a click.
 */
static void build_cycle(struct pm_conceal *c, unsigned periods) {
    unsigned n = periods * c->lag;
    const int16_t *start = c->history + PM_CONCEAL_HISTORY - n;
    memcpy(c->cycle, start, n * sizeof *start);
    for (unsigned i = 0; i < c->overlap; i++) {
        float w = (float)(i + 1) / (float)(c->overlap + 1);
        float own = start[n - c->overlap + i];
        float before = start[(int)i - (int)c->overlap];
        c->cycle[n - c->overlap + i] = pm_round(own + w * (before - own));
    }
    c->periods = periods;
}

static void begin(struct pm_conceal *c, const int16_t *end) {
    memcpy(c->history, end - PM_CONCEAL_HISTORY, sizeof c->history);
    const int16_t *last = c->history + PM_CONCEAL_HISTORY;
    c->lag = pm_pitch_find(last - PM_CONCEAL_WINDOW, PM_CONCEAL_WINDOW, PM_CONCEAL_LAG_MIN, PM_CONCEAL_LAG_MAX, -1).lag;
    c->overlap = c->lag / 4;
    build_cycle(c, 1);
    c->position = 0;
    c->done = 0;
    c->step = (float)last[-1] - (float)last[-1 - (int)c->lag];
    c->active = true;
}

static float next_of_cycle(struct pm_conceal *c) {
    float sample = c->cycle[c->position];
    c->position = c->position + 1 == c->periods * c->lag ? 0 : c->position + 1;
    return sample;
}

static float gain_at(unsigned done) {
    if (done < full_until) {
        return 1.0F;
    }
    return done >= silent_from ? 0.0F : (float)(silent_from - done) / (float)(silent_from - full_until);
}

static void lengthen_cycle(struct pm_conceal *c) {
    /* Goes on at the same phase in the oldest period of the longer cycle. */
    unsigned phase = c->position % c->lag;
    build_cycle(c, c->periods + 1);
    c->position = phase;
}

static int16_t next_sample(struct pm_conceal *c) {
    if ((c->done == full_until || c->done == 2 * full_until) && c->periods < PM_CONCEAL_PERIODS_MAX) {
        lengthen_cycle(c);
    }
    float sample = next_of_cycle(c);
    if (c->done < c->overlap) {
        sample += c->step * (float)(c->overlap - c->done) / (float)(c->overlap + 1);
    }
    sample *= gain_at(c->done);
    c->done++;
    return pm_round(sample);
}

void pm_conceal_extend(struct pm_conceal *c, const int16_t *end, int16_t *out, size_t n) {
    if (!c->active) {
        begin(c, end);
    }
    size_t i = 0;
    for (; i < n && c->done < silent_from; i++) {
        out[i] = next_sample(c);
    }
    memset(out + i, 0, (n - i) * sizeof *out);
}

void pm_conceal_merge(struct pm_conceal *c, int16_t *fresh, size_t n) {
    if (!c->active) {
        return;
    }
    /* A quarter period, and 4 ms more for each 10 ms of loss up to 10 ms (G.711 I.2.7). */
    size_t overlap = c->overlap + (size_t)c->done * 4 / 10;
    overlap = overlap > PM_MS(10) ? PM_MS(10) : overlap;
    overlap = overlap > n ? n : overlap;
    for (size_t i = 0; i < overlap; i++) {
        float w = (float)(i + 1) / (float)(overlap + 1);
        float old = c->done < silent_from ? (float)next_sample(c) : 0.0F;
        fresh[i] = pm_round(old + w * ((float)fresh[i] - old));
    }
    c->active = false;
}
