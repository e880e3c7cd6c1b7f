/* The jitter buffer: packets in by arrival, frames out by playing. It has no clock: only put takes times, and one get is one played
 * frame, so it runs in virtual time as well as behind a sound card.
 *
 * Packets are placed by timestamp, not by sequence: any mix of packet lengths fits. The timeline stands still while the buffer is
 * empty (PM_GET_HOLD), so a packet that comes late is played late and the delay grows; a hole before packets that are here
 * (PM_GET_MISSING) is passed over, and time spent holding counts towards it. */
#ifndef PM_JITTER_H
#define PM_JITTER_H

#include "pm_delay.h"
#include "pm_rtp.h"

enum {
    /* 640 ms of 10 ms packets: the largest delay of 400 ms and a burst on top. */
    PM_JITTER_SLOTS = 64
};

enum pm_jitter_state {
    PM_JITTER_IDLE = 0,    /* no timeline: nothing came yet, or nothing for long */
    PM_JITTER_PRIMING = 1, /* the first packets wait until the delay is built up */
    PM_JITTER_PLAYING = 2
};

struct pm_jitter_slot {
    bool used;
    bool redundant, after_rest;
    uint8_t payload_type;
    uint16_t sequence;
    uint16_t payload_octets;
    uint32_t timestamp;
    uint32_t duration;
    uint8_t payload[PM_RTP_PAYLOAD_MAX];
};

struct pm_jitter {
    struct pm_jitter_config config;
    struct pm_delay delay;
    enum pm_jitter_state state;
    uint32_t ssrc;
    bool ssrc_known;
    uint16_t highest_sequence;
    uint64_t seen;           /* bit i: highest_sequence - i has been put */
    uint32_t play_timestamp; /* the next unit to hand out */
    uint32_t queued;         /* units handed out and not yet heard */
    uint32_t held;           /* units played as PM_GET_HOLD since the last packet */
    uint32_t packet_units;   /* length of the latest packet */
    uint32_t look_ahead;     /* units for which a packet more of delay is wanted, since one was missed */
    double delay_units;      /* smoothed: arrival of the fastest packets to playing */
    bool delay_known;
    uint8_t order[PM_JITTER_SLOTS]; /* slots by timestamp, earliest first */
    unsigned count;
    uint64_t stored, late, duplicate, reordered, discarded, restarts;
    struct pm_jitter_slot slots[PM_JITTER_SLOTS];
};

/* PM_EARG: clock rate outside 8000-48000 Hz, frame zero or above 60 ms, delay bounds above 500 ms or crossed. */
int pm_jitter_init(struct pm_jitter *jitter, const struct pm_jitter_config *config);

/* Returns enum pm_jitter_put_result, or PM_EARG: payload empty or above PM_RTP_PAYLOAD_MAX, duration zero or above 200 ms, times
 * negative or absurd, drained before arrival. */
int pm_jitter_put(struct pm_jitter *jitter, const struct pm_jitter_packet *packet);

/* Returns enum pm_jitter_get_result and fills `frame`. */
int pm_jitter_get(struct pm_jitter *jitter, struct pm_jitter_frame *frame);

/* As get, but nothing longer than `units` (at least 1) is played where no packet is. */
int pm_jitter_get_upto(struct pm_jitter *jitter, uint32_t units, struct pm_jitter_frame *frame);

/* Whether the next get answers PM_GET_FRAME. */
bool pm_jitter_ready(const struct pm_jitter *jitter);

/* The player tells what it did with the samples: units decoded and not yet heard, and units that stretching added (+) or took (-).
 */
void pm_jitter_queued(struct pm_jitter *jitter, uint32_t units);
void pm_jitter_stretched(struct pm_jitter *jitter, int32_t units);

/* Whether a packet was missed in the last half minute. */
static inline bool pm_jitter_misses(const struct pm_jitter *jitter) {
    return jitter->look_ahead > 0;
}

/* Units missing before the first packet that is here; 0 when it is due, or none is here. */
uint32_t pm_jitter_hole(const struct pm_jitter *jitter);

double pm_jitter_target_ms(const struct pm_jitter *jitter);
double pm_jitter_delay_ms(const struct pm_jitter *jitter);
/* Delay above (+) or below (-) the target. */
double pm_jitter_excess_ms(const struct pm_jitter *jitter);
void pm_jitter_stats(const struct pm_jitter *jitter, struct pm_jitter_stats *stats);

#endif
