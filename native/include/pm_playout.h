/* From packets to samples: jitter buffer, decoder, concealment and stretching as one. No clock: put takes times, render plays. */
#ifndef PM_PLAYOUT_H
#define PM_PLAYOUT_H

#include "pm_conceal.h"
#include "pm_decoders.h"
#include "pm_jitter.h"
#include "pm_level.h"
#include "pm_noise.h"
#include "pm_stretch.h"
#include "pm_talkspurt.h"
#include "pm_timeline.h"

enum {
    PM_RENDER_MAX = PM_MS_MAX(PM_PERIOD_MAX_MS) + 2, /* a period at 44.1 kHz alternates between two lengths */
    PM_PLAYOUT_BRIDGE_MS = 30,                       /* the longest hole that is bridged; of a longer one its end */
    /* Wanted samples, plus a bridged hole and the longest packet on top, plus one inserted period. */
    PM_PLAYOUT_PENDING = PM_RENDER_MAX + PM_MS_MAX(PM_PLAYOUT_BRIDGE_MS) + PM_CODEC_PACKET_SAMPLES + PM_STRETCH_LAG_MAX,
    PM_PLAYOUT_HISTORY = PM_CONCEAL_HISTORY
};

/* What stands for sound that is not there. */
enum pm_gap {
    PM_GAP_NONE = 0,
    PM_GAP_VOICE = 1, /* the voice goes on, and fades */
    PM_GAP_NOISE = 2  /* nobody spoke: noise like the one before */
};

struct pm_playout {
    struct pm_jitter jitter;
    struct pm_conceal conceal;
    struct pm_level level;
    struct pm_noise noise;
    struct pm_decoders decoders;
    struct pm_timeline timeline;
    struct pm_talkspurt talkspurt;
    unsigned per_ms;   /* samples of a millisecond at the rate at which this plays */
    bool heard;        /* a packet has been decoded */
    bool excused;      /* the sender has something else to send than sound: what fills the gap is not counted as loss */
    bool due;          /* a packet was decoded since the delay was last looked at */
    bool rested;       /* the last look shortened nothing */
    uint64_t waited;   /* samples for which there was too much delay, without a pause to cut it from */
    unsigned attempts; /* to stretch, without a match good enough, one after the other */
    size_t pending;    /* samples decoded and not yet rendered, behind the history */
    int16_t pcm[PM_PLAYOUT_HISTORY + PM_PLAYOUT_PENDING];
    enum pm_gap gap;   /* what is heard since the last packet was */
    uint64_t doubtful; /* of the samples concealed: since the last packet came; there may be a pause */
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

/* The parts of rendering. One get of the jitter buffer; where no packet is, little more than `wanted` samples. */
void pm_playout_fill(struct pm_playout *playout, size_t wanted);
/* Once a packet: a step of the delay towards its target. */
void pm_playout_stretch(struct pm_playout *playout);
/* Shortening needs two pitch periods at hand: whether the next packet, which waits anyway, is to be taken early. */
bool pm_playout_wants_more(const struct pm_playout *playout);

/* Fills the figures of playing and zeroes the rest. */
void pm_playout_stats(const struct pm_playout *playout, struct pm_stream_stats *stats);

#endif
