#include "pm_playout.h"
#include <math.h>

/* Correlation from which a period may be cut or doubled unheard. Each attempt in vain accepts a little less, down to what is still
 * better than a wrong delay: some signals, music or noise, never repeat well. */
#define MATCH_BEST 0.85F
#define MATCH_LEAST 0.5F
#define MATCH_STEP 0.01F
/* How far the delay may be from its target before it is changed. A pause is free, and comes every few seconds; speech is changed
 * when it does not come. While packets are missed even a little too little delay costs every packet that is a little later than
 * most, so that is not borne. */
#define PAUSE_SLACK_MS 3.0
#define ABOVE_SLACK_MS 12.0
#define BELOW_SLACK_MS 6.0
#define NO_SLACK_MS 0.5
/* Speech is shortened after so long without a pause, and every second packet at most. Not so above this excess: nobody converses
 * well with it. */
#define PATIENCE_MS 2000
#define HURRY_MS 150.0
#define EXCESS_MS_MAX 10000.0

_Static_assert((int)PM_PLAYOUT_HISTORY >= (int)PM_STRETCH_LAG_MAX, "lengthening reads inside the history");

static float match_wanted(const struct pm_playout *p) {
    float match = MATCH_BEST - MATCH_STEP * (float)p->attempts;
    return match < MATCH_LEAST ? MATCH_LEAST : match;
}

/* Samples that shortening wants to see. */
static size_t needed(const struct pm_playout *p) {
    return PM_STRETCH_NEEDS_MS * p->per_ms;
}

static void shorten(struct pm_playout *p, double excess_ms) {
    int16_t *start = p->pcm + PM_PLAYOUT_HISTORY;
    unsigned gone = 0;
    size_t part = p->pending < needed(p) ? p->pending : needed(p);
    if (pm_level_is_pause(&p->level, start, part)) {
        gone = excess_ms > PAUSE_SLACK_MS ? pm_stretch_cut(start, p->pending, (unsigned)(excess_ms * p->per_ms), p->per_ms) : 0;
    } else if (excess_ms > HURRY_MS || (excess_ms > ABOVE_SLACK_MS && p->rested && p->waited > PATIENCE_MS * p->per_ms)) {
        gone = pm_stretch_shorten(start, p->pending, match_wanted(p), p->per_ms);
        p->attempts = gone > 0 ? 0 : p->attempts + 1;
    }
    p->rested = gone == 0;
    p->pending -= gone;
    p->removed += gone;
    pm_jitter_stretched(&p->jitter, -(int32_t)gone);
}

static void lengthen(struct pm_playout *p, double lack_ms) {
    int16_t *start = p->pcm + PM_PLAYOUT_HISTORY;
    unsigned more = 0;
    size_t before = PM_STRETCH_LAG_MS * p->per_ms;
    if (pm_level_is_pause(&p->level, start - before, before + PM_STRETCH_WINDOW_MS * p->per_ms)) {
        more = pm_stretch_fill(start, p->pending, (unsigned)(lack_ms * p->per_ms) + 1, p->per_ms);
    } else if (lack_ms > BELOW_SLACK_MS || pm_jitter_misses(&p->jitter)) {
        more = pm_stretch_lengthen(start, p->pending, match_wanted(p), p->per_ms);
        p->attempts = more > 0 ? 0 : p->attempts + 1;
    }
    p->pending += more;
    p->inserted += more;
    pm_jitter_stretched(&p->jitter, (int32_t)more);
}

void pm_playout_stretch(struct pm_playout *p) {
    if (!p->due || p->conceal.active || p->pending < PM_STRETCH_WINDOW_MS * p->per_ms) {
        return; /* concealment goes on behind the pending samples: its joint is left alone */
    }
    /* Whoever lies about time shifts the delay by a bounded step, not out of the integers' range. */
    double excess_ms = fmin(fmax(pm_jitter_excess_ms(&p->jitter), -EXCESS_MS_MAX), EXCESS_MS_MAX);
    p->waited = excess_ms > ABOVE_SLACK_MS ? p->waited + p->jitter.packet_units : 0;
    if (excess_ms > 0) {
        shorten(p, excess_ms);
    } else if (excess_ms < -NO_SLACK_MS) {
        lengthen(p, -excess_ms);
    }
    p->due = false;
}

bool pm_playout_wants_more(const struct pm_playout *p) {
    return p->due && p->pending < needed(p) && pm_jitter_excess_ms(&p->jitter) > PAUSE_SLACK_MS && pm_jitter_ready(&p->jitter);
}
