#include "pm_envelope.h"
#include <math.h>
#include <string.h>

static const float FORGET = 0.002f;         /* of the averages: five seconds, some twenty syllables */
static const float SYLLABLE = 0.03f;        /* of the mean that is taken off: a third of a second */
static const float FLOOR = 300.0f;          /* mean square: below -65 dB nothing is loud or soft */
static const float LIKE = 0.55f;            /* unlike voices reach less by chance, over all lags */
static const float SPREAD_LEAST_DB2 = 4.0f; /* loudness that moves by less than 2 dB has no rhythm */
enum { LEARN_STEPS = 150 };                 /* before, a few syllables agree by chance */

void pm_envelope_init(struct pm_envelope *e) {
    memset(e, 0, sizeof *e);
}

static float over_mean(float *mean_db, float power, bool first) {
    float now_db = 10.0f * log10f(power + FLOOR);
    *mean_db = first ? now_db : *mean_db + SYLLABLE * (now_db - *mean_db);
    return now_db - *mean_db;
}

void pm_envelope_step(struct pm_envelope *e, float far, float near) {
    float here = over_mean(&e->near_mean_db, near, e->steps == 0), highest = 0.0f;
    e->newest = (e->newest + 1) % PM_ENVELOPE_LAGS;
    e->far[e->newest] = over_mean(&e->far_mean_db, far, e->steps == 0);
    e->steps += e->steps < LEARN_STEPS;
    e->far_spread += FORGET * (e->far[e->newest] * e->far[e->newest] - e->far_spread);
    e->near_spread += FORGET * (here * here - e->near_spread);
    for (unsigned lag = 0; lag < PM_ENVELOPE_LAGS; lag++) {
        unsigned place = e->newest >= lag ? e->newest - lag : e->newest + PM_ENVELOPE_LAGS - lag;
        e->cross[lag] += FORGET * (e->far[place] * here - e->cross[lag]);
        if (e->cross[lag] > highest) {
            highest = e->cross[lag];
            e->lag = lag;
        }
    }
    e->likeness = highest / sqrtf(e->far_spread * e->near_spread + 1e-6f);
}

bool pm_envelope_follows(const struct pm_envelope *e) {
    return e->steps >= LEARN_STEPS && e->near_spread > SPREAD_LEAST_DB2 && e->likeness > LIKE;
}
