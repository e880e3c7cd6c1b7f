/* Linear prediction of a signal from its own past (Burg's method), and its continuation. Pure functions on floats.
 *
 * At 8 kHz the order reaches over 12 ms, so that the pitch of most voices is in the prediction itself; at 16 kHz over 7 ms, since
 * its price grows with the square of the rate. Burg's reflection coefficients never exceed 1, so in the end it decays; after a step
 * it may grow before, and is held at twice the peak of what it was learned from. */
#ifndef PM_PREDICT_H
#define PM_PREDICT_H

#include "pm_samples.h"

enum { PM_PREDICT_ORDER_NARROW = 96, PM_PREDICT_ORDER = 112, PM_PREDICT_WINDOW = PM_MS_MAX(30) };

struct pm_predictor {
    unsigned order;
    float weights[PM_PREDICT_ORDER];   /* of the sample before, the one before that, ... */
    float backwards[PM_PREDICT_ORDER]; /* the same the other way round, at the end: as samples lie in memory */
    float limit;                       /* twice the largest magnitude learned from: nothing is continued beyond */
    float residual;                    /* root mean square of what the weights do not predict */
};

/* What the order should be at this many samples a millisecond. */
static inline unsigned pm_predict_order(unsigned per_ms) {
    return per_ms == PM_RATE_NARROW_HZ / 1000 ? PM_PREDICT_ORDER_NARROW : PM_PREDICT_ORDER;
}

/* Learns from x[0 .. n), n at most PM_PREDICT_WINDOW. The order is `order`, at most PM_PREDICT_ORDER, or less as far as n allows:
 * n / 2. What the weights do not predict of the last `count` samples is written to `missed`; at most n less the order of them. */
void pm_predict_learn(struct pm_predictor *predictor, const float *x, unsigned n, unsigned order, float *missed, unsigned count);

/* Adds the m-th weight to the m - 1 before it, by a reflection coefficient (Levinson's recursion); m at most PM_PREDICT_ORDER. */
void pm_predict_raise(float *weights, unsigned m, float k);

/* The sample that follows those before `at`, at most `limit`; at least `order` of them exist. */
float pm_predict_next(const struct pm_predictor *predictor, const float *at);

#endif
