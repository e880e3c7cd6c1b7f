/* How late packets come, and so how much delay playing needs: the recent distribution of relative arrival. No clock.
 *
 * A packet's relative delay is its transit time above the smallest transit of the last seconds, plus the time that it lay in the
 * socket. The constant part (clock offset, path) cancels, and a drifting sender moves the smallest transit with it. Two memories
 * look at it:
 *
 * Jitter, what differs from packet to packet, goes into a histogram that forgets within seconds and gives a quantile. What nothing
 * reached for long is over, however much of it there was before.
 *
 * Stalls, when nothing comes for long and then all at once, or nobody fetches what came, are one event however many packets waited.
 * They are remembered by height and time: a single one shortly, since it may never come again, and stalls that recur for long,
 * since they will. */
#ifndef PM_DELAY_H
#define PM_DELAY_H

#include "pm_types.h"

enum {
    PM_DELAY_BUCKET_MS = 4,
    PM_DELAY_BUCKETS = 128, /* 512 ms: above the largest delay that a conversation bears */
    PM_DELAY_WINDOWS = 4,   /* of the smallest transit */
    PM_DELAY_PEAKS = 8,     /* spans of the highest relative delay */
    PM_DELAY_STALLS = 8     /* remembered: one every 2.5 s of the longest memory */
};

struct pm_delay_window {
    int64_t base_ns; /* smallest transit */
    int64_t wait_ns; /* longest time that a packet lay in the socket */
};

struct pm_delay_stall {
    int64_t at_ns;
    float height_ms; /* 0: unused */
};

struct pm_delay {
    uint32_t clock_rate_hz;
    bool begun;
    bool stalled;       /* packets of a stall are coming in */
    bool new_clock;     /* the next packet's transit is the smallest that is known */
    int64_t drained_ns; /* when the latest packet was taken from its socket */
    uint32_t last_timestamp;
    int64_t media_units;       /* unwrapped timestamp */
    int64_t origin_ns;         /* arrival of the first packet: keeps differences small */
    int64_t latest_arrival_ns; /* of all packets */
    int64_t base_ns;           /* smallest transit of all windows */
    int64_t window_start_ns;
    struct pm_delay_window windows[PM_DELAY_WINDOWS]; /* the running one first */
    struct pm_delay_stall stalls[PM_DELAY_STALLS];    /* the latest first */
    int64_t peak_start_ns;
    uint8_t peaks[PM_DELAY_PEAKS]; /* highest bucket of each span, the running one first */
    float weight[PM_DELAY_BUCKETS];
    unsigned highest; /* bucket that was ever counted in */
    float gain;       /* weight of the next packet: grows, instead of all others shrinking */
    float total;
    double jitter_ms; /* the quantile */
    double wait_ms;
    double target_ms;
};

void pm_delay_init(struct pm_delay *delay, uint32_t clock_rate_hz);

/* The sender's clock has jumped, to where nobody knows to the millisecond: transits before the next packet say nothing of those
 * after. */
void pm_delay_new_clock(struct pm_delay *delay);

/* Takes a packet into account and returns its relative delay in nanoseconds, 0 or more. */
int64_t pm_delay_arrival(struct pm_delay *delay, uint32_t timestamp, int64_t arrival_ns, int64_t drained_ns);

/* Delay from the fastest packets' arrival to playing that lets nearly all packets come in time, milliseconds. */
static inline double pm_delay_target_ms(const struct pm_delay *delay) {
    return delay->target_ms;
}

/* Whether packets of about a second have been seen. */
bool pm_delay_is_known(const struct pm_delay *delay);

/* How long a packet may lie in the socket before the audio thread fetches it, milliseconds. */
static inline double pm_delay_wait_ms(const struct pm_delay *delay) {
    return delay->wait_ms;
}

#endif
