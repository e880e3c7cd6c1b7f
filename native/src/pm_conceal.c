#include "pm_conceal.h"
#include "pm_pitch.h"
#include <string.h>

/* Full strength over one lost packet of the usual length, silence when a syllable would be over: a voice that goes on is worse than
 * a pause. */
enum { FULL_UNTIL_MS = 25, SILENT_FROM_MS = 200 };
/* Of the excitation only a part comes back, and within some time: as much as is heard as a voice, and not so much that a wrong
 * guess is heard too. */
enum { EXCITED_FULL_MS = 10 };
#define EXCITATION_SHARE 0.6F
/* Where a signal repeats less than this it has no period, and the longest one repeats the least audibly. */
#define VOICED 0.6F
enum { PERIOD_WINDOW_MS = 10 };

_Static_assert((int)PM_CONCEAL_HISTORY <= (int)PM_PREDICT_WINDOW, "the prediction holds what it learns from");
_Static_assert(PM_CONCEAL_PERIOD_MS + PERIOD_WINDOW_MS <= PM_CONCEAL_HISTORY_MS, "the period is sought inside the history");
_Static_assert((int)PM_PREDICT_ORDER <= (int)PM_CONCEAL_HISTORY / 2,
               "every sample of a period has what it is predicted from before it");

void pm_conceal_init(struct pm_conceal *c, unsigned per_ms) {
    memset(c, 0, sizeof *c);
    c->per_ms = per_ms;
}

/* Samples of the voice's period before `end`. */
static unsigned period_before(const int16_t *end, unsigned per_ms) {
    unsigned window = PERIOD_WINDOW_MS * per_ms, longest = PM_CONCEAL_PERIOD_MS * per_ms;
    struct pm_pitch pitch = pm_pitch_find(end - window, window, 5 * per_ms / 2, longest, -1, per_ms * 1000 / PM_RATE_NARROW_HZ);
    return pitch.correlation < VOICED ? longest : pitch.lag;
}

static void begin(struct pm_conceal *c, const int16_t *end) {
    float past[PM_CONCEAL_HISTORY];
    unsigned n = PM_CONCEAL_HISTORY_MS * c->per_ms, order = pm_predict_order(c->per_ms);
    for (unsigned i = 0; i < n; i++) {
        past[i] = (float)end[(int)i - (int)n];
    }
    c->period = period_before(end, c->per_ms);
    pm_predict_learn(&c->predictor, past, n, order, c->excitation, c->period);
    memcpy(c->last, past + n - order, order * sizeof *c->last);
    c->at = c->done = 0;
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

bool pm_conceal_is_over(const struct pm_conceal *c) {
    return c->active && is_silent(c);
}

/* The next sample of it, as strong as it is by now. */
static float excite(struct pm_conceal *c) {
    float next = c->excitation[c->at];
    c->at = c->at + 1 < c->period ? c->at + 1 : 0;
    return next * EXCITATION_SHARE * grown(c, 0, EXCITED_FULL_MS);
}

/* The next n samples of the continuation, n at most PM_CONCEAL_BRIDGE, faded. */
static void continue_by(struct pm_conceal *c, float *out, size_t n) {
    float line[PM_PREDICT_ORDER + PM_CONCEAL_BRIDGE];
    unsigned order = pm_predict_order(c->per_ms);
    memcpy(line, c->last, order * sizeof *line);
    for (size_t i = 0; i < n; i++) {
        float *at = line + order + i;
        *at = pm_predict_next(&c->predictor, at) + excite(c);
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
    pm_predict_learn(&predictor, line, known, pm_predict_order(c->per_ms), NULL, 0);
    for (size_t i = 0; i < n; i++) {
        line[known + i] = pm_predict_next(&predictor, line + known + i);
        out[n - 1 - i] = line[known + i];
    }
}

/* How much the sound behind the hole has of the mixture, between 0 and 1: half way from a straight line to a smooth step. Each side
 * is surer near its own end. */
static float share_behind(float place) {
    return place * (0.5F + place * (1.5F - place));
}

void pm_conceal_bridge(struct pm_conceal *c, const int16_t *end, int16_t *out, size_t n, const int16_t *fresh, size_t fresh_n) {
    float back[PM_CONCEAL_BRIDGE];
    size_t m = PM_CONCEAL_BRIDGE_MS * c->per_ms;
    m = n < m ? n : m;
    pm_conceal_extend(c, end, out, n);
    continue_backwards(c, back, m, fresh, fresh_n);
    int16_t *mixed = out + n - m;
    for (size_t i = 0; i < m; i++) {
        float w = share_behind((float)(i + 1) / (float)(m + 1));
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
