#include "pm_timeline.h"
#include "pm_seq.h"
#include <string.h>

/* A loss of more packets at the change of codec is a pause whose length nobody knows. */
enum { LOST_MAX = 25 };

void pm_timeline_init(struct pm_timeline *t, uint32_t rate_hz) {
    memset(t, 0, sizeof *t);
    t->rate_hz = rate_hz;
}

static uint32_t behind_the_last(const struct pm_timeline *t, uint16_t sequence) {
    uint16_t ahead = pm_seq_distance(sequence, t->sequence);
    uint32_t lost = ahead > 0 && ahead <= LOST_MAX ? ahead - 1u : 0;
    return t->position + t->samples + lost * t->samples;
}

uint32_t pm_timeline_of(const struct pm_timeline *t, const struct pm_jitter_packet *p, uint32_t clock_rate_hz) {
    if (!t->begun || t->ssrc != p->ssrc) {
        return p->timestamp;
    }
    if (t->clock_rate_hz != clock_rate_hz) {
        return behind_the_last(t, p->sequence);
    }
    int64_t distance = (int64_t)pm_ts_diff(p->timestamp, t->timestamp) * t->rate_hz / clock_rate_hz;
    return t->position + (uint32_t)distance;
}

uint32_t pm_timeline_place(struct pm_timeline *t, const struct pm_jitter_packet *p, uint32_t clock_rate_hz, uint32_t samples) {
    uint32_t position = pm_timeline_of(t, p, clock_rate_hz);
    t->begun = true;
    t->ssrc = p->ssrc;
    t->clock_rate_hz = clock_rate_hz;
    t->timestamp = p->timestamp;
    t->position = position;
    t->samples = samples;
    t->sequence = p->sequence;
    return position;
}
