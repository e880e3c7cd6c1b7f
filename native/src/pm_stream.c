#include "pm_stream.h"
#include "pm_socket.h"
#include <string.h>

/* A minute bounds the time in which anyone may take a stream over. */
enum { LATCH_MAX_MS = 60000 };
/* Who has reported so often in a pause reports in pauses, and is missed when that ends. The first may be the last that belongs to
 * what was sent before. */
enum { HEARINGS_LEAST = 2 };

/* L16 at 16 kHz fills a packet in 45 ms; Opus is sent in one frame of 10, 20, 40 or 60 ms (RFC 6716 section 2.1.4). */
static bool fits_packet(const struct pm_stream_config *c) {
    if (c->send.codec == PM_CODEC_OPUS) {
        return c->ptime_ms != 30 && c->ptime_ms != 50;
    }
    return c->send.codec != PM_CODEC_L16 || c->ptime_ms * (PM_RATE_WIDE_HZ / 1000u) * 2u <= PM_RTP_PAYLOAD_MAX;
}

static bool is_clock(uint32_t hz) {
    return hz >= 8000 && hz <= 48000 && hz % 1000 == 0;
}

static bool is_valid(const struct pm_stream_config *c) {
    bool ok = c->receive_count <= PM_PAYLOADS_MAX && c->digit_receive_count <= PM_DIGIT_PAYLOADS_MAX &&
              pm_codec_find(c->send.codec) != NULL && c->send.payload_type <= 127 && fits_packet(c) && c->digit_send_type <= 127 &&
              c->red_send_type <= 127 && c->red_receive_count <= PM_RED_PAYLOADS_MAX && c->ptime_ms >= PM_PTIME_MIN_MS &&
              c->ptime_ms <= PM_PTIME_MAX_MS && c->ptime_ms % 10 == 0 && c->latch_ms <= LATCH_MAX_MS &&
              c->delay_min_ms <= c->delay_max_ms && c->delay_max_ms <= PM_DELAY_MAX_MS &&
              memchr(c->cname, 0, sizeof c->cname) != NULL;
    for (unsigned i = 0; ok && i < c->digit_receive_count; i++) {
        ok = c->digit_receive[i].payload_type <= 127 && is_clock(c->digit_receive[i].clock_rate_hz);
    }
    for (unsigned i = 0; ok && i < c->receive_count; i++) {
        ok = c->receive[i].payload_type <= 127 && pm_codec_find(c->receive[i].codec) != NULL;
    }
    return ok && c->codec_octets >= pm_stream_memory(c);
}

size_t pm_stream_memory(const struct pm_stream_config *c) {
    const struct pm_codec_driver *codec = pm_codec_find(c->send.codec);
    size_t encoder = codec != NULL && codec->encoder_octets != NULL ? codec->encoder_octets() : 0;
    size_t tones = c->hears_tones ? pm_inband_memory() : 0;
    return pm_decoders_memory(c->receive, c->receive_count) + (encoder > 0 ? encoder + PM_CODEC_ALIGN : 0) +
           (tones > 0 ? tones + PM_CODEC_ALIGN : 0);
}

/* The detector's state lies at the very end of the memory. With that of before it goes on. */
static int prepare_tones(struct pm_stream *s, const struct pm_stream_config *c) {
    size_t octets = pm_inband_memory();
    if (!c->hears_tones || octets == 0) {
        pm_inband_close(&s->inband);
        return c->hears_tones ? PM_EARG : PM_OK;
    }
    uint8_t *at = (uint8_t *)c->codec_memory + pm_stream_memory(c) - octets;
    at -= (uintptr_t)at % PM_CODEC_ALIGN;
    if (s->inband.on && s->inband.state == at && s->inband.rate_hz == s->rate_hz) {
        return PM_OK;
    }
    pm_inband_close(&s->inband);
    return pm_inband_init(&s->inband, s->rate_hz, at);
}

static bool same_settings(const struct pm_encoder_settings *a, const struct pm_encoder_settings *b) {
    return a->bitrate == b->bitrate && a->fec == b->fec && a->dtx == b->dtx && a->constant_bitrate == b->constant_bitrate &&
           a->narrow == b->narrow;
}

/* The encoder's state lies behind those of the decoders. With the memory and the codec of before it goes on. */
static int prepare_encoder(struct pm_stream *s, const struct pm_stream_config *c) {
    const struct pm_codec_driver *before = s->codec;
    s->codec = pm_codec_find(c->send.codec);
    s->rate_hz = s->codec->rate_hz;
    if (s->codec->encoder_octets == NULL) {
        s->encoder = NULL;
        return PM_OK;
    }
    size_t decoders = pm_decoders_memory(c->receive, c->receive_count);
    uint8_t *at = (uint8_t *)c->codec_memory + decoders;
    at += (size_t)(-(uintptr_t)at % PM_CODEC_ALIGN);
    if (s->codec == before && s->encoder == at && same_settings(&c->encoder, &s->config.encoder)) {
        return PM_OK;
    }
    s->encoder = at;
    return s->codec->encoder_init(at, &c->encoder);
}

static struct pm_jitter_config playing_config(const struct pm_stream_config *c) {
    uint32_t rate_hz = pm_codec_find(c->send.codec)->rate_hz;
    return (struct pm_jitter_config){
        .clock_rate_hz = rate_hz, .frame = rate_hz / 100, .delay_min_ms = c->delay_min_ms, .delay_max_ms = c->delay_max_ms};
}

int pm_stream_init(struct pm_stream *s, const struct pm_stream_config *c, uint8_t slot, int64_t now_ns, double fraction) {
    if (!is_valid(c)) {
        return PM_EARG;
    }
    memset(s, 0, sizeof *s);
    s->config = *c;
    s->slot = slot;
    s->sequence = c->first_sequence;
    s->timestamp = c->first_timestamp;
    s->marker = true;
    s->last_packet_ns = s->last_sign_ns = now_ns;
    pm_latch_open(&s->latch, &c->remote_rtp, now_ns + (int64_t)c->latch_ms * 1000000);
    pm_burst_init(&s->burst);
    pm_report_init(&s->report, now_ns, fraction);
    s->report.remote = c->remote_rtcp;
    s->report.heard_sequence = (uint16_t)(c->first_sequence - 1);
    pm_digit_in_init(&s->digit_in);
    pm_level_init(&s->pause.level, pm_codec_find(c->send.codec)->rate_hz / 1000);
    const struct pm_jitter_config playing = playing_config(c);
    int status = prepare_encoder(s, c);
    status = status == PM_OK ? prepare_tones(s, c) : status;
    return status == PM_OK ? pm_playout_init(&s->playout, &playing, c->receive, c->receive_count, c->codec_memory, c->codec_octets)
                           : status;
}

void pm_stream_close(struct pm_stream *s) {
    pm_playout_close(&s->playout);
    pm_inband_close(&s->inband);
}

static int update_codecs(struct pm_stream *s, const struct pm_stream_config *c) {
    const struct pm_jitter_config playing = playing_config(c);
    if (playing.clock_rate_hz != s->rate_hz) {
        s->fill = 0; /* a packet begun at the old rate */
        s->pause = (struct pm_pause){.quiet_ms = 0};
        pm_level_init(&s->pause.level, playing.clock_rate_hz / 1000);
    }
    int status = prepare_encoder(s, c);
    status = status == PM_OK ? prepare_tones(s, c) : status;
    return status == PM_OK
               ? pm_playout_update(&s->playout, &playing, c->receive, c->receive_count, c->codec_memory, c->codec_octets)
               : status;
}

int pm_stream_update(struct pm_stream *s, const struct pm_stream_config *c, bool relatch, int64_t now_ns) {
    if (!is_valid(c)) {
        return PM_EARG;
    }
    int status = update_codecs(s, c);
    if (status != PM_OK) {
        return status;
    }
    const struct pm_stream_config before = s->config;
    s->config = *c;
    s->config.rtp_fd = before.rtp_fd;
    s->config.relay_fd = before.relay_fd;
    s->config.ssrc = before.ssrc;
    bool same = (c->remote_rtp.family == PM_FAMILY_NONE && before.remote_rtp.family == PM_FAMILY_NONE) ||
                pm_address_equal(&c->remote_rtp, &before.remote_rtp);
    if (!same || relatch) {
        pm_latch_open(&s->latch, &c->remote_rtp, now_ns + (int64_t)c->latch_ms * 1000000);
    }
    if (!pm_address_equal(&c->remote_rtcp, &before.remote_rtcp)) {
        s->report.remote = c->remote_rtcp;
    }
    if (c->receives && !before.receives) {
        s->last_packet_ns = s->last_sign_ns = now_ns; /* silence is counted from the resume on */
        s->silent_s = 0;
    }
    return PM_OK;
}

void pm_stream_sign(struct pm_stream *s, int64_t at_ns, struct pm_events *events) {
    if (at_ns <= s->last_sign_ns) {
        return;
    }
    if (s->silent_s > 0) {
        pm_events_push(events, (struct pm_event){.at_ns = at_ns,
                                                 .kind = PM_EVENT_RESUMED,
                                                 .stream = s->slot,
                                                 .value = (uint32_t)((at_ns - s->last_sign_ns) / 1000000)});
        s->silent_s = 0;
    }
    s->last_sign_ns = at_ns;
}

void pm_stream_tick(struct pm_stream *s, int64_t now_ns, struct pm_events *events) {
    struct pm_event event;
    if (pm_digit_in_idle(&s->digit_in, now_ns, &event)) {
        event.stream = s->slot;
        pm_events_push(events, event);
    }
    bool announced = s->playout.talkspurt.resting && s->report.hearings < HEARINGS_LEAST;
    if (!s->config.receives || announced) {
        return; /* on hold, or the other side has said that it pauses */
    }
    int64_t silent_s = (now_ns - s->last_sign_ns) / 1000000000;
    if (silent_s > (int64_t)s->silent_s && silent_s < INT32_MAX / 1000) {
        s->silent_s = (unsigned)silent_s;
        pm_events_push(events, (struct pm_event){.at_ns = now_ns,
                                                 .kind = PM_EVENT_SILENT,
                                                 .stream = s->slot,
                                                 .value = (uint32_t)((now_ns - s->last_sign_ns) / 1000000)});
    }
}

void pm_stream_stats(const struct pm_stream *s, struct pm_stream_stats *t) {
    pm_playout_stats(&s->playout, t);
    uint64_t received = s->received_before + (s->has_source ? s->source.received : 0);
    t->packets_received = s->received;
    t->octets_received = s->octets_received;
    t->packets_expected = s->expected_before + (s->has_source ? pm_source_expected(&s->source) : 0);
    t->packets_lost = (int64_t)t->packets_expected - (int64_t)received;
    t->packets_invalid = s->invalid;
    t->packets_foreign = s->foreign;
    t->packets_ignored = s->ignored;
    t->packets_refused = s->secure.refused;
    t->source_changes = s->source_changes;
    t->jitter_ms = s->has_source ? s->source.jitter * 1000.0 / s->source.clock_rate_hz : 0.0;
    t->burst_ratio = pm_burst_ratio(&s->burst);
    t->packets_sent = s->sent;
    t->octets_sent = s->octets_sent;
    t->send_errors = s->send_errors;
    t->digits_sent = s->digit_out.sent;
    t->reports_sent = s->report.sent;
    t->reports_received = s->report.received;
    t->rtt_known = s->report.rtt_known;
    t->rtt_ms = s->report.rtt_ms;
    t->remote_report_known = s->report.remote_known;
    t->remote_loss_fraction = s->report.remote_loss_fraction;
    t->remote_packets_lost = s->report.remote_packets_lost;
    t->remote_jitter_ms = s->report.remote_jitter_ms;
    t->remote_burst_ratio = pm_series_burst_ratio(&s->report.remote_losses);
    t->last_packet_ns = s->last_packet_ns;
    t->heard = s->has_source;
    t->latched = s->latch.moved;
    t->remote_rtp = s->latch.remote;
}
