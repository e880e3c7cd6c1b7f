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
        memcpy(payload, step.payload, sizeof step.payload);
        p.payload_octets = sizeof step.payload;
        p.payload_type = s->config.digit_send_type;
        p.timestamp = step.timestamp;
        p.marker = step.marker;
    } else {
        if (step.gap) {
            memset(s->samples, 0, n * sizeof *s->samples);
        }
        int octets = s->codec->encode(s->encoder, s->samples, n, payload, sizeof payload);
        p.payload_octets = octets > 0 ? (size_t)octets : 0;
        p.payload_type = s->config.send.payload_type;
        p.timestamp = s->timestamp;
        p.marker = s->marker;
        s->marker = false;
    }
    consume(s, n);
    return p.payload_octets > 0 ? finish(s, &p, out, capacity) : 0;
}
