/* Packet loss concealment by repeating the last pitch periods, in the manner of ITU-T G.711 appendix I: one period for the first 10
 * ms, then two and three against buzzing, fading from 10 ms on to silence at 60 ms, and a cross-fade into what comes next.
 *
 * It differs in adding no delay: the joint is smoothed forwards only, by letting the difference between signal and repetition
 * decay. */
#ifndef PM_CONCEAL_H
#define PM_CONCEAL_H

#include "pm_samples.h"

enum {
    PM_CONCEAL_LAG_MIN = PM_MS(5),  /* 200 Hz; a higher voice repeats at a multiple of its period */
    PM_CONCEAL_LAG_MAX = PM_MS(15), /* 66 Hz */
    PM_CONCEAL_WINDOW = PM_MS(20),
    PM_CONCEAL_PERIODS_MAX = 3,
    /* Three periods and a quarter to smooth the joint; it also holds window + lag. */
    PM_CONCEAL_HISTORY = PM_CONCEAL_LAG_MAX * PM_CONCEAL_PERIODS_MAX + PM_CONCEAL_LAG_MAX
};

struct pm_conceal {
    bool active;
    unsigned lag;
    unsigned overlap;  /* a quarter of a period */
    unsigned periods;  /* in the cycle now */
    unsigned position; /* in the cycle */
    unsigned done;     /* samples since the loss began */
    float step;        /* difference at the joint, decaying over the overlap */
    int16_t history[PM_CONCEAL_HISTORY];
    int16_t cycle[PM_CONCEAL_LAG_MAX * PM_CONCEAL_PERIODS_MAX];
};

void pm_conceal_init(struct pm_conceal *conceal);

/* Continues the signal by n samples. `end` points behind its last sample; PM_CONCEAL_HISTORY samples lie before it. They are read
 * only when a loss begins. `out` may be `end`. */
void pm_conceal_extend(struct pm_conceal *conceal, const int16_t *end, int16_t *out, size_t n);

/* The signal is back: fades from the concealment into the n samples at `fresh`, in place. No effect when nothing was concealed. */
void pm_conceal_merge(struct pm_conceal *conceal, int16_t *fresh, size_t n);

#endif
