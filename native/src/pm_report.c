#include "pm_bytes.h"
#include "pm_seq.h"
#include "pm_socket.h"
#include "pm_stream.h"
#include <string.h>

/* 5 % of 64 kbit/s and the headers of fifty packets a second (RFC 3550 section 6.2). */
#define RTCP_OCTETS_PER_S 500.0
/* IPv4 and UDP headers count towards the size of a report (section 6.2). */
#define HEADER_OCTETS 28.0
/* Copies of packets cost as much as the sound itself: they are sent for a while when the peer misses one in fifty. */
#define LOSS_WORTH_COPIES (256 / 50)
#define COPIES_NS INT64_C(60000000000)
/* 20 s of the usual 20 ms: nobody speaks for so long without taking breath. */
#define ALWAYS_PACKETS 1000
/* First guess of a report's size: SR, one block, SDES. */
#define FIRST_OCTETS 120.0

static void schedule(struct pm_report *r, int64_t now_ns, unsigned senders, unsigned members, bool we_sent, double fraction) {
    struct pm_rtcp_timing timing = {.members = members,
                                    .senders = senders,
                                    .rtcp_octets_per_s = RTCP_OCTETS_PER_S,
                                    .average_octets = r->average_octets,
                                    .we_sent = we_sent,
                                    .initial = r->initial};
    r->due_ns = now_ns + (int64_t)(pm_rtcp_interval_s(&timing, fraction) * 1e9);
}

void pm_report_init(struct pm_report *r, int64_t now_ns, double fraction) {
    memset(r, 0, sizeof *r);
    r->initial = true;
    r->average_octets = FIRST_OCTETS;
    r->judgement = (struct pm_judgement){PM_XR_UNKNOWN, PM_XR_UNKNOWN, PM_XR_UNKNOWN, PM_XR_UNKNOWN};
    schedule(r, now_ns, 0, 1, false, fraction);
}

/* Section 6.3.3: the average moves by a sixteenth with every packet, sent or received. */
static void count_size(struct pm_report *r, size_t octets) {
    r->average_octets += ((double)octets + HEADER_OCTETS - r->average_octets) / 16.0;
}

/* Whether it has sent for so long without any pause that it is no phone that saves what nobody says. When such a one stops, it is
 * gone, and what reports is a server in front of it. */
static bool sends_always(const struct pm_talkspurt *t) {
    return !t->paused && t->packets >= ALWAYS_PACKETS;
}

/* A peer that has heard more of us than it had told before (section 6.4.1, extended highest sequence number received) was there
 * when that packet left, though it may say nothing. Of one that repeats itself, or tells of what we have not sent, this is not
 * known. Its count of cycles is its own affair: what we have sent since fits into one. */
static void note_hearing(struct pm_stream *s, const struct pm_rtcp_block *block, int64_t now_ns, struct pm_events *events) {
    uint16_t heard = (uint16_t)block->highest_sequence, newest = (uint16_t)(s->sequence - 1), before = s->report.heard_sequence;
    uint16_t more = pm_seq_distance(heard, before);
    if (more > 0 && more <= pm_seq_distance(newest, before)) {
        s->report.heard_sequence = heard;
        s->report.hearings++;
        int64_t ago_ms = (int64_t)pm_seq_distance(newest, heard) * s->config.ptime_ms;
        if (!sends_always(&s->playout.talkspurt)) {
            pm_stream_sign(s, now_ns - ago_ms * 1000000, events);
        }
    }
}

/* The peer counts jitter in the units of what it hears: ours. */
static void read_block(struct pm_stream *s, const struct pm_rtcp_block *block, int64_t now_ns, int64_t wall_ns) {
    struct pm_report *r = &s->report;
    uint32_t round_trip;
    r->remote_known = true;
    r->remote_loss_fraction = block->fraction_lost / 256.0;
    r->remote_packets_lost = block->packets_lost;
    pm_series_add(&r->remote_losses, block->highest_sequence, block->packets_lost);
    r->remote_jitter_ms = block->jitter * 1000.0 / s->codec->clock_rate_hz;
    if (block->fraction_lost >= LOSS_WORTH_COPIES) {
        s->copy.wanted_until_ns = now_ns + COPIES_NS;
    }
    if (s->codec->expect_loss != NULL) {
        s->codec->expect_loss(s->encoder, block->fraction_lost * 100u / 256u);
    }
    if (pm_rtcp_round_trip(block, pm_rtcp_ntp(wall_ns), &round_trip)) {
        r->rtt_known = true;
        r->rtt_ms = round_trip * 1000.0 / 65536.0;
    }
}

void pm_stream_rtcp(struct pm_stream *s, const uint8_t *data, size_t octets, const struct pm_address *from, int64_t now_ns,
                    int64_t wall_ns, struct pm_events *events) {
    struct pm_report *r = &s->report;
    struct pm_rtcp_compound c;
    bool known = pm_address_same_host(from, &r->remote) || pm_address_same_host(from, &s->latch.remote);
    if (!known && s->secure.state != PM_SECURE_OPEN) { /* as of sound: the call's keys tell more than an address */
        s->foreign++;
        return;
    }
    if (pm_rtcp_parse(data, octets, s->config.ssrc, &c) != PM_OK) {
        s->invalid++;
        return;
    }
    if (now_ns < s->latch.window_end_ns && s->latch.moved) {
        r->remote = *from; /* behind the same NAT as its RTP */
    }
    r->received++;
    count_size(r, octets);
    if (c.has_sender_info && s->has_source && c.ssrc == s->source.ssrc) {
        r->has_sr = true;
        r->last_sr = pm_rtcp_ntp_middle(c.ntp);
        r->last_sr_ns = now_ns;
    }
    for (unsigned i = 0; i < c.block_count; i++) {
        if (c.blocks[i].ssrc == s->config.ssrc) {
            read_block(s, &c.blocks[i], now_ns, wall_ns);
            if (!c.bye) {
                note_hearing(s, &c.blocks[i], now_ns, events);
            }
        }
    }
    if (pm_xr_find(data, octets, s->config.ssrc, &r->remote_voip)) {
        r->remote_voip_known = true;
    }
    for (unsigned i = 0; i < c.bye_count; i++) {
        if (s->has_source && c.bye_ssrc[i] == s->source.ssrc) {
            pm_events_push(events, (struct pm_event){.at_ns = now_ns, .kind = PM_EVENT_BYE, .stream = s->slot});
        }
    }
}

static void write_block(struct pm_stream *s, struct pm_rtcp_block *block, int64_t now_ns) {
    int64_t lost = (int64_t)pm_source_expected(&s->source) - (int64_t)s->source.received;
    block->ssrc = s->source.ssrc;
    block->fraction_lost = pm_source_fraction_lost(&s->source);
    block->packets_lost = lost > INT32_MAX ? INT32_MAX : lost < INT32_MIN ? INT32_MIN : (int32_t)lost;
    block->highest_sequence = pm_source_highest(&s->source);
    block->jitter = (uint32_t)s->source.jitter;
    if (s->report.has_sr) {
        int64_t since_ns = now_ns - s->report.last_sr_ns;
        block->last_sr = s->report.last_sr;
        block->delay_since_sr = (uint32_t)(since_ns / 1000000000 << 16) + (uint32_t)((since_ns % 1000000000 << 16) / 1000000000);
    }
}

const struct pm_address *pm_stream_report_to(const struct pm_stream *s) {
    /* RFC 5761 section 5.1: multiplexed, reports take the way of the audio, moved or not. */
    return s->config.rtcp_fd == s->config.rtp_fd ? &s->latch.remote : &s->report.remote;
}

static uint16_t whole_ms(double ms) {
    return ms > 0.0 ? ms < 65535.0 ? (uint16_t)(ms + 0.5) : UINT16_MAX : 0;
}

void pm_stream_voip(const struct pm_stream *s, struct pm_voip_metrics *m) {
    const struct pm_judgement *j = &s->report.judgement;
    double delay_ms = pm_jitter_delay_ms(&s->playout.jitter);
    pm_burst_metrics(&s->burst, s->config.ptime_ms, m);
    m->ssrc = s->has_source ? s->source.ssrc : 0;
    m->round_trip_ms = s->report.rtt_known ? whole_ms(s->report.rtt_ms) : 0;
    m->end_system_ms = whole_ms(delay_ms + s->config.ptime_ms);
    m->signal_dbm = m->noise_dbm = PM_XR_UNKNOWN;
    m->echo_return_loss_db = j->echo_return_loss_db;
    m->r_factor = j->r_factor;
    m->r_factor_external = PM_XR_UNKNOWN;
    m->mos_listening = j->mos_listening;
    m->mos_conversation = j->mos_conversation;
    /* Section 4.7.6: enhanced concealment (2 << 6), an adaptive buffer (3 << 4), its rate not told. */
    m->receiver = 2u << 6 | 3u << 4;
    m->buffer_nominal_ms = whole_ms(pm_jitter_target_ms(&s->playout.jitter));
    m->buffer_max_ms = m->buffer_limit_ms = s->config.delay_max_ms;
}

/* A BYE alone, to stand last (RFC 3550 section 6.1). */
static size_t put_bye(uint32_t ssrc, uint8_t *out, size_t capacity) {
    if (capacity < 8) {
        return 0;
    }
    memcpy(out, (const uint8_t[]){0x81, 203, 0, 1}, 4);
    pm_store32(out + 4, ssrc);
    return 8;
}

/* What follows the sender's description: extended metrics, where the peer takes them, and the goodbye. */
static size_t put_rest(const struct pm_stream *s, bool bye, uint8_t *out, size_t capacity) {
    size_t octets = 0;
    if (s->config.extended_reports && s->has_source) {
        struct pm_voip_metrics metrics;
        pm_stream_voip(s, &metrics);
        int length = pm_xr_build(s->config.ssrc, &metrics, out, capacity);
        octets = length > 0 ? (size_t)length : 0;
    }
    return octets + (bye ? put_bye(s->config.ssrc, out + octets, capacity - octets) : 0);
}

size_t pm_stream_report(struct pm_stream *s, uint8_t *out, size_t capacity, bool bye, int64_t now_ns, int64_t wall_ns,
                        double fraction) {
    struct pm_report *r = &s->report;
    const struct pm_address *to = pm_stream_report_to(s);
    bool reachable = s->config.rtcp_fd >= 0 && to->family != PM_FAMILY_NONE && to->port != 0;
    if (!reachable || (bye ? s->sent == 0 && r->sent == 0 : now_ns < r->due_ns)) {
        return 0; /* section 6.3.7: who never sent anything says no goodbye */
    }
    bool we_sent = s->sent > r->sent_before[1];
    struct pm_rtcp_compound c = {.ssrc = s->config.ssrc, .has_sender_info = we_sent};
    if (we_sent) {
        c.ntp = pm_rtcp_ntp(wall_ns);
        c.rtp_timestamp = s->timestamp + pm_stream_units(s, s->fill);
        c.packets_sent = (uint32_t)s->sent;
        c.octets_sent = (uint32_t)s->octets_sent;
    }
    if (s->has_source) {
        c.block_count = 1;
        write_block(s, &c.blocks[0], now_ns);
    }
    c.cname_octets = (uint8_t)strlen(s->config.cname);
    memcpy(c.cname, s->config.cname, c.cname_octets);
    int length = pm_rtcp_build(&c, out, capacity);
    if (length <= 0) {
        return 0;
    }
    length += (int)put_rest(s, bye, out + length, capacity - (size_t)length);
    r->sent_before[1] = r->sent_before[0];
    r->sent_before[0] = s->sent;
    r->sent++;
    r->initial = false;
    count_size(r, (size_t)length);
    schedule(r, now_ns, (unsigned)we_sent + (s->has_source ? 1u : 0u), s->has_source ? 2u : 1u, we_sent, fraction);
    return (size_t)length;
}
