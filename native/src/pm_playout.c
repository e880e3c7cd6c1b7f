#include "pm_playout.h"
#include <string.h>

static int begin(struct pm_playout *p, const struct pm_jitter_config *config) {
    p->per_ms = config->clock_rate_hz / 1000;
    pm_conceal_init(&p->conceal, p->per_ms);
    pm_level_init(&p->level, p->per_ms);
    pm_noise_init(&p->noise);
    pm_timeline_init(&p->timeline, config->clock_rate_hz);
    pm_talkspurt_init(&p->talkspurt, config->clock_rate_hz);
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
    p->due = false;
    p->gap = PM_GAP_NONE;
    p->doubtful = 0;
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

int pm_playout_put(struct pm_playout *p, const struct pm_jitter_packet *packet) {
    int samples = pm_decoders_samples(&p->decoders, packet->payload_type, packet->payload, packet->payload_octets);
    if (samples < 0) {
        return samples;
    }
    const struct pm_decoder *decoder = pm_decoders_find(&p->decoders, packet->payload_type);
    struct pm_jitter_packet placed = *packet;
    placed.duration = (uint32_t)samples;
    placed.timestamp = pm_timeline_place(&p->timeline, packet, decoder->driver->clock_rate_hz, placed.duration);
    bool pauses = packet->payload_octets <= decoder->driver->pause_octets;
    if (pm_talkspurt_follow(&p->talkspurt, &placed, pauses)) {
        p->concealed -= placed.after_rest ? p->doubtful : 0;
        p->doubtful = 0;
        if (p->talkspurt.jumped) {
            pm_delay_new_clock(&p->jitter.delay);
        }
        p->noise.told = p->noise.shaped = false; /* of an earlier pause */
    }
    return pm_jitter_put(&p->jitter, &placed);
}

int pm_playout_rest(struct pm_playout *p, const struct pm_jitter_packet *packet) {
    if (packet->payload_octets == 0) {
        return PM_EMALFORMED;
    }
    struct pm_jitter_packet placed = *packet;
    placed.timestamp = pm_timeline_of(&p->timeline, packet, PM_RATE_NARROW_HZ);
    if (!pm_talkspurt_rest(&p->talkspurt, &placed)) {
        return PM_PUT_LATE;
    }
    int status = pm_noise_read(&p->noise, packet->payload, packet->payload_octets);
    return status == PM_OK ? (int)PM_PUT_STORED : status;
}

static void fill_up(struct pm_playout *p, size_t samples) {
    while (p->pending < samples) {
        pm_playout_fill(p, samples - p->pending); /* bounded: each adds at least one sample */
    }
}

int pm_playout_render(struct pm_playout *p, int16_t *out, size_t samples) {
    if (samples > PM_RENDER_MAX) {
        return PM_EARG;
    }
    fill_up(p, samples);
    if (pm_playout_wants_more(p)) {
        pm_playout_fill(p, 1);
    }
    pm_playout_stretch(p);
    fill_up(p, samples);
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
