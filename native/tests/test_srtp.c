/* SRTP by libsrtp2 behind pm_secure.h, and what the pump does with packets that are no media. */
#include "check.h"
#include "pm_pump.h"
#include "pm_srtp.h"
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OURS UINT32_C(0xcafebabe)
#define THEIRS UINT32_C(0x01020304)

static struct pm_srtp_keys keys(uint8_t suite, uint8_t fill) {
    struct pm_srtp_keys k = {.suite = suite, .octets = (uint8_t)pm_srtp_key_octets(suite)};
    memset(k.key, fill, k.octets);
    return k;
}

static size_t rtp_packet(uint8_t *out, uint32_t ssrc, uint16_t sequence) {
    const uint8_t payload[4] = {1, 2, 3, 4};
    struct pm_rtp_packet p = {.payload_type = 8, .sequence = sequence, .ssrc = ssrc, .payload = payload, .payload_octets = 4};
    return (size_t)pm_rtp_build(&p, out, PM_RTP_PACKET_MAX);
}

/* Sealed by `from`; the caller keeps room for the trailer. */
static size_t sealed(struct pm_srtp *from, uint8_t *out, uint16_t sequence) {
    size_t octets = rtp_packet(out, OURS, sequence);
    CHECK(pm_srtp_ops()->protect(from, out, &octets, 200, false) == PM_OK);
    return octets;
}

static int opened(struct pm_srtp *by, const uint8_t *packet, size_t octets) {
    _Alignas(8) uint8_t copy[200];
    memcpy(copy, packet, octets);
    return pm_srtp_ops()->unprotect(by, copy, &octets, false);
}

static void pair(struct pm_srtp *a, struct pm_srtp *b, uint8_t suite) {
    struct pm_srtp_keys one = keys(suite, 1), other = keys(suite, 2);
    CHECK(pm_srtp_library() == PM_OK);
    CHECK(pm_srtp_init(a, &one, &other, OURS) == PM_OK && pm_srtp_init(b, &other, &one, THEIRS) == PM_OK);
}

static void a_packet_is_protected_as_the_rfc_says(void) {
    /* Master key and salt of RFC 3711 appendix B.3. */
    const struct pm_srtp_keys k = {.suite = PM_SRTP_AES_CM_128_HMAC_SHA1_80,
                                   .octets = 30,
                                   .key = {0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f,
                                           0xa3, 0x2c, 0x06, 0xde, 0x41, 0x39, 0x0e, 0xc6, 0x75, 0xad,
                                           0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6}};
    const uint8_t want[] = {0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe, 0x4e,
                            0x55, 0xdc, 0x4c, 0xe7, 0x99, 0x78, 0xd8, 0x8c, 0xa4, 0xd2, 0x15, 0x94, 0x9d,
                            0x24, 0x02, 0xb7, 0x8d, 0x6a, 0xcc, 0x99, 0xea, 0x17, 0x9b, 0x8d, 0xbb};
    _Alignas(8) uint8_t packet[64] = {0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe};
    size_t octets = 28;
    struct pm_srtp s;
    memset(packet + 12, 0xab, 16);
    CHECK(pm_srtp_library() == PM_OK && pm_srtp_init(&s, &k, &k, OURS) == PM_OK);
    CHECK(pm_srtp_ops()->protect(&s, packet, &octets, sizeof packet, false) == PM_OK);
    CHECK(octets == sizeof want && memcmp(packet, want, octets) == 0);
    CHECK(pm_srtp_ops()->unprotect(&s, packet, &octets, false) == PM_OK && octets == 28 && packet[12] == 0xab);
    pm_srtp_close(&s);
}

static void every_suite_brings_packets_across_and_nothing_forged_or_replayed(void) {
    const unsigned tags[] = {0, 10, 4, 10, 4, 16, 16};
    for (uint8_t suite = 1; suite <= 6; suite++) {
        struct pm_srtp a, b;
        _Alignas(8) uint8_t packet[200];
        pair(&a, &b, suite);
        size_t octets = sealed(&a, packet, 7);
        CHECK(octets == 16 + tags[suite]);
        for (size_t i = 0; i < octets; i++) { /* every octet counts, those of the header too */
            packet[i] ^= 1;
            CHECK(opened(&b, packet, octets) < 0);
            packet[i] ^= 1;
        }
        for (size_t cut = 0; cut < octets; cut++) {
            CHECK(opened(&b, packet, cut) < 0);
        }
        CHECK(opened(&b, packet, octets) == PM_OK && opened(&b, packet, octets) < 0);
        pm_srtp_close(&a);
        pm_srtp_close(&b);
        pm_srtp_close(&b);
    }
}

static void the_sequence_rolls_over_and_order_does_not_matter_within_the_window(void) {
    struct pm_srtp a, b;
    _Alignas(8) uint8_t packet[200], late[200];
    size_t late_octets = 0;
    pair(&a, &b, PM_SRTP_AES_CM_128_HMAC_SHA1_80);
    for (uint32_t i = 0; i < 3 * 65536; i += 40) { /* thrice around */
        size_t octets = sealed(&a, packet, (uint16_t)i);
        CHECK(opened(&b, packet, octets) == PM_OK);
        if (i % 1000 == 0) {
            memcpy(late, packet, octets);
            late_octets = octets;
        }
    }
    CHECK(opened(&b, late, late_octets) < 0);
    pm_srtp_close(&a);
    pm_srtp_close(&b);
}

static void senders_under_one_key_are_bounded(void) {
    struct pm_srtp_keys one = keys(PM_SRTP_AEAD_AES_128_GCM, 1), other = keys(PM_SRTP_AEAD_AES_128_GCM, 2);
    struct pm_srtp b, a;
    _Alignas(8) uint8_t packet[200];
    CHECK(pm_srtp_init(&b, &other, &one, THEIRS) == PM_OK);
    for (uint32_t i = 0; i <= PM_SRTP_SOURCES_MAX; i++) {
        size_t octets = rtp_packet(packet, 100 + i, 1);
        CHECK(pm_srtp_init(&a, &one, &other, 100 + i) == PM_OK);
        CHECK(pm_srtp_ops()->protect(&a, packet, &octets, sizeof packet, false) == PM_OK);
        CHECK((opened(&b, packet, octets) == PM_OK) == (i < PM_SRTP_SOURCES_MAX));
        pm_srtp_close(&a);
    }
    pm_srtp_close(&b);
}

static void new_keys_take_over_and_packets_under_the_old_ones_are_read_for_a_while(void) {
    struct pm_srtp a, b, a2, b2;
    struct pm_srtp_keys fresh = keys(PM_SRTP_AEAD_AES_256_GCM, 9), other = keys(PM_SRTP_AES_CM_128_HMAC_SHA1_80, 2);
    _Alignas(8) uint8_t packet[200], old[200];
    pair(&a, &b, PM_SRTP_AES_CM_128_HMAC_SHA1_80);
    size_t old_octets = sealed(&a, old, 1);
    CHECK(pm_srtp_init(&a2, &fresh, &other, OURS) == PM_OK && pm_srtp_init(&b2, &other, &fresh, THEIRS) == PM_OK);
    pm_srtp_inherit(&a2, &a);
    pm_srtp_inherit(&b2, &b);
    pm_srtp_close(&a);
    pm_srtp_close(&b);
    CHECK(opened(&b2, old, old_octets) == PM_OK);
    for (uint16_t i = 2; i < 2 + PM_SRTP_GRACE_PACKETS; i++) {
        size_t octets = sealed(&a2, packet, i);
        CHECK(opened(&b2, packet, octets) == PM_OK);
    }
    CHECK(b2.before == NULL && opened(&b2, old, old_octets) < 0);
    pm_srtp_close(&a2);
    pm_srtp_close(&b2);
}

static void the_same_keys_again_go_on_counting(void) {
    struct pm_srtp a, b, b2;
    struct pm_srtp_keys one = keys(PM_SRTP_AES_CM_128_HMAC_SHA1_32, 1), other = keys(PM_SRTP_AES_CM_128_HMAC_SHA1_32, 2);
    _Alignas(8) uint8_t packet[200], report[200] = {0x80, 201, 0, 1, 1, 2, 3, 4}, again[200] = {0x80, 201, 0, 1, 1, 2, 3, 4};
    size_t report_octets = 8, again_octets = 8;
    pair(&a, &b, PM_SRTP_AES_CM_128_HMAC_SHA1_32);
    size_t octets = sealed(&a, packet, 1);
    CHECK(opened(&b, packet, octets) == PM_OK);
    CHECK(pm_srtp_ops()->protect(&b, report, &report_octets, 200, true) == PM_OK && report_octets == 8 + 14);
    CHECK(pm_srtp_init(&b2, &other, &one, THEIRS) == PM_OK);
    pm_srtp_inherit(&b2, &b);
    pm_srtp_close(&b);
    CHECK(opened(&b2, packet, octets) < 0); /* still a replay */
    CHECK(pm_srtp_ops()->protect(&b2, again, &again_octets, 200, true) == PM_OK);
    CHECK(again[11] == report[11] + 1); /* the index of SRTCP (RFC 3711 section 3.4) */
    CHECK(pm_srtp_ops()->unprotect(&a, report, &report_octets, true) == PM_OK && report_octets == 8);
    pm_srtp_close(&a);
    pm_srtp_close(&b2);
}

static void keys_that_do_not_fit_are_refused(void) {
    struct pm_srtp s;
    struct pm_srtp_keys good = keys(PM_SRTP_AEAD_AES_256_GCM, 1), shorter = good, unknown = good;
    shorter.octets--;
    unknown.suite = 77;
    CHECK(pm_srtp_init(&s, &shorter, &good, OURS) == PM_EARG && pm_srtp_init(&s, &good, &unknown, OURS) == PM_EARG);
    CHECK(pm_srtp_key_octets(0) == 0 && pm_srtp_key_octets(PM_SRTP_AEAD_AES_128_GCM) == 28);
}

static void datagrams_are_told_apart_by_their_first_octets(void) {
    const struct {
        uint8_t first, second;
        enum pm_packet_kind kind;
    } cases[] = {{0, 1, PM_PACKET_STUN},     {3, 0, PM_PACKET_STUN},     {4, 0, PM_PACKET_NONE},     {19, 0, PM_PACKET_NONE},
                 {20, 254, PM_PACKET_DTLS},  {63, 0, PM_PACKET_DTLS},    {64, 0, PM_PACKET_NONE},    {127, 0, PM_PACKET_NONE},
                 {128, 0, PM_PACKET_RTP},    {128, 200, PM_PACKET_RTCP}, {129, 207, PM_PACKET_RTCP}, {128, 0x88, PM_PACKET_RTP},
                 {191, 0xff, PM_PACKET_RTP}, {128, 95, PM_PACKET_RTCP},  {128, 96, PM_PACKET_RTP},   {192, 200, PM_PACKET_NONE}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t data[2] = {cases[i].first, cases[i].second};
        CHECK(pm_packet_kind(data, 2) == cases[i].kind);
        CHECK(pm_packet_kind(data, 1) == PM_PACKET_NONE);
    }
}

static struct pm_pump pump;

static int bound(struct pm_address *at) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&name, length) == 0 && getsockname(fd, (struct sockaddr *)&name, &length) == 0);
    *at = (struct pm_address){.family = PM_FAMILY_IPV4, .port = ntohs(name.sin_port), .ip = {127, 0, 0, 1}};
    return fd;
}

static struct pm_stream_stats period(int64_t k, struct pm_period_result *result) {
    int16_t microphone[160] = {0}, speaker[160];
    struct pm_stream_stats stats;
    CHECK(pm_pump_period(&pump, k * 20000000, k * 20000000, microphone, speaker, NULL, NULL, 0, result) >= 0);
    CHECK(pm_pump_stream_stats(&pump, 0, &stats) == PM_OK);
    return stats;
}

static void a_stream_sends_and_hears_only_what_its_keys_allow(void) {
    struct pm_pump_config pc = {.card_rate_hz = 8000, .period_samples = 160, .seed = 5, .tap_rate_hz = 8000};
    struct pm_stream_config c = {.relay_fd = -1,
                                 .receive = {{8, PM_CODEC_PCMA}},
                                 .receive_count = 1,
                                 .send = {8, PM_CODEC_PCMA},
                                 .sends = true,
                                 .receives = true,
                                 .ptime_ms = 20,
                                 .ssrc = OURS,
                                 .delay_max_ms = 300,
                                 .cname = "a"};
    struct pm_address own, peer_at, from;
    struct pm_period_result result;
    struct pm_srtp near, peer;
    _Alignas(8) uint8_t packet[PM_DATAGRAM_OCTETS];
    const uint8_t hello[3] = {22, 254, 253};
    unsigned slot = 9;
    c.rtp_fd = c.rtcp_fd = bound(&own); /* one port for both */
    int peer_fd = bound(&peer_at);
    c.remote_rtp = c.remote_rtcp = peer_at;
    pair(&near, &peer, PM_SRTP_AEAD_AES_128_GCM);
    CHECK(pm_pump_init(&pump, &pc) == PM_OK && pm_pump_stream_start(&pump, &c, 0) == 0);
    CHECK(pm_pump_stream_secure(&pump, 0, PM_SECURE_CLOSED, NULL, NULL) == PM_OK);
    CHECK(pm_pump_stream_secure(&pump, 0, PM_SECURE_OPEN, NULL, NULL) == PM_EARG);
    CHECK(pm_pump_stream_secure(&pump, 1, PM_SECURE_PLAIN, NULL, NULL) == PM_ESTATE);
    size_t octets = rtp_packet(packet, THEIRS, 1);
    CHECK(pm_socket_send(peer_fd, &own, packet, octets) && pm_socket_send(peer_fd, &own, hello, sizeof hello));
    struct pm_stream_stats stats = period(1, &result);
    CHECK(stats.packets_received == 0 && stats.packets_refused == 1 && stats.send_errors == 1 && result.apart == 1);
    CHECK(recv(peer_fd, packet, sizeof packet, MSG_DONTWAIT) < 0); /* closed: nothing left us */
    CHECK(pm_pump_apart(&pump, &slot, &from, packet, 10) == PM_EARG);
    CHECK(pm_pump_apart(&pump, &slot, &from, packet, sizeof packet) == 3 && slot == 0 && pm_address_equal(&from, &peer_at));
    CHECK(pm_pump_apart(&pump, &slot, &from, packet, sizeof packet) == 0);

    CHECK(pm_pump_stream_secure(&pump, 0, PM_SECURE_OPEN, pm_srtp_ops(), &near) == PM_OK);
    octets = rtp_packet(packet, THEIRS, 2);
    CHECK(pm_srtp_ops()->protect(&peer, packet, &octets, sizeof packet, false) == PM_OK);
    CHECK(pm_socket_send(peer_fd, &own, packet, octets) && pm_socket_send(peer_fd, &own, packet, octets));
    stats = period(2, &result);
    CHECK(stats.packets_received == 1 && stats.packets_refused == 2);
    ssize_t got = recv(peer_fd, packet, sizeof packet, MSG_DONTWAIT);
    octets = (size_t)got;
    CHECK(got == 12 + 160 + 16 && pm_srtp_ops()->unprotect(&peer, packet, &octets, false) == PM_OK && octets == 172);

    CHECK(pm_pump_stream_stop(&pump, 0, 60000000, 60000000) == PM_OK); /* its BYE comes to the same port, encrypted */
    got = recv(peer_fd, packet, sizeof packet, MSG_DONTWAIT);
    octets = (size_t)got;
    CHECK(got > 0 && pm_packet_kind(packet, octets) == PM_PACKET_RTCP);
    CHECK(pm_srtp_ops()->unprotect(&peer, packet, &octets, true) == PM_OK);
    pm_pump_close(&pump);
    pm_srtp_close(&near);
    pm_srtp_close(&peer);
    close(c.rtp_fd);
    close(peer_fd);
}

static void a_flood_of_handshakes_is_bounded(void) {
    struct pm_pump_config pc = {.card_rate_hz = 8000, .period_samples = 160, .seed = 5, .tap_rate_hz = 8000};
    struct pm_stream_config c = {.rtcp_fd = -1,
                                 .relay_fd = -1,
                                 .receive = {{8, PM_CODEC_PCMA}},
                                 .receive_count = 1,
                                 .send = {8, PM_CODEC_PCMA},
                                 .ptime_ms = 20,
                                 .ssrc = OURS,
                                 .delay_max_ms = 300};
    struct pm_address own, peer_at;
    struct pm_period_result result;
    const uint8_t hello[3] = {22, 254, 253};
    c.rtp_fd = bound(&own);
    int peer_fd = bound(&peer_at);
    CHECK(pm_pump_init(&pump, &pc) == PM_OK && pm_pump_stream_start(&pump, &c, 0) == 0);
    for (unsigned i = 0; i < 40; i++) {
        CHECK(pm_socket_send(peer_fd, &own, hello, sizeof hello));
    }
    (void)period(1, &result);
    CHECK(result.apart == PM_APART_MAX);
    pm_pump_close(&pump);
    close(c.rtp_fd);
    close(peer_fd);
}

const struct test srtp_tests[] = {TEST(a_packet_is_protected_as_the_rfc_says),
                                  TEST(every_suite_brings_packets_across_and_nothing_forged_or_replayed),
                                  TEST(the_sequence_rolls_over_and_order_does_not_matter_within_the_window),
                                  TEST(senders_under_one_key_are_bounded),
                                  TEST(new_keys_take_over_and_packets_under_the_old_ones_are_read_for_a_while),
                                  TEST(the_same_keys_again_go_on_counting),
                                  TEST(keys_that_do_not_fit_are_refused),
                                  TEST(datagrams_are_told_apart_by_their_first_octets),
                                  TEST(a_stream_sends_and_hears_only_what_its_keys_allow),
                                  TEST(a_flood_of_handshakes_is_bounded),
                                  {0}};
