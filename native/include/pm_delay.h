/* How late packets come, and so how much delay playing needs: the recent distribution of relative arrival. No clock.
 *
 * A packet's relative delay is its transit time above the smallest transit of the last seconds; the constant part (clock offset,
 * path) cancels, and a drifting sender moves the smallest transit with it. A histogram that forgets gives the quantile. */
#ifndef PM_DELAY_H
#define PM_DELAY_H

#include "pm_types.h"

enum {
    PM_DELAY_BUCKET_MS = 4,
    PM_DELAY_BUCKETS = 128 /* 512 ms: above the largest delay that a conversation bears */
};

struct pm_delay {
    uint32_t clock_rate_hz;
    bool begun;
    uint32_t last_timestamp;
    int64_t media_units; /* unwrapped timestamp */
    int64_t origin_ns;   /* arrival of the first packet: keeps differences small */
    int64_t window_start_ns;
    int64_t base_now_ns;    /* smallest transit in the running window */
    int64_t base_before_ns; /* and in the one before */
    int64_t wait_now_ns;    /* longest time that a packet lay in the socket, over the same windows */
    int64_t wait_before_ns;
    float weight[PM_DELAY_BUCKETS];
    float gain; /* weight of the next packet: grows, instead of all others shrinking */
    float total;
    double target_ms;
};

void pm_delay_init(struct pm_delay *delay, uint32_t clock_rate_hz);

/* Takes a packet into account and returns its relative delay in nanoseconds, 0 or more. */
int64_t pm_delay_arrival(struct pm_delay *delay, uint32_t timestamp, int64_t arrival_ns, int64_t drained_ns);

/* Delay from the fastest packets' arrival to playing that lets all but a few in a hundred packets come in time, milliseconds. */
static inline double pm_delay_target_ms(const struct pm_delay *delay) {
    return delay->target_ms;
}

#endif
