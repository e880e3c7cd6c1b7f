#include "pm_stream.h"
#include "pm_socket.h"
#include <string.h>

/* A minute bounds the time in which anyone may take a stream over. */
enum { LATCH_MAX_MS = 60000 };

static bool is_valid(const struct pm_stream_config *c) {
    bool ok = c->receive_count <= PM_PAYLOADS_MAX && c->digit_receive_count <= PM_DIGIT_PAYLOADS_MAX &&
              c->send.codec <= PM_CODEC_PCMA && c->send.payload_type <= 127 && c->digit_send_type <= 127 &&
              c->ptime_ms >= PM_PTIME_MIN_MS && c->ptime_ms <= PM_PTIME_MAX_MS && c->ptime_ms % 10 == 0 &&
              c->latch_ms <= LATCH_MAX_MS && c->delay_min_ms <= c->delay_max_ms && c->delay_max_ms <= PM_DELAY_MAX_MS &&
              memchr(c->cname, 0, sizeof c->cname) != NULL;
    for (unsigned i = 0; ok && i < c->digit_receive_count; i++) {
        ok = c->digit_receive_types[i] <= 127;
    }
    return ok;
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
    s->last_packet_ns = now_ns;
    pm_latch_open(&s->latch, &c->remote_rtp, now_ns + (int64_t)c->latch_ms * 1000000);
    pm_report_init(&s->report, now_ns, fraction);
    s->report.remote = c->remote_rtcp;
    pm_digit_in_init(&s->digit_in, PM_CALL_RATE_HZ);
    struct pm_jitter_config jitter = {
        .clock_rate_hz = PM_CALL_RATE_HZ, .frame = PM_MS(10), .delay_min_ms = c->delay_min_ms, .delay_max_ms = c->delay_max_ms};
    return pm_playout_init(&s->playout, &jitter, c->receive, c->receive_count);
}

int pm_stream_update(struct pm_stream *s, const struct pm_stream_config *c, bool relatch, int64_t now_ns) {
    if (!is_valid(c) || pm_playout_payloads(&s->playout, c->receive, c->receive_count) != PM_OK) {
        return PM_EARG;
    }
    const struct pm_stream_config before = s->config;
    s->config = *c;
    s->config.rtp_fd = before.rtp_fd;
    s->config.rtcp_fd = before.rtcp_fd;
    s->config.ssrc = before.ssrc;
    s->playout.jitter.config.delay_min_ms = c->delay_min_ms;
    s->playout.jitter.config.delay_max_ms = c->delay_max_ms;
    bool same = (c->remote_rtp.family == PM_FAMILY_NONE && before.remote_rtp.family == PM_FAMILY_NONE) ||
                pm_address_equal(&c->remote_rtp, &before.remote_rtp);
    if (!same || relatch) {
        pm_latch_open(&s->latch, &c->remote_rtp, now_ns + (int64_t)c->latch_ms * 1000000);
    }
    if (!pm_address_equal(&c->remote_rtcp, &before.remote_rtcp)) {
        s->report.remote = c->remote_rtcp;
    }
    if (c->receives && !before.receives) {
        s->last_packet_ns = now_ns; /* silence is counted from the resume on */
        s->silent_s = 0;
    }
    return PM_OK;
}

void pm_stream_tick(struct pm_stream *s, int64_t now_ns, struct pm_events *events) {
    struct pm_event event;
    if (pm_digit_in_idle(&s->digit_in, now_ns, &event)) {
        event.stream = s->slot;
        pm_events_push(events, event);
    }
    if (!s->config.receives) {
        return;
    }
    int64_t silent_s = (now_ns - s->last_packet_ns) / 1000000000;
    if (silent_s > (int64_t)s->silent_s && silent_s < INT32_MAX / 1000) {
        s->silent_s = (unsigned)silent_s;
        pm_events_push(events, (struct pm_event){.at_ns = now_ns,
                                                 .kind = PM_EVENT_SILENT,
                                                 .stream = s->slot,
                                                 .value = (uint32_t)((now_ns - s->last_packet_ns) / 1000000)});
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
    t->source_changes = s->source_changes;
    t->jitter_ms = s->has_source ? s->source.jitter * 1000.0 / PM_CALL_RATE_HZ : 0.0;
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
    t->last_packet_ns = s->last_packet_ns;
    t->heard = s->has_source;
    t->latched = s->latch.moved;
    t->remote_rtp = s->latch.remote;
}
