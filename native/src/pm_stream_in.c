#include "pm_red.h"
#include "pm_stream.h"
#include <string.h>

/* Sound comes back this long after a digit's last packet at the latest: the end packets and a pause are over. */
#define AFTER_DIGIT_NS INT64_C(100000000)

static void tell(struct pm_stream *s, struct pm_events *events, enum pm_event_kind kind, int64_t at_ns, uint32_t value) {
    pm_events_push(events, (struct pm_event){.at_ns = at_ns, .kind = (uint8_t)kind, .stream = s->slot, .value = value});
}

/* The clock of telephone-events under this number, 0 when it is not theirs. */
static uint32_t digit_clock_hz(const struct pm_stream *s, uint8_t payload_type) {
    for (unsigned i = 0; i < s->config.digit_receive_count; i++) {
        if (s->config.digit_receive[i].payload_type == payload_type) {
            return s->config.digit_receive[i].clock_rate_hz;
        }
    }
    return 0;
}

/* The clock of sound under this number, 0 when it is not agreed. */
static uint32_t audio_clock_hz(const struct pm_stream *s, uint8_t payload_type) {
    const struct pm_decoder *decoder = pm_decoders_find(&s->playout.decoders, payload_type);
    return decoder != NULL ? decoder->driver->clock_rate_hz : 0;
}

static void adopt(struct pm_stream *s, const struct pm_source *source) {
    if (s->has_source) {
        s->expected_before += pm_source_expected(&s->source);
        s->received_before += s->source.received;
        s->source_changes++;
        pm_burst_restart(&s->burst);
    }
    s->source = *source;
    s->has_source = true;
    s->has_contender = false;
    pm_digit_in_init(&s->digit_in);
}

/* Whether the packet belongs to the source that is heard. The first one is trusted at once, since its address is already known to
 * be right; another SSRC must send two packets in sequence (RFC 3550 section 8.2 and appendix A.1), so that a stray packet changes
 * nothing. */
static bool from_valid_source(struct pm_stream *s, const struct pm_rtp_packet *p, int64_t arrival_ns, struct pm_events *events) {
    if (!s->has_source) {
        struct pm_source first;
        pm_source_init(&first, p->ssrc, p->sequence, s->codec->clock_rate_hz, 0);
        adopt(s, &first);
        tell(s, events, PM_EVENT_FIRST_PACKET, arrival_ns, 0);
    }
    if (p->ssrc == s->source.ssrc) {
        struct pm_source before = s->source;
        enum pm_source_result result = pm_source_update(&s->source, p->sequence);
        if (result == PM_SOURCE_RESTARTED) {
            s->expected_before += pm_source_expected(&before);
            s->received_before += before.received;
            pm_burst_restart(&s->burst);
            pm_digit_in_init(&s->digit_in);
        }
        return result != PM_SOURCE_DOUBTFUL;
    }
    if (!s->has_contender || s->contender.ssrc != p->ssrc) {
        pm_source_init(&s->contender, p->ssrc, p->sequence, s->codec->clock_rate_hz, 2);
        s->has_contender = true;
    }
    if (pm_source_update(&s->contender, p->sequence) != PM_SOURCE_VALID) {
        return false;
    }
    struct pm_source contender = s->contender;
    adopt(s, &contender);
    tell(s, events, PM_EVENT_SSRC_CHANGED, arrival_ns, p->ssrc);
    return true;
}

static void hear_digit(struct pm_stream *s, const struct pm_rtp_packet *p, int64_t arrival_ns, struct pm_events *events) {
    struct pm_digit_packet digit = {.payload = p->payload,
                                    .payload_octets = p->payload_octets,
                                    .timestamp = p->timestamp,
                                    .clock_rate_hz = digit_clock_hz(s, p->payload_type),
                                    .sequence = p->sequence,
                                    .marker = p->marker,
                                    .arrival_ns = arrival_ns};
    struct pm_event found[PM_DIGIT_IN_EVENTS];
    int count = pm_digit_in_packet(&s->digit_in, &digit, found);
    s->invalid += count < 0;
    for (int i = 0; i < count; i++) {
        found[i].stream = s->slot;
        pm_events_push(events, found[i]);
    }
}

static bool is_red(const struct pm_stream *s, uint8_t payload_type) {
    return s->config.red_receive_count > 0 &&
           memchr(s->config.red_receive_types, payload_type, s->config.red_receive_count) != NULL;
}

/* Comfort noise has a static number (RFC 3551 table 4) and does no harm: it is understood whether agreed or not. */
static bool is_agreed(const struct pm_stream *s, uint8_t payload_type) {
    return audio_clock_hz(s, payload_type) != 0 || digit_clock_hz(s, payload_type) != 0 || is_red(s, payload_type) ||
           payload_type == PM_NOISE_TYPE;
}

static void hear_audio(struct pm_stream *s, const struct pm_rtp_packet *p, bool redundant, int64_t arrival_ns, int64_t now_ns) {
    struct pm_jitter_packet packet = {.payload = p->payload,
                                      .payload_octets = p->payload_octets,
                                      .ssrc = p->ssrc,
                                      .timestamp = p->timestamp,
                                      .sequence = p->sequence,
                                      .payload_type = p->payload_type,
                                      .marker = p->marker,
                                      .redundant = redundant,
                                      .arrival_ns = arrival_ns,
                                      .drained_ns = now_ns};
    bool noise = audio_clock_hz(s, p->payload_type) == 0; /* unless 13 was agreed to mean sound */
    s->invalid += (noise ? pm_playout_rest(&s->playout, &packet) : pm_playout_put(&s->playout, &packet)) < 0;
}

static void hear(struct pm_stream *s, const struct pm_rtp_packet *p, bool redundant, int64_t arrival_ns, int64_t now_ns,
                 struct pm_events *events) {
    if (digit_clock_hz(s, p->payload_type) != 0) {
        hear_digit(s, p, arrival_ns, events);
    } else if (p->payload_octets > 0) { /* some phones send empty packets to keep a NAT open */
        hear_audio(s, p, redundant, arrival_ns, now_ns);
    }
}

/* RFC 2198: the packets before this one once more, and this one. A copy counts as the packet that it repeats. */
static void hear_red(struct pm_stream *s, const struct pm_rtp_packet *p, int64_t arrival_ns, int64_t now_ns,
                     struct pm_events *events) {
    struct pm_red_block blocks[PM_RED_BLOCKS_MAX];
    int count = pm_red_parse(p->payload, p->payload_octets, blocks);
    s->invalid += count < 0;
    for (int i = 0; i < count; i++) {
        struct pm_rtp_packet inner = *p;
        inner.payload_type = blocks[i].payload_type;
        inner.payload = blocks[i].payload;
        inner.payload_octets = blocks[i].octets;
        inner.timestamp -= blocks[i].timestamp_offset;
        inner.sequence = (uint16_t)(p->sequence - (count - 1 - i));
        inner.marker = p->marker && i + 1 == count;
        if (is_agreed(s, inner.payload_type) && !is_red(s, inner.payload_type)) {
            hear(s, &inner, i + 1 < count, arrival_ns, now_ns, events);
        }
    }
}

void pm_stream_rtp(struct pm_stream *s, const uint8_t *data, size_t octets, const struct pm_address *from, int64_t arrival_ns,
                   int64_t now_ns, struct pm_events *events) {
    struct pm_rtp_packet p;
    bool moved = false;
    if (!s->config.receives) {
        s->ignored++;
        return;
    }
    if (pm_rtp_parse(data, octets, &p) != PM_OK || !is_agreed(s, p.payload_type)) {
        s->invalid++;
        return;
    }
    /* What bears the call's keys is heard from wherever it comes: a browser goes on checking, and sends by another of the pairs of
     * addresses that proved to work (RFC 8445 section 12.2). We go on sending where ICE chose. */
    if (!pm_latch_admits(&s->latch, from, p.sequence, now_ns, &moved) && s->secure.state != PM_SECURE_OPEN) {
        s->foreign++;
        return;
    }
    if (moved) {
        tell(s, events, PM_EVENT_LATCHED, arrival_ns, 0);
    }
    if (!from_valid_source(s, &p, arrival_ns, events)) {
        return;
    }
    pm_stream_sign(s, arrival_ns, events);
    s->report.hearings = 0;
    s->received++;
    s->octets_received += p.payload_octets;
    s->last_packet_ns = arrival_ns;
    if (audio_clock_hz(s, p.payload_type) != 0 && p.payload_octets > 0) {
        pm_source_arrival(&s->source, p.timestamp, audio_clock_hz(s, p.payload_type), arrival_ns);
    }
    uint64_t late_before = s->playout.jitter.late;
    if (is_red(s, p.payload_type)) {
        hear_red(s, &p, arrival_ns, now_ns, events);
    } else {
        hear(s, &p, false, arrival_ns, now_ns, events);
    }
    /* Copies in it may be late while the packet itself is not. */
    pm_burst_packet(&s->burst, p.sequence, !is_red(s, p.payload_type) && s->playout.jitter.late != late_before);
}

void pm_stream_render(struct pm_stream *s, int16_t *out, size_t n, int64_t now_ns, struct pm_events *events) {
    /* Rendered even while nothing may be heard, so that what was buffered before a hold is gone after it. */
    s->playout.excused = s->digit_in.known && (s->digit_in.pressed || now_ns - s->digit_in.last_ns < AFTER_DIGIT_NS);
    (void)pm_playout_render(&s->playout, out, n);
    if (!s->config.receives) {
        memset(out, 0, n * sizeof *out);
        return;
    }
    struct pm_event found[PM_INBAND_EVENTS];
    int count = pm_inband_hear(&s->inband, out, n, now_ns, found);
    for (int i = 0; i < count; i++) {
        found[i].stream = s->slot;
        pm_events_push(events, found[i]);
    }
    if (s->playout.heard && !s->told_first_audio) {
        s->told_first_audio = true;
        tell(s, events, PM_EVENT_FIRST_AUDIO, now_ns, 0);
    }
}
