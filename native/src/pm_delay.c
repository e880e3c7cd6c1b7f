#include "pm_delay.h"
#include "pm_seq.h"
#include <string.h>

/* Two windows of this length remember the smallest transit: long enough to see an undelayed packet through a stall, short enough
 * that a sender 2000 ppm slow (2 ms/s, far beyond any crystal) biases it by under 8 ms. */
#define WINDOW_NS INT64_C(2000000000)
/* Share of packets that shall come in time: the rest costs less as concealment than as delay. */
#define QUANTILE 0.97F
/* A packet's weight halves over about 3 s of 20 ms packets. */
#define FORGET 0.9954F
/* The gain is folded back before a float loses its precision. */
#define GAIN_MAX 1e12F

void pm_delay_init(struct pm_delay *delay, uint32_t clock_rate_hz) {
    memset(delay, 0, sizeof *delay);
    delay->clock_rate_hz = clock_rate_hz;
    delay->gain = 1.0F;
}

static void roll_windows(struct pm_delay *delay, int64_t transit_ns, int64_t wait_ns, int64_t arrival_ns) {
    if (arrival_ns - delay->window_start_ns >= WINDOW_NS) {
        delay->base_before_ns = delay->base_now_ns;
        delay->wait_before_ns = delay->wait_now_ns;
        delay->base_now_ns = transit_ns;
        delay->wait_now_ns = wait_ns;
        delay->window_start_ns = arrival_ns;
    }
    if (transit_ns < delay->base_now_ns) {
        delay->base_now_ns = transit_ns;
    }
    if (wait_ns > delay->wait_now_ns) {
        delay->wait_now_ns = wait_ns;
    }
}

static void fold_gain(struct pm_delay *delay) {
    for (unsigned i = 0; i < PM_DELAY_BUCKETS; i++) {
        delay->weight[i] /= delay->gain;
    }
    delay->total /= delay->gain;
    delay->gain = 1.0F;
}

static double quantile_ms(const struct pm_delay *delay) {
    float above = delay->total * (1.0F - QUANTILE);
    unsigned bucket = PM_DELAY_BUCKETS;
    while (bucket > 1) {
        above -= delay->weight[bucket - 1];
        if (above < 0.0F) {
            break;
        }
        bucket--;
    }
    return (double)(bucket * PM_DELAY_BUCKET_MS);
}

int64_t pm_delay_arrival(struct pm_delay *delay, uint32_t timestamp, int64_t arrival_ns, int64_t drained_ns) {
    int64_t wait_ns = drained_ns - arrival_ns;
    if (!delay->begun) {
        delay->begun = true;
        delay->origin_ns = arrival_ns;
        delay->last_timestamp = timestamp;
        delay->window_start_ns = arrival_ns;
        delay->wait_now_ns = delay->wait_before_ns = wait_ns;
    }
    delay->media_units += pm_ts_diff(timestamp, delay->last_timestamp);
    delay->last_timestamp = timestamp;
    int64_t rate = delay->clock_rate_hz;
    int64_t media_ns = delay->media_units / rate * 1000000000 + delay->media_units % rate * 1000000000 / rate;
    int64_t transit_ns = arrival_ns - delay->origin_ns - media_ns;
    roll_windows(delay, transit_ns, wait_ns, arrival_ns);
    int64_t base_ns = delay->base_now_ns < delay->base_before_ns ? delay->base_now_ns : delay->base_before_ns;
    int64_t relative_ns = transit_ns - base_ns;
    int64_t bucket = relative_ns / (PM_DELAY_BUCKET_MS * INT64_C(1000000));
    delay->weight[bucket < PM_DELAY_BUCKETS ? bucket : PM_DELAY_BUCKETS - 1] += delay->gain;
    delay->total += delay->gain;
    delay->gain /= FORGET;
    if (delay->gain > GAIN_MAX) {
        fold_gain(delay);
    }
    int64_t longest_wait_ns = delay->wait_now_ns > delay->wait_before_ns ? delay->wait_now_ns : delay->wait_before_ns;
    delay->target_ms = quantile_ms(delay) + (double)longest_wait_ns / 1e6;
    return relative_ns;
}
