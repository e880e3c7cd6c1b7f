/* Bursts of loss as RFC 3611 counts them, and the block that tells of them. */
#include "check.h"
#include "pm_rtcp.h"
#include "pm_stream.h"
#include "pm_xr.h"
#include <string.h>

/* One character a packet: '.' received, 'x' lost, 'l' too late; figures repeat what follows. */
static struct pm_burst after(const char *fates, uint16_t first) {
    struct pm_burst b;
    pm_burst_init(&b);
    for (uint16_t sequence = first; *fates != 0; fates++) {
        unsigned times = 0;
        for (; *fates >= '0' && *fates <= '9'; fates++) {
            times = times * 10 + (unsigned)(*fates - '0');
        }
        for (unsigned i = 0; i < (times > 0 ? times : 1); i++, sequence++) {
            if (*fates != 'x') {
                pm_burst_packet(&b, sequence, *fates == 'l');
            }
        }
    }
    return b;
}

static struct pm_voip_metrics heard(const char *fates, uint16_t first) {
    struct pm_voip_metrics m;
    struct pm_burst b = after(fates, first);
    pm_burst_metrics(&b, 20, &m);
    return m;
}

static void runs_of_losses_are_compared_with_losses_by_chance(void) {
    const struct {
        const char *fates;
        double ratio;
    } cases[] = {{"500.", 1.0},
                 {"100.x100.x100.", 1.0}, /* each by itself */
                 {"30.3x67.", 3.0 * 0.97},
                 {"40.2x20.2l2x34.", 3.0 * 0.94}, /* late ones are runs too */
                 {"10.x10.3x76.", 2.0 * 0.96},
                 {"10.40x950.", 8.0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pm_burst b = after(cases[i].fates, 65500);
        double ratio = pm_burst_ratio(&b);
        CHECK(ratio > cases[i].ratio - 1e-9 && ratio < cases[i].ratio + 1e-9);
    }
}

static void no_loss_is_one_long_gap(void) {
    struct pm_voip_metrics m = heard("500.", 65400);
    CHECK(m.loss_rate == 0 && m.discard_rate == 0 && m.burst_density == 0 && m.gap_density == 0);
    CHECK(m.burst_ms == 0 && m.gap_ms == 10000 && m.gmin == 16);
}

static void a_loss_alone_belongs_to_the_gap(void) {
    struct pm_voip_metrics m = heard("99.x100.", 10);
    CHECK(m.loss_rate == 256 / 200 && m.burst_ms == 0 && m.burst_density == 0 && m.gap_density == 256 / 200 && m.gap_ms == 4000);
}

static void losses_with_fewer_than_gmin_between_them_are_one_burst(void) {
    /* Burst: x 15. x = 17 packets, 2 of them lost; gaps of 100 before and after. */
    struct pm_voip_metrics m = heard("100.x15.x100.", 65450);
    CHECK(m.burst_ms == 17 * 20 && m.burst_density == 2 * 256 / 17 && m.gap_density == 0 && m.gap_ms == 100 * 20);
    CHECK(m.loss_rate == 2 * 256 / 217);
    m = heard("100.x16.x100.", 1); /* one more between them: two single losses */
    CHECK(m.burst_ms == 0 && m.burst_density == 0 && m.gap_density == 2 * 256 / 218);
}

static void late_packets_count_as_discarded_and_make_bursts_too(void) {
    struct pm_voip_metrics m = heard("50.3l3x50.", 1);
    CHECK(m.discard_rate == 3 * 256 / 106 && m.loss_rate == 3 * 256 / 106 && m.burst_ms == 120 && m.burst_density == 255);
}

static void several_bursts_are_averaged(void) {
    struct pm_voip_metrics m = heard("50.2x50.4x50.", 1);
    CHECK(m.burst_ms == 60 && m.gap_ms == 50 * 20 && m.burst_density == 255);
}

static void order_and_duplicates_do_not_matter_within_a_second(void) {
    struct pm_burst b;
    struct pm_voip_metrics m;
    pm_burst_init(&b);
    for (unsigned i = 0; i < 400; i += 40) {
        for (unsigned k = 40; k-- > 0;) {
            pm_burst_packet(&b, (uint16_t)(65500 + i + k), false);
            pm_burst_packet(&b, (uint16_t)(65500 + i + k), true);
        }
    }
    pm_burst_metrics(&b, 20, &m);
    CHECK(m.loss_rate <= 256 * 39 / 400 && m.discard_rate == 0); /* the very first packet came last of its forty */
}

static void a_jump_begins_anew_and_a_hole_is_bounded(void) {
    struct pm_voip_metrics m;
    struct pm_burst b;
    pm_burst_init(&b);
    pm_burst_packet(&b, 10, false);
    pm_burst_packet(&b, 20000, false); /* a restart */
    pm_burst_packet(&b, 22000, false); /* a hole */
    pm_burst_metrics(&b, 20, &m);
    CHECK(b.packets >= 1900 && m.loss_rate == 255);
    pm_burst_restart(&b);
    pm_burst_packet(&b, 5, false);
    pm_burst_metrics(&b, 20, &m);
    CHECK(m.loss_rate == 255);
}

static struct pm_voip_metrics sample(void) {
    return (struct pm_voip_metrics){.ssrc = 0x01020304,
                                    .loss_rate = 1,
                                    .discard_rate = 2,
                                    .burst_density = 3,
                                    .gap_density = 4,
                                    .burst_ms = 0x0506,
                                    .gap_ms = 0x0708,
                                    .round_trip_ms = 0x090a,
                                    .end_system_ms = 0x0b0c,
                                    .signal_dbm = 13,
                                    .noise_dbm = 14,
                                    .echo_return_loss_db = 15,
                                    .gmin = 16,
                                    .r_factor = 17,
                                    .r_factor_external = 18,
                                    .mos_listening = 19,
                                    .mos_conversation = 20,
                                    .receiver = 21,
                                    .buffer_nominal_ms = 0x1617,
                                    .buffer_max_ms = 0x1819,
                                    .buffer_limit_ms = 0x1a1b};
}

static void a_block_is_written_and_read_as_the_rfc_draws_it(void) {
    const uint8_t want[] = {0x80, 207, 0, 10, 9,  9,  9,  9,  7,  0,  0,  8,  1,  2,  3,  4, 1,    2,    3,    4,    5,    6,
                            7,    8,   9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 0, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b};
    struct pm_voip_metrics m = sample(), again;
    uint8_t out[PM_XR_OCTETS];
    CHECK(pm_xr_build(0x09090909, &m, out, sizeof out - 1) == PM_EFULL);
    CHECK(pm_xr_build(0x09090909, &m, out, sizeof out) == PM_XR_OCTETS && memcmp(out, want, sizeof want) == 0);
    CHECK(pm_xr_find(out, sizeof out, 0x01020304, &again) && again.mos_conversation == 20 && again.buffer_limit_ms == 0x1a1b);
    CHECK(!pm_xr_find(out, sizeof out, 5, &again));
    for (size_t cut = 0; cut < sizeof out; cut++) {
        CHECK(!pm_xr_find(out, cut, 0x01020304, &again));
    }
    out[11] = 200; /* longer than the packet */
    CHECK(!pm_xr_find(out, sizeof out, 0x01020304, &again));
}

static struct pm_stream stream;
static struct pm_events events;

static void a_stream_tells_and_hears_metrics_only_where_that_was_agreed(void) {
    struct pm_stream_config c = {.rtp_fd = 3,
                                 .rtcp_fd = 3,
                                 .relay_fd = -1,
                                 .receive = {{8, PM_CODEC_PCMA}},
                                 .receive_count = 1,
                                 .send = {8, PM_CODEC_PCMA},
                                 .sends = true,
                                 .receives = true,
                                 .ptime_ms = 20,
                                 .ssrc = 7,
                                 .delay_max_ms = 300,
                                 .cname = "a",
                                 .extended_reports = true,
                                 .remote_rtp = {.family = PM_FAMILY_IPV4, .port = 9, .ip = {10}}};
    uint8_t packet[PM_RTP_PACKET_MAX], report[PM_RTCP_PACKET_MAX], payload[160] = {0};
    struct pm_rtp_packet p = {.payload_type = 8, .ssrc = 44, .payload = payload, .payload_octets = 160};
    struct pm_voip_metrics m;
    struct pm_rtcp_compound compound;
    CHECK(pm_stream_init(&stream, &c, 0, 0, 0.5) == PM_OK);
    for (uint16_t i = 0; i < 200; i++) {
        p.sequence = i;
        p.timestamp = i * 160u;
        int octets = pm_rtp_build(&p, packet, sizeof packet);
        if (i % 20 != 7) {
            pm_stream_rtp(&stream, packet, (size_t)octets, &c.remote_rtp, i * INT64_C(20000000), i * INT64_C(20000000), &events);
        }
    }
    stream.report.judgement.r_factor = 88;
    size_t octets = pm_stream_report(&stream, report, sizeof report, true, INT64_C(10000000000), 1, 0.5);
    CHECK(octets == 0); /* nothing was ever sent: no goodbye */
    octets = pm_stream_report(&stream, report, sizeof report, false, INT64_C(10000000000), 1, 0.5);
    CHECK(octets > 0 && pm_rtcp_parse(report, octets, 44, &compound) == PM_OK && !compound.bye);
    CHECK(pm_xr_find(report, octets, 44, &m) && m.loss_rate >= 12 && m.gap_density == m.loss_rate && m.r_factor == 88);
    CHECK(m.buffer_limit_ms == 300 && m.round_trip_ms == 0 && m.signal_dbm == PM_XR_UNKNOWN);
    octets = pm_stream_report(&stream, report, sizeof report, true, INT64_C(10000000000), 1, 0.5);
    CHECK(pm_rtcp_parse(report, octets, 44, &compound) == PM_OK && compound.bye && compound.bye_ssrc[0] == 7);
    CHECK(pm_xr_find(report, octets, 44, &m) && report[octets - 7] == 203); /* the goodbye stands last */

    c.extended_reports = false;
    CHECK(pm_stream_update(&stream, &c, false, 0) == PM_OK);
    octets = pm_stream_report(&stream, report, sizeof report, false, INT64_C(20000000000), 1, 0.5);
    CHECK(octets > 0 && !pm_xr_find(report, octets, 44, &m));

    m = sample();
    m.ssrc = 7;
    CHECK(!stream.report.remote_voip_known);
    struct pm_rtcp_compound theirs = {.ssrc = 44};
    int length = pm_rtcp_build(&theirs, report, sizeof report);
    length += pm_xr_build(44, &m, report + length, sizeof report - (size_t)length);
    pm_stream_rtcp(&stream, report, (size_t)length, &c.remote_rtp, 0, 0, &events);
    CHECK(stream.report.remote_voip_known && stream.report.remote_voip.mos_listening == 19);
    pm_stream_close(&stream);
}

const struct test xr_tests[] = {TEST(runs_of_losses_are_compared_with_losses_by_chance),
                                TEST(no_loss_is_one_long_gap),
                                TEST(a_loss_alone_belongs_to_the_gap),
                                TEST(losses_with_fewer_than_gmin_between_them_are_one_burst),
                                TEST(late_packets_count_as_discarded_and_make_bursts_too),
                                TEST(several_bursts_are_averaged),
                                TEST(order_and_duplicates_do_not_matter_within_a_second),
                                TEST(a_jump_begins_anew_and_a_hole_is_bounded),
                                TEST(a_block_is_written_and_read_as_the_rfc_draws_it),
                                TEST(a_stream_tells_and_hears_metrics_only_where_that_was_agreed),
                                {0}};
