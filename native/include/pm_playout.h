/* From packets to samples: jitter buffer, decoder, concealment and stretching as one. No clock: put takes times, render plays. */
#ifndef PM_PLAYOUT_H
#define PM_PLAYOUT_H

#include "pm_conceal.h"
#include "pm_decoders.h"
#include "pm_jitter.h"
#include "pm_level.h"
#include "pm_noise.h"
#include "pm_stretch.h"
#include "pm_timeline.h"

enum {
    PM_RENDER_MAX = PM_MS_MAX(PM_PERIOD_MAX_MS) + 2, /* a period at 44.1 kHz alternates between two lengths */
    PM_PLAYOUT_BRIDGE_MS = 30,                       /* the longest hole that is bridged; of a longer one its end */
    /* Wanted samples, plus a bridged hole and the longest packet on top, plus one inserted period. */
    PM_PLAYOUT_PENDING = PM_RENDER_MAX + PM_MS_MAX(PM_PLAYOUT_BRIDGE_MS) + PM_CODEC_PACKET_SAMPLES + PM_STRETCH_LAG_MAX,
    PM_PLAYOUT_HISTORY = PM_CONCEAL_HISTORY
};

struct pm_playout {
    struct pm_jitter jitter;
    struct pm_conceal conceal;
    struct pm_level level;
    struct pm_noise noise;
    bool resting; /* the latest that came says that the sender pauses */
    bool listens; /* what the noise is like is to be taken from the sound before it */
    bool newest_known;
    uint32_t newest; /* timestamp and source of the latest that came */
    uint32_t newest_ssrc;
    struct pm_decoders decoders;
    struct pm_timeline timeline;
    unsigned per_ms;   /* samples of a millisecond at the rate at which this plays */
    bool heard;        /* a packet has been decoded */
    bool excused;      /* the sender has something else to send than sound: what fills the gap is not counted as loss */
    bool due;          /* a packet was decoded since the delay was last looked at */
    bool rested;       /* the last look shortened nothing */
    uint64_t waited;   /* samples for which there was too much delay, without a pause to cut it from */
    unsigned attempts; /* to stretch, without a match good enough, one after the other */
    size_t pending;    /* samples decoded and not yet rendered, behind the history */
    int16_t pcm[PM_PLAYOUT_HISTORY + PM_PLAYOUT_PENDING];
    uint64_t played, concealed, recovered, removed, inserted;
};

/* `config.clock_rate_hz` is the rate at which this plays, PM_RATE_NARROW_HZ or PM_RATE_WIDE_HZ. Errors of pm_decoders_init, which
 * says what the memory is for, and of pm_jitter_init. */
int pm_playout_init(struct pm_playout *playout, const struct pm_jitter_config *config, const struct pm_payload *payloads,
                    size_t count, void *memory, size_t octets);
/* Gives back what the decoders hold. Allowed at any time after init. */
void pm_playout_close(struct pm_playout *playout);

/* Takes over the payload types of a new answer. Buffered packets of a type that is gone are concealed. With another rate playing
 * begins anew; what was counted stays. Errors as of init. */
int pm_playout_update(struct pm_playout *playout, const struct pm_jitter_config *config, const struct pm_payload *payloads,
                      size_t count, void *memory, size_t octets);

/* As pm_jitter_put, with position and duration taken from the codec: the packet's timestamp is that of RTP. PM_EARG also for a
 * payload type that is not agreed, PM_EMALFORMED for a payload that its codec does not know. */
int pm_playout_put(struct pm_playout *playout, const struct pm_jitter_packet *packet);

/* Comfort noise (RFC 3389) that begins at the packet's timestamp. PM_EMALFORMED for an empty payload. */
int pm_playout_rest(struct pm_playout *playout, const struct pm_jitter_packet *packet);

/* Writes exactly `samples` samples; PM_EARG above PM_RENDER_MAX. */
int pm_playout_render(struct pm_playout *playout, int16_t *out, size_t samples);

/* Fills the figures of playing and zeroes the rest. */
void pm_playout_stats(const struct pm_playout *playout, struct pm_stream_stats *stats);

#endif
