/* Sequence arithmetic, RTP, RTCP and source validation. */
#include "check.h"
#include "pm_rtcp.h"
#include "pm_rtp.h"
#include "pm_seq.h"
#include "pm_source.h"
#include <string.h>

static void sequence_order_holds_across_the_wrap(void) {
    CHECK(pm_seq_lt(65535, 0));
    CHECK(!pm_seq_lt(0, 65535));
    CHECK(!pm_seq_lt(7, 7));
    CHECK(!pm_seq_lt(0, 0x8000) && !pm_seq_lt(0x8000, 0));
    CHECK(pm_seq_distance(2, 65534) == 4);
}

static void timestamp_difference_holds_across_the_wrap(void) {
    CHECK(pm_ts_diff(80, UINT32_MAX - 79) == 160);
    CHECK(pm_ts_diff(UINT32_MAX - 79, 80) == -160);
    CHECK(pm_ts_diff(0x80000000u, 0) == INT32_MIN);
    CHECK(pm_ts_diff(0x7fffffffu, 0) == INT32_MAX);
}

const struct test seq_tests[] = {TEST(sequence_order_holds_across_the_wrap), TEST(timestamp_difference_holds_across_the_wrap), {0}};

static void rtp_is_read_as_it_was_written(void) {
    const uint8_t payload[5] = {1, 2, 3, 4, 5}, extension[8] = {9, 8, 7, 6, 5, 4, 3, 2};
    struct pm_rtp_packet in = {.marker = true,
                               .payload_type = 101,
                               .sequence = 65535,
                               .timestamp = 0xfffffff0u,
                               .ssrc = 0xdeadbeefu,
                               .csrc_count = 2,
                               .csrc = {1, 0xffffffffu},
                               .has_extension = true,
                               .extension_profile = 0xbede,
                               .extension = extension,
                               .extension_octets = 8,
                               .payload = payload,
                               .payload_octets = 5,
                               .padding_octets = 3};
    uint8_t wire[64];
    struct pm_rtp_packet out;
    int n = pm_rtp_build(&in, wire, sizeof wire);
    CHECK(n == 12 + 8 + 12 + 5 + 3);
    CHECK(pm_rtp_parse(wire, (size_t)n, &out) == PM_OK);
    CHECK(out.marker && out.payload_type == 101 && out.sequence == 65535 && out.timestamp == 0xfffffff0u &&
          out.ssrc == 0xdeadbeefu);
    CHECK(out.csrc_count == 2 && out.csrc[1] == 0xffffffffu);
    CHECK(out.extension_profile == 0xbede && out.extension_octets == 8 && memcmp(out.extension, extension, 8) == 0);
    CHECK(out.payload_octets == 5 && memcmp(out.payload, payload, 5) == 0 && out.padding_octets == 3);
    CHECK(pm_rtp_build(&in, wire, (size_t)n - 1) == PM_EFULL);
    for (int cut = 0; cut < 12 + 8 + 12; cut++) {
        CHECK(pm_rtp_parse(wire, (size_t)cut, &out) == PM_EMALFORMED);
    }
}

static void rtp_with_lying_lengths_is_refused(void) {
    uint8_t wire[16] = {0x80, 0, 0, 1};
    struct pm_rtp_packet out;
    CHECK(pm_rtp_parse(wire, 16, &out) == PM_OK && out.payload_octets == 4);
    wire[0] = 0x40;
    CHECK(pm_rtp_parse(wire, 16, &out) == PM_EMALFORMED); /* version 1 */
    wire[0] = 0x82;
    CHECK(pm_rtp_parse(wire, 16, &out) == PM_EMALFORMED); /* two CSRC, room for one */
    wire[0] = 0x90;
    wire[15] = 1;
    CHECK(pm_rtp_parse(wire, 16, &out) == PM_EMALFORMED); /* an extension of one word behind the end */
    wire[0] = 0xa0;
    wire[15] = 5;
    CHECK(pm_rtp_parse(wire, 16, &out) == PM_EMALFORMED); /* more padding than payload */
    wire[15] = 0;
    CHECK(pm_rtp_parse(wire, 16, &out) == PM_EMALFORMED); /* padding counts at least itself */
    wire[15] = 4;
    CHECK(pm_rtp_parse(wire, 16, &out) == PM_OK && out.payload_octets == 0);
}

const struct test rtp_tests[] = {TEST(rtp_is_read_as_it_was_written), TEST(rtp_with_lying_lengths_is_refused), {0}};

static struct pm_rtcp_compound sample_report(void) {
    struct pm_rtcp_compound c = {.ssrc = 0x11223344,
                                 .has_sender_info = true,
                                 .ntp = 0x0123456789abcdefu,
                                 .rtp_timestamp = 77,
                                 .packets_sent = 5,
                                 .octets_sent = 800,
                                 .block_count = 1,
                                 .cname_octets = 5,
                                 .cname = "panel",
                                 .bye = true};
    c.blocks[0] = (struct pm_rtcp_block){.ssrc = 9,
                                         .fraction_lost = 25,
                                         .packets_lost = -3,
                                         .highest_sequence = 0x10005,
                                         .jitter = 12,
                                         .last_sr = 0x456789ab,
                                         .delay_since_sr = 0x8000};
    return c;
}

static void rtcp_is_read_as_it_was_written(void) {
    struct pm_rtcp_compound in = sample_report(), out;
    uint8_t wire[256];
    int n = pm_rtcp_build(&in, wire, sizeof wire);
    CHECK(n > 0 && n % 4 == 0);
    CHECK(pm_rtcp_parse(wire, (size_t)n, 9, &out) == PM_OK);
    CHECK(out.ssrc == in.ssrc && out.ntp == in.ntp && out.packets_sent == 5 && out.octets_sent == 800);
    CHECK(out.block_count == 1 && out.blocks[0].packets_lost == -3 && out.blocks[0].delay_since_sr == 0x8000);
    CHECK(out.cname_octets == 5 && strcmp(out.cname, "panel") == 0);
    CHECK(out.bye && out.bye_count == 1 && out.bye_ssrc[0] == in.ssrc);
    /* A compound packet is its whole packets: cut at any other place it is refused. */
    int sr = 8 + 20 + 24, sdes = 16;
    for (int cut = 0; cut < n; cut++) {
        bool whole = cut == sr || cut == sr + sdes || cut == n;
        CHECK((pm_rtcp_parse(wire, (size_t)cut, 9, &out) == PM_OK) == whole);
    }
}

static void rtcp_that_does_not_begin_with_a_report_is_refused(void) {
    const uint8_t bye[8] = {0x81, 203, 0, 1, 0, 0, 0, 1};
    struct pm_rtcp_compound out;
    CHECK(pm_rtcp_parse(bye, sizeof bye, 1, &out) == PM_EMALFORMED);
}

static void the_block_about_us_survives_a_crowd(void) {
    uint8_t wire[8 + 31 * 24] = {0x80 | 31, 201, 0, 1 + 31 * 6};
    wire[8 + 30 * 24 + 3] = 9; /* the last block's SSRC */
    struct pm_rtcp_compound out;
    CHECK(pm_rtcp_parse(wire, sizeof wire, 9, &out) == PM_OK);
    CHECK(out.block_count == PM_RTCP_BLOCKS_MAX && out.blocks[PM_RTCP_BLOCKS_MAX - 1].ssrc == 9);
}

static void round_trip_follows_the_figure_of_the_rfc(void) {
    /* RFC 3550 figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 5.250 s; the answer is 6.125 s. */
    struct pm_rtcp_block block = {.last_sr = 0xb7052000u, .delay_since_sr = 0x00054000u};
    uint32_t trip;
    CHECK(pm_rtcp_round_trip(&block, (uint64_t)0xb7108000u << 16, &trip) && trip == 0x00062000u);
    block.last_sr = 0;
    CHECK(!pm_rtcp_round_trip(&block, (uint64_t)0xb7108000u << 16, &trip));
    block = (struct pm_rtcp_block){.last_sr = 0xb7052000u, .delay_since_sr = 0xffffffffu};
    CHECK(!pm_rtcp_round_trip(&block, (uint64_t)0xb7108000u << 16, &trip));
}

static void report_interval_stays_in_its_band(void) {
    struct pm_rtcp_timing t = {.members = 2, .senders = 2, .rtcp_octets_per_s = 500, .average_octets = 120, .we_sent = true};
    CHECK(pm_rtcp_interval_s(&t, 0.0) > 2.05 && pm_rtcp_interval_s(&t, 0.0) < 2.06); /* 5 s x 0.5 / 1.21828 */
    CHECK(pm_rtcp_interval_s(&t, 0.999999) < 6.16);
    t.initial = true;
    CHECK(pm_rtcp_interval_s(&t, 0.0) < 1.03);
    t.rtcp_octets_per_s = 10; /* the bandwidth rules once it asks for more than the minimum: 120 x 2 / 10 */
    CHECK(pm_rtcp_interval_s(&t, 0.5) > 19.6 && pm_rtcp_interval_s(&t, 0.5) < 19.8);
}

static void ntp_counts_from_1900(void) {
    CHECK(pm_rtcp_ntp(0) == UINT64_C(2208988800) << 32);
    CHECK(pm_rtcp_ntp(1500000000) == (UINT64_C(2208988801) << 32 | 0x80000000u));
}

const struct test rtcp_tests[] = {TEST(rtcp_is_read_as_it_was_written),
                                  TEST(rtcp_that_does_not_begin_with_a_report_is_refused),
                                  TEST(the_block_about_us_survives_a_crowd),
                                  TEST(round_trip_follows_the_figure_of_the_rfc),
                                  TEST(report_interval_stays_in_its_band),
                                  TEST(ntp_counts_from_1900),
                                  {0}};

static void a_source_counts_through_the_wrap(void) {
    struct pm_source s;
    pm_source_init(&s, 1, 65534, 8000, 0);
    for (unsigned i = 0; i < 6; i++) {
        if (i != 3) { /* sequence 1 is lost */
            CHECK(pm_source_update(&s, (uint16_t)(65534 + i)) == PM_SOURCE_VALID);
        }
    }
    CHECK(pm_source_highest(&s) == 0x10000 + 3);
    CHECK(pm_source_expected(&s) == 6 && s.received == 5);
    CHECK(pm_source_fraction_lost(&s) == 256 / 6);
    CHECK(pm_source_fraction_lost(&s) == 0);
}

static void a_first_packet_of_sequence_zero_is_no_wrap(void) {
    struct pm_source s;
    pm_source_init(&s, 1, 0, 8000, 0);
    CHECK(pm_source_update(&s, 0) == PM_SOURCE_VALID);
    CHECK(pm_source_expected(&s) == 1 && pm_source_highest(&s) == 0);
}

static void probation_asks_for_two_packets_in_sequence(void) {
    struct pm_source s;
    pm_source_init(&s, 1, 10, 8000, 2);
    CHECK(pm_source_update(&s, 10) == PM_SOURCE_DOUBTFUL);
    CHECK(pm_source_update(&s, 500) == PM_SOURCE_DOUBTFUL);
    CHECK(pm_source_update(&s, 501) == PM_SOURCE_VALID);
    CHECK(pm_source_expected(&s) == 1 && s.received == 1);
}

static void a_restart_is_believed_at_the_second_packet(void) {
    struct pm_source s;
    pm_source_init(&s, 1, 100, 8000, 0);
    CHECK(pm_source_update(&s, 100) == PM_SOURCE_VALID);
    CHECK(pm_source_update(&s, 30000) == PM_SOURCE_DOUBTFUL);
    CHECK(pm_source_update(&s, 101) == PM_SOURCE_VALID);
    CHECK(pm_source_update(&s, 40000) == PM_SOURCE_DOUBTFUL);
    CHECK(pm_source_update(&s, 40001) == PM_SOURCE_RESTARTED);
    CHECK(pm_source_expected(&s) == 1);
}

static void jitter_follows_appendix_a8(void) {
    struct pm_source s;
    pm_source_init(&s, 1, 0, 8000, 0);
    pm_source_arrival(&s, 0, 8000, 0);
    pm_source_arrival(&s, 160, 8000, 20000000);
    CHECK(s.jitter == 0.0);
    pm_source_arrival(&s, 320, 8000, 42000000); /* 2 ms late: 16 units */
    CHECK(s.jitter == 1.0);
    pm_source_arrival(&s, 480, 8000, 60000000); /* and back: 16 units again */
    CHECK(s.jitter == 1.9375);
}

const struct test source_tests[] = {TEST(a_source_counts_through_the_wrap),
                                    TEST(a_first_packet_of_sequence_zero_is_no_wrap),
                                    TEST(probation_asks_for_two_packets_in_sequence),
                                    TEST(a_restart_is_believed_at_the_second_packet),
                                    TEST(jitter_follows_appendix_a8),
                                    {0}};
