#include "pm_conceal.h"
#include <string.h>

/* Full strength over one lost packet of the usual length, silence when a syllable would be over: a voice that hums on is worse than
 * a pause. */
enum { FULL_UNTIL_MS = 25, SILENT_FROM_MS = 90 };
/* What cannot be predicted is breath and background. It comes in as noise after the first packet: before, it only blurs; later,
 * without it, the tone that remains sounds like metal and the background tears off. */
enum { NOISE_FROM_MS = 10, NOISE_FULL_MS = 40 };
#define NOISE_SHARE 0.5F

_Static_assert((int)PM_CONCEAL_HISTORY <= (int)PM_PREDICT_WINDOW, "the prediction holds what it learns from");

void pm_conceal_init(struct pm_conceal *c, unsigned per_ms) {
    memset(c, 0, sizeof *c);
    c->per_ms = per_ms;
}

static void begin(struct pm_conceal *c, const int16_t *end) {
    float past[PM_CONCEAL_HISTORY];
    unsigned n = PM_CONCEAL_HISTORY_MS * c->per_ms, order = PM_PREDICT_ORDER_MS * c->per_ms;
    for (unsigned i = 0; i < n; i++) {
        past[i] = (float)end[(int)i - (int)n];
    }
    pm_predict_learn(&c->predictor, past, n, order);
    memcpy(c->last, past + n - order, order * sizeof *c->last);
    c->done = 0;
    c->noise = 1;
    c->active = true;
}

/* From 0 to 1 between two times. */
static float grown(const struct pm_conceal *c, unsigned from_ms, unsigned to_ms) {
    unsigned from = from_ms * c->per_ms, to = to_ms * c->per_ms;
    return c->done < from ? 0.0F : c->done >= to ? 1.0F : (float)(c->done - from) / (float)(to - from);
}

static bool is_silent(const struct pm_conceal *c) {
    return c->done >= SILENT_FROM_MS * c->per_ms;
}

/* Uniform noise of unit power, and its share now. */
static float breath(struct pm_conceal *c) {
    if (c->done < NOISE_FROM_MS * c->per_ms) {
        return 0.0F;
    }
    c->noise = c->noise * 1664525u + 1013904223u;
    float unit = ((float)(c->noise >> 8) / 8388608.0F - 1.0F) * 1.7320508F;
    return unit * grown(c, NOISE_FROM_MS, NOISE_FULL_MS) * NOISE_SHARE * c->predictor.residual;
}

/* The next n samples of the continuation, n at most PM_CONCEAL_BRIDGE, faded. */
static void continue_by(struct pm_conceal *c, float *out, size_t n) {
    float line[PM_PREDICT_ORDER + PM_CONCEAL_BRIDGE];
    unsigned order = PM_PREDICT_ORDER_MS * c->per_ms;
    memcpy(line, c->last, order * sizeof *line);
    for (size_t i = 0; i < n; i++) {
        float *at = line + order + i;
        *at = pm_predict_next(&c->predictor, at) + breath(c);
        out[i] = *at * (1.0F - grown(c, FULL_UNTIL_MS, SILENT_FROM_MS));
        c->done++;
    }
    memcpy(c->last, line + n, order * sizeof *line);
}

void pm_conceal_extend(struct pm_conceal *c, const int16_t *end, int16_t *out, size_t n) {
    if (!c->active) {
        begin(c, end);
    }
    float piece[PM_CONCEAL_BRIDGE];
    size_t i = 0;
    while (i < n && !is_silent(c)) {
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
static void continue_backwards(const struct pm_conceal *c, float *out, size_t n, const int16_t *fresh, size_t fresh_n) {
    struct pm_predictor predictor;
    float line[PM_CONCEAL_BRIDGE + PM_CONCEAL_BRIDGE];
    unsigned known = PM_CONCEAL_BRIDGE_MS * c->per_ms;
    known = fresh_n < known ? (unsigned)fresh_n : known;
    for (unsigned i = 0; i < known; i++) {
        line[i] = (float)fresh[known - 1 - i];
    }
    pm_predict_learn(&predictor, line, known, PM_PREDICT_ORDER_MS * c->per_ms);
    for (size_t i = 0; i < n; i++) {
        line[known + i] = pm_predict_next(&predictor, line + known + i);
        out[n - 1 - i] = line[known + i];
    }
}

void pm_conceal_bridge(struct pm_conceal *c, const int16_t *end, int16_t *out, size_t n, const int16_t *fresh, size_t fresh_n) {
    float back[PM_CONCEAL_BRIDGE];
    size_t m = PM_CONCEAL_BRIDGE_MS * c->per_ms;
    m = n < m ? n : m;
    pm_conceal_extend(c, end, out, n);
    continue_backwards(c, back, m, fresh, fresh_n);
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
    size_t overlap = 3 * c->per_ms + c->done / 4, most = PM_CONCEAL_MERGE_MS * c->per_ms;
    overlap = overlap > most ? most : overlap;
    overlap = overlap > n ? n : overlap;
    float old[PM_CONCEAL_MERGE] = {0};
    if (!is_silent(c)) {
        continue_by(c, old, overlap);
    }
    for (size_t i = 0; i < overlap; i++) {
        float w = (float)(i + 1) / (float)(overlap + 1);
        fresh[i] = pm_round(old[i] + w * ((float)fresh[i] - old[i]));
    }
    c->active = false;
}
