/* RTP timestamps as positions on the one line of samples that a stream plays: whatever the clock of the codec, and across a change
 * of codec, whose clock may differ (RFC 7160). No clock of its own. */
#ifndef PM_TIMELINE_H
#define PM_TIMELINE_H

#include "pm_types.h"

struct pm_timeline {
    uint32_t rate_hz; /* of the samples */
    bool begun;
    uint32_t ssrc;
    uint32_t clock_rate_hz;
    uint32_t timestamp; /* of the latest packet, and where it was placed */
    uint32_t position;
    uint32_t samples;
    uint16_t sequence;
};

void pm_timeline_init(struct pm_timeline *timeline, uint32_t rate_hz);

/* The position of a packet of `samples` samples, modulo 2^32. Timestamps of one clock keep their distance. Where the clock changes
 * their distance means nothing, and the sequence numbers place the packet behind the last one. */
uint32_t pm_timeline_place(struct pm_timeline *timeline, const struct pm_jitter_packet *packet, uint32_t clock_rate_hz,
                           uint32_t samples);

/* The same without being remembered: of what is no sound and takes no time. */
uint32_t pm_timeline_of(const struct pm_timeline *timeline, const struct pm_jitter_packet *packet, uint32_t clock_rate_hz);

#endif
