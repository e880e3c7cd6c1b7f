#include "pm_conceal.h"
#include <string.h>

/* Full strength over one lost packet of the usual length, silence when a syllable would be over: a voice that hums on is worse than
 * a pause. */
static const unsigned full_until = PM_MS(25);
static const unsigned silent_from = PM_MS(90);
/* What cannot be predicted is breath and background. It comes in as noise after the first packet: before, it only blurs; later,
 * without it, the tone that remains sounds like metal and the background tears off. */
static const unsigned noise_from = PM_MS(10);
static const unsigned noise_full = PM_MS(40);
#define NOISE_SHARE 0.5F

void pm_conceal_init(struct pm_conceal *c) {
    memset(c, 0, sizeof *c);
}

static void begin(struct pm_conceal *c, const int16_t *end) {
    float past[PM_CONCEAL_HISTORY];
    for (unsigned i = 0; i < PM_CONCEAL_HISTORY; i++) {
        past[i] = (float)end[(int)i - PM_CONCEAL_HISTORY];
    }
    pm_predict_learn(&c->predictor, past, PM_CONCEAL_HISTORY);
    memcpy(c->last, past + PM_CONCEAL_HISTORY - PM_PREDICT_ORDER, sizeof c->last);
    c->done = 0;
    c->noise = 1;
    c->active = true;
}

static float gain_at(unsigned done) {
    if (done < full_until) {
        return 1.0F;
    }
    return done >= silent_from ? 0.0F : (float)(silent_from - done) / (float)(silent_from - full_until);
}

/* Uniform noise of unit power, and its share now. */
static float breath(struct pm_conceal *c) {
    if (c->done < noise_from) {
        return 0.0F;
    }
    c->noise = c->noise * 1664525u + 1013904223u;
    float unit = ((float)(c->noise >> 8) / 8388608.0F - 1.0F) * 1.7320508F;
    float grown = c->done >= noise_full ? 1.0F : (float)(c->done - noise_from) / (float)(noise_full - noise_from);
    return unit * grown * NOISE_SHARE * c->predictor.residual;
}

/* The next n samples of the continuation, n at most PM_MS(20), faded. */
static void continue_by(struct pm_conceal *c, float *out, size_t n) {
    float line[PM_PREDICT_ORDER + PM_CONCEAL_BRIDGE];
    memcpy(line, c->last, sizeof c->last);
    for (size_t i = 0; i < n; i++) {
        float *at = line + PM_PREDICT_ORDER + i;
        *at = pm_predict_next(&c->predictor, at) + breath(c);
        out[i] = *at * gain_at(c->done);
        c->done++;
    }
    memcpy(c->last, line + n, sizeof c->last);
}

void pm_conceal_extend(struct pm_conceal *c, const int16_t *end, int16_t *out, size_t n) {
    if (!c->active) {
        begin(c, end);
    }
    float piece[PM_CONCEAL_BRIDGE];
    size_t i = 0;
    while (i < n && c->done < silent_from) {
        size_t part = n - i < PM_CONCEAL_BRIDGE ? n - i : PM_CONCEAL_BRIDGE;
        continue_by(c, piece, part);
        for (size_t k = 0; k < part; k++) {
            out[i + k] = pm_round(piece[k]);
        }
        i += part;
    }
    memset(out + i, 0, (n - i) * sizeof *out);
}

/* What lay before `fresh`, as its own backward prediction says: out[n - 1] is the sample just before it. */
static void continue_backwards(float *out, size_t n, const int16_t *fresh, size_t fresh_n) {
    struct pm_predictor predictor;
    float line[PM_CONCEAL_BRIDGE + PM_CONCEAL_BRIDGE];
    unsigned known = fresh_n < PM_CONCEAL_BRIDGE ? (unsigned)fresh_n : PM_CONCEAL_BRIDGE;
    for (unsigned i = 0; i < known; i++) {
        line[i] = (float)fresh[known - 1 - i];
    }
    pm_predict_learn(&predictor, line, known);
    for (size_t i = 0; i < n; i++) {
        line[known + i] = pm_predict_next(&predictor, line + known + i);
        out[n - 1 - i] = line[known + i];
    }
}

void pm_conceal_bridge(struct pm_conceal *c, const int16_t *end, int16_t *out, size_t n, const int16_t *fresh, size_t fresh_n) {
    float back[PM_CONCEAL_BRIDGE];
    size_t m = n < PM_CONCEAL_BRIDGE ? n : PM_CONCEAL_BRIDGE;
    pm_conceal_extend(c, end, out, n);
    continue_backwards(back, m, fresh, fresh_n);
    int16_t *mixed = out + n - m;
    for (size_t i = 0; i < m; i++) {
        float w = (float)(i + 1) / (float)(m + 1);
        mixed[i] = pm_round((float)mixed[i] + w * (back[i] - (float)mixed[i]));
    }
    c->active = false;
}

void pm_conceal_merge(struct pm_conceal *c, int16_t *fresh, size_t n) {
    if (!c->active) {
        return;
    }
    /* Longer the longer the loss was: the continuation has had time to go its own way. */
    size_t overlap = PM_MS(3) + (size_t)c->done / 4;
    overlap = overlap > PM_CONCEAL_MERGE ? PM_CONCEAL_MERGE : overlap;
    overlap = overlap > n ? n : overlap;
    float old[PM_CONCEAL_MERGE] = {0};
    if (c->done < silent_from) {
        continue_by(c, old, overlap);
    }
    for (size_t i = 0; i < overlap; i++) {
        float w = (float)(i + 1) / (float)(overlap + 1);
        fresh[i] = pm_round(old[i] + w * ((float)fresh[i] - old[i]));
    }
    c->active = false;
}
