#include "pm_stream.h"
#include <string.h>

static size_t packet_samples(const struct pm_stream *s) {
    return s->rate_hz / 1000 * s->config.ptime_ms;
}

size_t pm_stream_feed(struct pm_stream *s, const int16_t *samples, size_t n) {
    size_t room = s->fill < packet_samples(s) ? packet_samples(s) - s->fill : 0;
    size_t taken = n < room ? n : room;
    memcpy(s->samples + s->fill, samples, taken * sizeof *samples);
    s->fill += taken;
    return taken;
}

/* The interval is over whether anything was sent or not: media time never stops (RFC 3550 section 5.1). */
static void consume(struct pm_stream *s, size_t n) {
    s->fill -= n;
    memmove(s->samples, s->samples + n, s->fill * sizeof *s->samples);
    s->timestamp += pm_stream_units(s, n);
}

static size_t finish(struct pm_stream *s, struct pm_rtp_packet *p, uint8_t *out, size_t capacity) {
    p->sequence = s->sequence;
    p->ssrc = s->config.ssrc;
    int length = pm_rtp_build(p, out, capacity);
    if (length <= 0) {
        return 0;
    }
    s->sequence++;
    s->sent++;
    s->octets_sent += p->payload_octets;
    return (size_t)length;
}

/* How long nobody speaks before a pause begins: the ends of words are quiet. Afterwards the level is told again when it has changed
 * by so many decibels, and now and then for those who missed it. */
enum { HANGOVER_MS = 240, LEVEL_STEP_DB = 3, REPEAT_MS = 2000 };

/* Whether nothing is to be said: then `p` may be comfort noise, or without a payload when none is due. */
static bool rests(struct pm_stream *s, size_t n, uint8_t *payload, struct pm_rtp_packet *p) {
    struct pm_pause *pause = &s->pause;
    pm_level_follow(&pause->level, s->samples, n);
    bool quiet = pm_level_is_pause(&pause->level, s->samples, n);
    bool begun = pause->quiet_ms >= HANGOVER_MS;
    pause->quiet_ms = quiet ? pause->quiet_ms + (begun ? 0 : s->config.ptime_ms) : 0;
    if (pause->quiet_ms < HANGOVER_MS) {
        return false;
    }
    uint8_t level = pm_noise_level(s->samples, n);
    int step = (int)level - pause->told;
    pause->told_ms += s->config.ptime_ms;
    if (!begun || pause->told_ms >= REPEAT_MS || step >= LEVEL_STEP_DB || step <= -LEVEL_STEP_DB) {
        pause->told = level;
        pause->told_ms = 0;
        payload[0] = level;
        p->payload_octets = 1;
        p->payload_type = PM_NOISE_TYPE;
        p->timestamp = s->timestamp;
    }
    return true;
}

/* Puts the packet before in front of this one, while the peer reports loss. `payload` is what is sent either way. */
static void add_copy(struct pm_stream *s, uint8_t *payload, size_t capacity, struct pm_rtp_packet *p, int64_t now_ns) {
    struct pm_copy *copy = &s->copy;
    uint8_t plain[PM_RTP_PAYLOAD_MAX];
    size_t octets = p->payload_octets;
    uint32_t offset = p->timestamp - copy->timestamp;
    memcpy(plain, payload, octets);
    const struct pm_red_block blocks[] = {{copy->payload_type, offset, copy->payload, copy->octets},
                                          {p->payload_type, 0, plain, octets}};
    if (s->config.sends_red && copy->known && now_ns < copy->wanted_until_ns && offset <= PM_RED_OFFSET_MAX) {
        int length = pm_red_build(blocks, 2, payload, capacity);
        if (length > 0) {
            p->payload_octets = (size_t)length;
            p->payload_type = s->config.red_send_type;
        } else {
            memcpy(payload, plain, octets);
        }
    }
    copy->known = octets <= sizeof copy->payload;
    copy->octets = (uint16_t)(copy->known ? octets : 0);
    copy->timestamp = p->timestamp;
    copy->payload_type = s->config.send.payload_type;
    memcpy(copy->payload, plain, copy->octets);
}

/* Sound, or what stands for it. No payload: nothing is due. */
static void say(struct pm_stream *s, size_t n, uint8_t *payload, size_t capacity, struct pm_rtp_packet *p, int64_t now_ns) {
    if (s->config.sends_noise && rests(s, n, payload, p)) {
        s->marker = true; /* RFC 3551 section 4.1: on the first packet after the pause */
        s->copy.known = false;
        return;
    }
    int octets = s->codec->encode(s->encoder, s->samples, n, payload, capacity);
    p->payload_octets = octets > 0 ? (size_t)octets : 0;
    p->payload_type = s->config.send.payload_type;
    p->timestamp = s->timestamp;
    p->marker = s->marker;
    s->marker = false;
    if (s->config.sends_red && octets > 0) {
        add_copy(s, payload, capacity, p, now_ns);
    }
}

size_t pm_stream_packet(struct pm_stream *s, uint8_t *out, size_t capacity, int64_t now_ns, struct pm_events *events) {
    size_t n = packet_samples(s);
    if (s->fill < n) {
        return 0;
    }
    if (!s->config.sends || s->latch.remote.family == PM_FAMILY_NONE || s->latch.remote.port == 0) {
        s->marker = true; /* the next packet begins anew */
        consume(s, n);
        return 0;
    }
    struct pm_digit_step step = {.active = false};
    if (s->config.sends_digits) {
        pm_digit_out_step(&s->digit_out, s->timestamp, pm_stream_units(s, n), &step);
    }
    if (step.finished) {
        pm_events_push(events, (struct pm_event){.at_ns = now_ns, .kind = PM_EVENT_DIGITS_SENT, .stream = s->slot});
    }
    uint8_t payload[PM_RTP_PAYLOAD_MAX];
    struct pm_rtp_packet p = {.payload = payload};
    if (step.active) {
        s->copy.known = false;
        memcpy(payload, step.payload, sizeof step.payload);
        p.payload_octets = sizeof step.payload;
        p.payload_type = s->config.digit_send_type;
        p.timestamp = step.timestamp;
        p.marker = step.marker;
    } else {
        if (step.gap) {
            memset(s->samples, 0, n * sizeof *s->samples);
        }
        say(s, n, payload, sizeof payload, &p, now_ns);
    }
    consume(s, n);
    return p.payload_octets > 0 ? finish(s, &p, out, capacity) : 0;
}
