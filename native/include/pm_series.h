/* How the losses of what we send come, by themselves or in runs, as the other side's reports tell (RFC 3550 section 6.4.1).
 *
 * A report says how many packets were lost of how many since the one before. Lost with a probability each by itself, these counts
 * would scatter by a known measure; losses that come in runs make them scatter more. For the chain of two states of ITU-T G.107, in
 * which the fates of two packets k apart agree by r to the power of k, the scatter grows by (1 + r) / (1 - r), and its burst ratio
 * is 1 / (1 - r): half of one more than that growth. One owner thread. */
#ifndef PM_SERIES_H
#define PM_SERIES_H

#include <stdbool.h>
#include <stdint.h>

struct pm_series {
    bool began;
    uint32_t highest; /* sequence number with its cycles, as reported last */
    int32_t lost;
    unsigned reports;       /* stretches between two of them */
    double packets, losses; /* sums over the stretches, and of products */
    double packets_2, losses_2, both;
};

void pm_series_add(struct pm_series *series, uint32_t highest, int32_t lost);
/* 1 to 8; 1 also while there are too few reports or losses to tell. */
double pm_series_burst_ratio(const struct pm_series *series);

#endif
