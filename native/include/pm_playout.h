/* From packets to samples: jitter buffer, decoder, concealment and stretching as one. No clock: put takes times, render plays. */
#ifndef PM_PLAYOUT_H
#define PM_PLAYOUT_H

#include "pm_conceal.h"
#include "pm_jitter.h"
#include "pm_level.h"
#include "pm_stretch.h"

enum {
    PM_RENDER_MAX = PM_MS(PM_PERIOD_MAX_MS) + 1, /* a period at 44.1 kHz alternates between two lengths */
    PM_PLAYOUT_BRIDGE = PM_MS(30),               /* the longest hole that is bridged; of a longer one its end */
    /* Wanted samples, plus a bridged hole and the longest packet on top, plus one inserted period. */
    PM_PLAYOUT_PENDING = PM_RENDER_MAX + PM_PLAYOUT_BRIDGE + PM_MS(200) + PM_STRETCH_LAG_MAX,
    PM_PLAYOUT_HISTORY = PM_CONCEAL_HISTORY
};

struct pm_playout {
    struct pm_jitter jitter;
    struct pm_conceal conceal;
    struct pm_level level;
    struct pm_payload payloads[PM_PAYLOADS_MAX];
    size_t payload_count;
    bool heard;        /* a packet has been decoded */
    bool excused;      /* the sender has something else to send than sound: what fills the gap is not counted as loss */
    bool due;          /* a packet was decoded since the delay was last looked at */
    bool rested;       /* the last look shortened nothing */
    uint64_t waited;   /* samples for which there was too much delay, without a pause to cut it from */
    unsigned attempts; /* to stretch, without a match good enough, one after the other */
    size_t pending;    /* samples decoded and not yet rendered, behind the history */
    int16_t pcm[PM_PLAYOUT_HISTORY + PM_PLAYOUT_PENDING];
    uint64_t played, concealed, removed, inserted;
};

/* PM_EARG: more than PM_PAYLOADS_MAX payloads, a codec that is not known, or what pm_jitter_init refuses. */
int pm_playout_init(struct pm_playout *playout, const struct pm_jitter_config *config, const struct pm_payload *payloads,
                    size_t count);

/* Takes over the payload types of a new answer. Buffered packets of a type that is gone are concealed. */
int pm_playout_payloads(struct pm_playout *playout, const struct pm_payload *payloads, size_t count);

/* As pm_jitter_put, with the duration taken from the codec; PM_EARG also for a payload type that is not agreed. */
int pm_playout_put(struct pm_playout *playout, const struct pm_jitter_packet *packet);

/* Writes exactly `samples` samples; PM_EARG above PM_RENDER_MAX. */
int pm_playout_render(struct pm_playout *playout, int16_t *out, size_t samples);

/* Fills the figures of playing and zeroes the rest. */
void pm_playout_stats(const struct pm_playout *playout, struct pm_stream_stats *stats);

#endif
