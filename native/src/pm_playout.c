#include "pm_playout.h"
#include "pm_seq.h"
#include <math.h>
#include <string.h>

/* Correlation from which a period may be cut or doubled unheard. Each attempt in vain accepts a little less, down to what is still
 * better than a wrong delay: some signals, music or noise, never repeat well. */
#define MATCH_BEST 0.85F
#define MATCH_LEAST 0.5F
#define MATCH_STEP 0.01F
/* How far the delay may be from its target before it is changed. A pause is free, and comes every few seconds; speech is changed
 * when it does not come. While packets are missed even a little too little delay costs every packet that is a little later than
 * most, so that is not borne. */
#define PAUSE_SLACK_MS 3.0
#define ABOVE_SLACK_MS 12.0
#define BELOW_SLACK_MS 6.0
#define NO_SLACK_MS 0.5
/* Speech is shortened after so long without a pause, and every second packet at most. Not so above this excess: nobody converses
 * well with it. */
#define PATIENCE_MS 2000
#define HURRY_MS 150.0
#define EXCESS_MS_MAX 10000.0

_Static_assert((int)PM_PLAYOUT_HISTORY >= (int)PM_STRETCH_LAG_MAX, "lengthening reads inside the history");

static int begin(struct pm_playout *p, const struct pm_jitter_config *config) {
    p->per_ms = config->clock_rate_hz / 1000;
    pm_conceal_init(&p->conceal, p->per_ms);
    pm_level_init(&p->level, p->per_ms);
    pm_timeline_init(&p->timeline, config->clock_rate_hz);
    return pm_jitter_init(&p->jitter, config);
}

int pm_playout_init(struct pm_playout *p, const struct pm_jitter_config *config, const struct pm_payload *payloads, size_t count,
                    void *memory, size_t octets) {
    memset(p, 0, sizeof *p);
    int status = begin(p, config);
    return status == PM_OK ? pm_decoders_init(&p->decoders, payloads, count, config->clock_rate_hz, memory, octets) : status;
}

void pm_playout_close(struct pm_playout *p) {
    pm_decoders_close(&p->decoders);
}

/* What is counted in samples, at the new rate. */
static void scale_counts(struct pm_playout *p, uint32_t from_hz, uint32_t to_hz) {
    uint64_t *counts[] = {&p->played, &p->concealed, &p->recovered, &p->removed, &p->inserted};
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        *counts[i] = *counts[i] * to_hz / from_hz;
    }
}

static int begin_anew(struct pm_playout *p, const struct pm_jitter_config *config) {
    const struct pm_jitter before = p->jitter;
    int status = begin(p, config);
    if (status != PM_OK) {
        return status;
    }
    p->jitter.stored = before.stored;
    p->jitter.late = before.late;
    p->jitter.duplicate = before.duplicate;
    p->jitter.reordered = before.reordered;
    p->jitter.discarded = before.discarded;
    p->jitter.restarts = before.restarts;
    scale_counts(p, before.config.clock_rate_hz, config->clock_rate_hz);
    p->pending = 0;
    p->due = p->resting = p->newest_known = false;
    memset(p->pcm, 0, sizeof p->pcm);
    return PM_OK;
}

int pm_playout_update(struct pm_playout *p, const struct pm_jitter_config *config, const struct pm_payload *payloads, size_t count,
                      void *memory, size_t octets) {
    if (config->clock_rate_hz != p->jitter.config.clock_rate_hz) {
        int status = begin_anew(p, config);
        if (status != PM_OK) {
            return status;
        }
    }
    p->jitter.config.delay_min_ms = config->delay_min_ms;
    p->jitter.config.delay_max_ms = config->delay_max_ms;
    return pm_decoders_init(&p->decoders, payloads, count, config->clock_rate_hz, memory, octets);
}

/* Whether nothing later has come from this source; it is remembered. */
static bool is_newest(struct pm_playout *p, const struct pm_jitter_packet *packet) {
    if (p->newest_known && p->newest_ssrc == packet->ssrc && pm_ts_diff(packet->timestamp, p->newest) <= 0) {
        return false;
    }
    p->newest_known = true;
    p->newest = packet->timestamp;
    p->newest_ssrc = packet->ssrc;
    return true;
}

int pm_playout_put(struct pm_playout *p, const struct pm_jitter_packet *packet) {
    int samples = pm_decoders_samples(&p->decoders, packet->payload_type, packet->payload, packet->payload_octets);
    if (samples < 0) {
        return samples;
    }
    const struct pm_decoder *decoder = pm_decoders_find(&p->decoders, packet->payload_type);
    struct pm_jitter_packet placed = *packet;
    placed.duration = (uint32_t)samples;
    placed.timestamp = pm_timeline_place(&p->timeline, packet, decoder->driver->clock_rate_hz, placed.duration);
    if (is_newest(p, packet)) {
        placed.after_rest = p->resting;
        p->resting = p->listens = packet->payload_octets <= decoder->driver->pause_octets;
    }
    return pm_jitter_put(&p->jitter, &placed);
}

int pm_playout_rest(struct pm_playout *p, const struct pm_jitter_packet *packet) {
    if (packet->payload_octets == 0) {
        return PM_EMALFORMED;
    }
    if (!is_newest(p, packet)) {
        return PM_PUT_LATE;
    }
    p->resting = true;
    p->listens = false;
    if (pm_noise_read(&p->noise, packet->payload, packet->payload_octets) != PM_OK) {
        return PM_EMALFORMED;
    }
    return PM_PUT_STORED;
}

static int16_t *pending_end(struct pm_playout *p) {
    return p->pcm + PM_PLAYOUT_HISTORY + p->pending;
}

static void add_concealment(struct pm_playout *p, size_t n) {
    pm_conceal_extend(&p->conceal, pending_end(p), pending_end(p), n);
    p->pending += n;
    p->concealed += p->excused ? 0 : n;
}

static void add_silence(struct pm_playout *p, size_t n) {
    memset(pending_end(p), 0, n * sizeof(int16_t));
    p->conceal.active = false;
    p->pending += n;
}

static void add_noise(struct pm_playout *p, size_t n) {
    if (p->listens) {
        pm_noise_listen(&p->noise, pending_end(p), PM_CONCEAL_HISTORY_MS * p->per_ms);
        p->listens = false;
    }
    pm_noise_render(&p->noise, pending_end(p), n);
    p->conceal.active = false;
    p->pending += n;
}

/* Decodes a frame behind what is pending. False when its payload type is no longer agreed, or means something else by now. */
static bool decode(struct pm_playout *p, const struct pm_jitter_frame *f) {
    int16_t *at = pending_end(p);
    int count =
        pm_decoders_decode(&p->decoders, f->payload_type, f->payload, f->payload_octets, at, PM_PLAYOUT_PENDING - p->pending);
    if (count < 0 || (uint32_t)count != f->skip + f->duration) {
        return false;
    }
    if (f->skip > 0) {
        memmove(at, at + f->skip, f->duration * sizeof *at);
    }
    pm_level_follow(&p->level, at, f->duration);
    p->heard = true;
    p->due = true;
    p->recovered += f->redundant ? f->duration : 0;
    return true;
}

static void add_packet(struct pm_playout *p, const struct pm_jitter_frame *f) {
    if (!decode(p, f)) {
        add_concealment(p, f->duration);
        return;
    }
    pm_conceal_merge(&p->conceal, pending_end(p), f->duration);
    p->pending += f->duration;
}

/* Fills a hole, or as much of its end, from what the packet behind it tells of it (Opus in-band redundancy). */
static bool recover(struct pm_playout *p, size_t hole, const struct pm_jitter_frame *f) {
    int16_t before[PM_CODEC_PACKET_SAMPLES];
    int count = f->skip > 0 ? PM_EARG
                            : pm_decoders_recover(&p->decoders, f->payload_type, f->payload, f->payload_octets, before,
                                                  PM_CODEC_PACKET_SAMPLES);
    if (count <= 0) {
        return false;
    }
    size_t told = hole < (size_t)count ? hole : (size_t)count;
    if (hole > told) {
        add_concealment(p, hole - told);
    }
    int16_t *at = pending_end(p);
    memcpy(at, before + (size_t)count - told, told * sizeof *at);
    pm_conceal_merge(&p->conceal, at, told);
    p->pending += told;
    p->recovered += told;
    return true;
}

/* A hole of which `first` samples are passed already. When it is short and the packet behind it is here, both are taken at once and
 * the hole is bridged; else it is continued blindly, bit by bit, in the hope that the next packet comes meanwhile. */
static void fill_hole(struct pm_playout *p, uint32_t first) {
    struct pm_jitter_frame f;
    uint32_t rest = pm_jitter_hole(&p->jitter), hole = first + rest;
    if (hole > PM_PLAYOUT_BRIDGE_MS * p->per_ms) {
        add_concealment(p, first);
        return;
    }
    if (rest > 0) {
        (void)pm_jitter_get_upto(&p->jitter, rest, &f);
    }
    if (!pm_jitter_ready(&p->jitter) || pm_jitter_get_upto(&p->jitter, 1, &f) != PM_GET_FRAME) {
        add_concealment(p, hole);
        return;
    }
    if (recover(p, hole, &f)) {
        add_packet(p, &f);
        return;
    }
    int16_t *end = pending_end(p);
    p->pending += hole;
    if (decode(p, &f)) {
        pm_conceal_bridge(&p->conceal, end, end, hole, pending_end(p), f.duration);
        p->pending += f.duration;
        p->concealed += p->excused ? 0 : hole;
    } else {
        p->pending -= hole;
        add_concealment(p, hole + f.duration);
    }
}

/* One get of the jitter buffer; where no packet is, little more than `wanted` samples. */
static void fill(struct pm_playout *p, size_t wanted) {
    struct pm_jitter_frame f;
    uint32_t frame = p->jitter.config.frame;
    switch (pm_jitter_get_upto(&p->jitter, wanted < frame ? (uint32_t)wanted : frame, &f)) {
    case PM_GET_FRAME:
        add_packet(p, &f);
        return;
    case PM_GET_MISSING:
        fill_hole(p, f.duration);
        return;
    case PM_GET_REST:
        add_noise(p, f.duration);
        return;
    case PM_GET_HOLD:
        (p->resting ? add_noise : add_concealment)(p, f.duration);
        return;
    default:
        (p->resting ? add_noise : add_silence)(p, f.duration);
    }
}

static float match_wanted(const struct pm_playout *p) {
    float match = MATCH_BEST - MATCH_STEP * (float)p->attempts;
    return match < MATCH_LEAST ? MATCH_LEAST : match;
}

/* Samples that shortening wants to see. */
static size_t needed(const struct pm_playout *p) {
    return PM_STRETCH_NEEDS_MS * p->per_ms;
}

static void shorten(struct pm_playout *p, double excess_ms) {
    int16_t *start = p->pcm + PM_PLAYOUT_HISTORY;
    unsigned gone = 0;
    size_t part = p->pending < needed(p) ? p->pending : needed(p);
    if (pm_level_is_pause(&p->level, start, part)) {
        gone = excess_ms > PAUSE_SLACK_MS ? pm_stretch_cut(start, p->pending, (unsigned)(excess_ms * p->per_ms), p->per_ms) : 0;
    } else if (excess_ms > HURRY_MS || (excess_ms > ABOVE_SLACK_MS && p->rested && p->waited > PATIENCE_MS * p->per_ms)) {
        gone = pm_stretch_shorten(start, p->pending, match_wanted(p), p->per_ms);
        p->attempts = gone > 0 ? 0 : p->attempts + 1;
    }
    p->rested = gone == 0;
    p->pending -= gone;
    p->removed += gone;
    pm_jitter_stretched(&p->jitter, -(int32_t)gone);
}

static void lengthen(struct pm_playout *p, double lack_ms) {
    int16_t *start = p->pcm + PM_PLAYOUT_HISTORY;
    unsigned more = 0;
    size_t before = PM_STRETCH_LAG_MS * p->per_ms;
    if (pm_level_is_pause(&p->level, start - before, before + PM_STRETCH_WINDOW_MS * p->per_ms)) {
        more = pm_stretch_fill(start, p->pending, (unsigned)(lack_ms * p->per_ms) + 1, p->per_ms);
    } else if (lack_ms > BELOW_SLACK_MS || pm_jitter_misses(&p->jitter)) {
        more = pm_stretch_lengthen(start, p->pending, match_wanted(p), p->per_ms);
        p->attempts = more > 0 ? 0 : p->attempts + 1;
    }
    p->pending += more;
    p->inserted += more;
    pm_jitter_stretched(&p->jitter, (int32_t)more);
}

/* Once a packet: a step of the delay towards its target. */
static void stretch(struct pm_playout *p) {
    if (!p->due || p->conceal.active || p->pending < PM_STRETCH_WINDOW_MS * p->per_ms) {
        return; /* concealment goes on behind the pending samples: its joint is left alone */
    }
    /* Whoever lies about time shifts the delay by a bounded step, not out of the integers' range. */
    double excess_ms = fmin(fmax(pm_jitter_excess_ms(&p->jitter), -EXCESS_MS_MAX), EXCESS_MS_MAX);
    p->waited = excess_ms > ABOVE_SLACK_MS ? p->waited + p->jitter.packet_units : 0;
    if (excess_ms > 0) {
        shorten(p, excess_ms);
    } else if (excess_ms < -NO_SLACK_MS) {
        lengthen(p, -excess_ms);
    }
    p->due = false;
}

int pm_playout_render(struct pm_playout *p, int16_t *out, size_t samples) {
    if (samples > PM_RENDER_MAX) {
        return PM_EARG;
    }
    while (p->pending < samples) {
        fill(p, samples - p->pending); /* bounded: each get adds at least one sample */
    }
    /* Shortening needs two pitch periods at hand: take the next packet early, it waits anyway. */
    if (p->due && p->pending < needed(p) && pm_jitter_excess_ms(&p->jitter) > PAUSE_SLACK_MS && pm_jitter_ready(&p->jitter)) {
        fill(p, 1);
    }
    stretch(p);
    while (p->pending < samples) {
        fill(p, samples - p->pending);
    }
    memcpy(out, p->pcm + PM_PLAYOUT_HISTORY, samples * sizeof *out);
    p->pending -= samples;
    memmove(p->pcm, p->pcm + samples, (PM_PLAYOUT_HISTORY + p->pending) * sizeof *p->pcm);
    pm_jitter_queued(&p->jitter, (uint32_t)p->pending);
    p->played += p->heard ? samples : 0;
    return PM_OK;
}

void pm_playout_stats(const struct pm_playout *p, struct pm_stream_stats *s) {
    struct pm_jitter_stats j;
    pm_jitter_stats(&p->jitter, &j);
    memset(s, 0, sizeof *s);
    s->packets_duplicate = j.duplicate;
    s->packets_reordered = j.reordered;
    s->packets_late = j.late;
    s->packets_discarded = j.discarded;
    s->burst_ratio = 1.0;
    s->rate_hz = p->jitter.config.clock_rate_hz;
    s->samples_played = p->played;
    s->samples_concealed = p->concealed;
    s->samples_recovered = p->recovered;
    s->samples_removed = p->removed;
    s->samples_inserted = p->inserted;
    s->delay_ms = j.delay_ms;
    s->delay_target_ms = j.delay_target_ms;
    s->buffered_ms = (double)(j.waiting + p->pending) / p->per_ms;
}
