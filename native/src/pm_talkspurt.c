#include "pm_talkspurt.h"
#include "pm_seq.h"
#include <string.h>

/* Of time that was left out or given twice the least that means something: a packet of the usual length. Less is a clock that
 * counts unevenly. */
#define STEP_LEAST_MS 20
/* Among lost packets of unknown length time must be left out for so long. */
#define UNEXPLAINED_MS 60
/* A marker so long after a packet that it follows without a gap begins a talkspurt after a pause that was not counted. */
#define STOOD_STILL_MS 60
/* So much sooner than the one before no packet comes, unless that one had been held up for as long: the clock has jumped. */
#define AHEAD_MS 1000
/* A pause counts as no longer than this, or its units would leave their range: nobody waits for its end. */
#define ELAPSED_MAX_MS 600000

void pm_talkspurt_init(struct pm_talkspurt *t, uint32_t rate_hz) {
    memset(t, 0, sizeof *t);
    t->rate_hz = rate_hz;
}

static int32_t units_of_ms(const struct pm_talkspurt *t, int32_t ms) {
    return (int32_t)(t->rate_hz / 1000) * ms;
}

static bool is_known(const struct pm_talkspurt *t, const struct pm_jitter_packet *p) {
    return t->known && t->ssrc == p->ssrc;
}

/* How many packets later than the latest of its source this one was sent; 0: not later. */
static uint16_t ahead_of_latest(const struct pm_talkspurt *t, const struct pm_jitter_packet *p) {
    uint16_t ahead = pm_seq_distance(p->sequence, t->sequence);
    return ahead < 0x8000u ? ahead : 0;
}

/* Units between the latest packet's end and this one's beginning, as time went by at the receiver. */
static int32_t elapsed(const struct pm_talkspurt *t, const struct pm_jitter_packet *p) {
    int64_t ms = (p->arrival_ns - t->arrival_ns) / 1000000;
    return units_of_ms(t, (int32_t)(ms < 0 ? 0 : ms < ELAPSED_MAX_MS ? ms : ELAPSED_MAX_MS)) - (int32_t)p->duration;
}

/* Whether the clock does not go with the time, by the packet's gap to the latest one. */
static bool has_jumped(const struct pm_talkspurt *t, const struct pm_jitter_packet *p, uint16_t ahead) {
    int32_t gap = pm_ts_diff(p->timestamp, t->end), passed = elapsed(t, p);
    bool stood_still = ahead == 1 && gap == 0 && p->marker && passed > units_of_ms(t, STOOD_STILL_MS);
    return stood_still || gap <= -units_of_ms(t, STEP_LEAST_MS) || (int64_t)gap - passed > units_of_ms(t, AHEAD_MS);
}

/* Puts it behind the latest packet by the time that has passed since. */
static void move(struct pm_talkspurt *t, struct pm_jitter_packet *p) {
    int32_t passed = elapsed(t, p);
    uint32_t by = t->end + (uint32_t)(passed > 0 ? passed : 0) - p->timestamp;
    t->moved += by;
    p->timestamp += by;
}

/* Whether time was left out that the packets lost since do not explain. */
static bool has_paused(const struct pm_talkspurt *t, const struct pm_jitter_packet *p, uint16_t ahead) {
    int64_t lost = (int64_t)(ahead - 1) * p->duration;
    return pm_ts_diff(p->timestamp, t->end) - lost >= units_of_ms(t, ahead == 1 ? STEP_LEAST_MS : UNEXPLAINED_MS);
}

/* Whether it belongs between a pause and what came first after it: it is the first then. */
static bool is_overtaken(struct pm_talkspurt *t, const struct pm_jitter_packet *p) {
    bool first = pm_ts_diff(p->timestamp, t->pause) > 0 && pm_ts_diff(t->begin, p->timestamp) > 0;
    t->begin = first ? p->timestamp : t->begin;
    return first;
}

static void take(struct pm_talkspurt *t, const struct pm_jitter_packet *p, uint32_t end) {
    t->known = true;
    t->ssrc = p->ssrc;
    t->sequence = p->sequence;
    t->end = end;
    t->arrival_ns = p->arrival_ns;
    t->packets++;
}

bool pm_talkspurt_follow(struct pm_talkspurt *t, struct pm_jitter_packet *p, bool pauses) {
    bool known = is_known(t, p);
    uint16_t ahead = known ? ahead_of_latest(t, p) : 1;
    if (!known) {
        pm_talkspurt_init(t, t->rate_hz);
    }
    p->timestamp += t->moved;
    if (ahead == 0) {
        p->after_rest = is_overtaken(t, p);
        return false;
    }
    t->jumped = known && !p->redundant && has_jumped(t, p, ahead);
    if (t->jumped) {
        move(t, p);
    }
    p->after_rest = known && (t->resting || has_paused(t, p, ahead));
    if (p->after_rest) {
        t->pause = t->end;
        t->begin = p->timestamp;
    }
    take(t, p, p->timestamp + p->duration);
    t->resting = pauses;
    t->paused |= pauses || p->after_rest || t->jumped;
    return true;
}

bool pm_talkspurt_rest(struct pm_talkspurt *t, const struct pm_jitter_packet *p) {
    bool known = is_known(t, p);
    if (known && ahead_of_latest(t, p) == 0) {
        return false;
    }
    if (!known) {
        pm_talkspurt_init(t, t->rate_hz);
    }
    take(t, p, p->timestamp + t->moved);
    t->resting = t->paused = true;
    return true;
}
