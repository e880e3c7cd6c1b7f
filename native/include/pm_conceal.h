/* Packet loss concealment by linear prediction. A signal that stops is continued from its own past; when the packet behind the hole
 * is here already, it is continued backwards too and the hole is bridged from both sides, which is worth more than any
 * continuation. What drives the continuation is what drove the voice: the part of its last period that could not be predicted, over
 * and over. Without it the resonances die away, and a vowel ends as a hum.
 *
 * No delay is added: the caller looks ahead only where the jitter buffer holds the next packet anyway. */
#ifndef PM_CONCEAL_H
#define PM_CONCEAL_H

#include "pm_predict.h"

enum {
    PM_CONCEAL_HISTORY_MS = 30,
    PM_CONCEAL_BRIDGE_MS = 20, /* how far back the sound behind the hole is continued */
    PM_CONCEAL_MERGE_MS = 10,
    PM_CONCEAL_PERIOD_MS = 15,                             /* the longest period of a voice; the shortest is 2.5 ms, 400 Hz */
    PM_CONCEAL_HISTORY = PM_MS_MAX(PM_CONCEAL_HISTORY_MS), /* capacities */
    PM_CONCEAL_BRIDGE = PM_MS_MAX(PM_CONCEAL_BRIDGE_MS),
    PM_CONCEAL_MERGE = PM_MS_MAX(PM_CONCEAL_MERGE_MS),
    PM_CONCEAL_PERIOD = PM_MS_MAX(PM_CONCEAL_PERIOD_MS)
};

struct pm_conceal {
    unsigned per_ms;
    bool active;
    unsigned done; /* samples since the loss began */
    struct pm_predictor predictor;
    float last[PM_PREDICT_ORDER];        /* of the continuation, before it fades */
    float excitation[PM_CONCEAL_PERIOD]; /* one period of what was not predicted */
    unsigned period, at;                 /* samples of it, and the next one */
};

void pm_conceal_init(struct pm_conceal *conceal, unsigned per_ms);

/* Continues the signal by n samples, fading to silence within 200 ms. `end` points behind its last sample;
 * PM_CONCEAL_HISTORY_MS lie before it. They are read only when a loss begins. `out` may be `end`. */
void pm_conceal_extend(struct pm_conceal *conceal, const int16_t *end, int16_t *out, size_t n);

/* Whether the continuation has faded to silence. */
bool pm_conceal_is_over(const struct pm_conceal *conceal);

/* As extend, and the `fresh_n` samples at `fresh`, which are what comes behind the n, are met without a joint. The loss is over. */
void pm_conceal_bridge(struct pm_conceal *conceal, const int16_t *end, int16_t *out, size_t n, const int16_t *fresh,
                       size_t fresh_n);

/* The signal is back, but what was played before it could not know: fades from the continuation into the n samples at `fresh`, in
 * place. No effect when nothing was concealed. */
void pm_conceal_merge(struct pm_conceal *conceal, int16_t *fresh, size_t n);

#endif
