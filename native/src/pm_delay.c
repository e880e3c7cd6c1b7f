#include "pm_delay.h"
#include "pm_seq.h"
#include <string.h>

#define MS INT64_C(1000000)
/* The windows together see an undelayed packet through a stall, and are short enough that a sender 2000 ppm slow (2 ms/s, far
 * beyond any crystal) biases the smallest transit by 6 ms. */
#define WINDOW_NS (800 * MS)
/* Share of packets that shall come in time: the rest costs less as concealment than as delay. */
#define QUANTILE 0.999F
/* A packet's weight halves over about 9 s of 20 ms packets: a delay that one in a hundred needs is remembered until the next. */
#define FORGET 0.9985F
/* Of 20 ms; those before weigh a little less. */
#define KNOWN_PACKETS 50.0F
/* The gain is folded back before a float loses its precision. */
#define GAIN_MAX 1e12F
/* Silence of three usual packets, ended by one this much later than jitter explains, is a stall. */
#define STALL_SILENCE_NS (60 * MS)
#define STALL_ABOVE_MS 10.0
/* A packet that lies so long in its socket waits for a machine that did something else, not for the card's next period. */
#define UNFETCHED_NS (40 * MS)
/* Packets that waited in one queue follow each other faster than any sender speaks. */
#define BACK_TO_BACK_NS (8 * MS)
/* A stall of which nobody knows whether it will come again is forgotten after LONE, and sooner when it was so long that it hardly
 * is the radio's habit. One that came again within COMPANY lasts as long as conditions usually do: what happened twice will happen
 * a third time, also when it is long and so rare that each is forgotten when the next one comes. */
#define LONE_NS (4500 * MS)
#define LONE_TALL_NS (2500 * MS)
#define TALL_MS 250.0F
#define COMPANY_NS (16000 * MS)
#define RECURRING_NS (20000 * MS)
/* Jitter a bucket and more above everything that came in PM_DELAY_PEAKS spans of this length is over, whatever the quantile
 * remembers: a link that was busy for a while, or a route that changed, would cost its delay for a minute more. */
#define SPAN_NS (2500 * MS)
/* A smallest transit that grows by so much in one step has found another route; a clock drifts, it does not jump. */
#define ROUTE_BUCKETS 5

void pm_delay_init(struct pm_delay *delay, uint32_t clock_rate_hz) {
    memset(delay, 0, sizeof *delay);
    delay->clock_rate_hz = clock_rate_hz;
    delay->gain = 1.0F;
}

static void begin(struct pm_delay *delay, uint32_t timestamp, int64_t arrival_ns, int64_t wait_ns) {
    delay->begun = true;
    delay->origin_ns = delay->latest_arrival_ns = delay->window_start_ns = delay->peak_start_ns = arrival_ns;
    delay->last_timestamp = timestamp;
    for (unsigned i = 0; i < PM_DELAY_WINDOWS; i++) {
        delay->windows[i].wait_ns = wait_ns;
    }
}

/* The smallest transit and the longest wait of the last windows, this packet included. */
static struct pm_delay_window roll_windows(struct pm_delay *delay, struct pm_delay_window now, int64_t arrival_ns) {
    struct pm_delay_window *w = delay->windows;
    if (arrival_ns - delay->window_start_ns >= WINDOW_NS) {
        memmove(w + 1, w, (PM_DELAY_WINDOWS - 1) * sizeof *w);
        w[0] = now;
        delay->window_start_ns = arrival_ns;
    }
    w[0].base_ns = now.base_ns < w[0].base_ns ? now.base_ns : w[0].base_ns;
    w[0].wait_ns = now.wait_ns > w[0].wait_ns ? now.wait_ns : w[0].wait_ns;
    struct pm_delay_window all = w[0];
    for (unsigned i = 1; i < PM_DELAY_WINDOWS; i++) {
        all.base_ns = w[i].base_ns < all.base_ns ? w[i].base_ns : all.base_ns;
        all.wait_ns = w[i].wait_ns > all.wait_ns ? w[i].wait_ns : all.wait_ns;
    }
    return all;
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
    unsigned bucket = delay->highest + 1;
    while (bucket > 1) {
        above -= delay->weight[bucket - 1];
        if (above < 0.0F) {
            break;
        }
        bucket--;
    }
    return (double)(bucket * PM_DELAY_BUCKET_MS);
}

/* The highest bucket of the last PM_DELAY_PEAKS spans, this packet's included. */
static unsigned roll_peaks(struct pm_delay *delay, unsigned bucket, int64_t arrival_ns) {
    uint8_t *peaks = delay->peaks;
    if (arrival_ns - delay->peak_start_ns >= SPAN_NS) {
        memmove(peaks + 1, peaks, PM_DELAY_PEAKS - 1);
        peaks[0] = 0;
        delay->peak_start_ns = arrival_ns;
    }
    peaks[0] = bucket > peaks[0] ? (uint8_t)bucket : peaks[0];
    unsigned highest = 0;
    for (unsigned i = 0; i < PM_DELAY_PEAKS; i++) {
        highest = peaks[i] > highest ? peaks[i] : highest;
    }
    return highest;
}

static void count(struct pm_delay *delay, int64_t relative_ns, int64_t arrival_ns) {
    int64_t far = relative_ns / (PM_DELAY_BUCKET_MS * MS);
    unsigned bucket = far < PM_DELAY_BUCKETS ? (unsigned)far : PM_DELAY_BUCKETS - 1;
    double recent_ms = (double)((roll_peaks(delay, bucket, arrival_ns) + 2) * PM_DELAY_BUCKET_MS);
    delay->highest = bucket > delay->highest ? bucket : delay->highest;
    delay->weight[bucket] += delay->gain;
    delay->total += delay->gain;
    delay->gain /= FORGET;
    if (delay->gain > GAIN_MAX) {
        fold_gain(delay);
    }
    double usual_ms = quantile_ms(delay);
    delay->jitter_ms = usual_ms < recent_ms ? usual_ms : recent_ms;
}

/* A smallest transit that has risen by a step: what was counted above the old one before the new one was known was no jitter. */
static void follow_route(struct pm_delay *delay, int64_t base_ns) {
    int64_t risen = (base_ns - delay->base_ns) / (PM_DELAY_BUCKET_MS * MS);
    delay->base_ns = base_ns;
    if (risen < ROUTE_BUCKETS) {
        return;
    }
    unsigned buckets = risen < PM_DELAY_BUCKETS ? (unsigned)risen : PM_DELAY_BUCKETS - 1;
    for (unsigned i = buckets; i < PM_DELAY_BUCKETS; i++) {
        delay->weight[i - buckets] += delay->weight[i];
        delay->weight[i] = 0.0F;
    }
    for (unsigned i = 0; i < PM_DELAY_PEAKS; i++) {
        delay->peaks[i] = (uint8_t)(delay->peaks[i] < buckets ? delay->peaks[i] : delay->peaks[i] - buckets);
    }
}

/* Whether this packet waited in a stall; its first packet is remembered. */
static bool is_stalled(struct pm_delay *delay, int64_t relative_ns, int64_t arrival_ns, int64_t drained_ns) {
    int64_t silence_ns = arrival_ns - delay->latest_arrival_ns;
    bool together = drained_ns == delay->drained_ns;
    double relative_ms = (double)relative_ns / 1e6;
    bool late = relative_ms > delay->jitter_ms + STALL_ABOVE_MS;
    if (late && (silence_ns >= STALL_SILENCE_NS || (!together && drained_ns - arrival_ns >= UNFETCHED_NS))) {
        memmove(delay->stalls + 1, delay->stalls, (PM_DELAY_STALLS - 1) * sizeof *delay->stalls);
        delay->stalls[0] = (struct pm_delay_stall){.at_ns = arrival_ns, .height_ms = (float)relative_ms};
        delay->stalled = true;
    } else {
        delay->stalled = delay->stalled && (silence_ns < BACK_TO_BACK_NS || together);
    }
    return delay->stalled && late;
}

/* The highest stall that is still remembered. A stall has company when the one before or after it came within COMPANY. */
static double stall_ms(const struct pm_delay *delay, int64_t now_ns) {
    double highest = 0.0;
    for (unsigned i = 0; i < PM_DELAY_STALLS && delay->stalls[i].height_ms > 0.0F; i++) {
        const struct pm_delay_stall *s = &delay->stalls[i];
        int64_t next_ns = i > 0 ? delay->stalls[i - 1].at_ns : now_ns;
        bool before = i + 1 < PM_DELAY_STALLS && s[1].height_ms > 0.0F && s->at_ns - s[1].at_ns < COMPANY_NS;
        bool company = before || (i > 0 && next_ns - s->at_ns < COMPANY_NS);
        int64_t lone_ns = s->height_ms > TALL_MS ? LONE_TALL_NS : LONE_NS;
        if (now_ns - s->at_ns < (company ? RECURRING_NS : lone_ns) && s->height_ms > highest) {
            highest = s->height_ms;
        }
    }
    return highest;
}

void pm_delay_new_clock(struct pm_delay *delay) {
    delay->new_clock = true;
}

int64_t pm_delay_arrival(struct pm_delay *delay, uint32_t timestamp, int64_t arrival_ns, int64_t drained_ns) {
    if (!delay->begun) {
        begin(delay, timestamp, arrival_ns, drained_ns - arrival_ns);
    }
    delay->media_units += pm_ts_diff(timestamp, delay->last_timestamp);
    delay->last_timestamp = timestamp;
    int64_t rate = delay->clock_rate_hz;
    int64_t media_ns = delay->media_units / rate * 1000000000 + delay->media_units % rate * 1000000000 / rate;
    struct pm_delay_window now = {.base_ns = arrival_ns - delay->origin_ns - media_ns, .wait_ns = drained_ns - arrival_ns};
    if (delay->new_clock) {
        for (unsigned i = 0; i < PM_DELAY_WINDOWS; i++) {
            delay->windows[i].base_ns = now.base_ns;
        }
        delay->base_ns = now.base_ns;
        delay->new_clock = false;
    }
    struct pm_delay_window recent = roll_windows(delay, now, arrival_ns);
    follow_route(delay, recent.base_ns);
    int64_t relative_ns = now.base_ns - recent.base_ns + now.wait_ns;
    if (!is_stalled(delay, relative_ns, arrival_ns, drained_ns)) {
        count(delay, relative_ns, arrival_ns);
    }
    delay->drained_ns = drained_ns;
    delay->latest_arrival_ns = arrival_ns > delay->latest_arrival_ns ? arrival_ns : delay->latest_arrival_ns;
    double stall = stall_ms(delay, arrival_ns);
    delay->wait_ms = (double)recent.wait_ns / 1e6;
    delay->target_ms = stall > delay->jitter_ms ? stall : delay->jitter_ms;
    return relative_ns;
}

bool pm_delay_is_known(const struct pm_delay *delay) {
    return delay->total > KNOWN_PACKETS * delay->gain;
}
