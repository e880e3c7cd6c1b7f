/* ChannelData (RFC 8656 section 12.4), and a stream whose sound takes the way through a relay. */
#include "check.h"
#include "pm_channel.h"
#include "pm_pump.h"
#include "pm_rtp.h"
#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

enum { OURS = 1, THEIRS = 2, CHANNEL = 0x4001 };

static struct pm_pump pump;

static void a_channel_is_read_as_it_was_written(void) {
    uint8_t wire[12] = {0}, header[PM_CHANNEL_HEADER_OCTETS];
    uint16_t number = 0;
    size_t octets = 0;
    CHECK(pm_channel_build(PM_CHANNEL_LAST, 5, wire) == PM_OK);
    CHECK(wire[0] == 0x4f && wire[1] == 0xff && wire[2] == 0 && wire[3] == 5);
    CHECK(pm_channel_parse(wire, 9, &number, &octets) == PM_OK && number == PM_CHANNEL_LAST && octets == 5);
    /* Section 12.5: over UDP padding is not required, but may be there. */
    CHECK(pm_channel_parse(wire, 12, &number, &octets) == PM_OK && octets == 5);
    /* Section 12.6: a datagram too short for what it claims is discarded. */
    for (size_t cut = 0; cut < 9; cut++) {
        CHECK(pm_channel_parse(wire, cut, &number, &octets) == PM_EMALFORMED);
    }
    CHECK(pm_channel_build(PM_CHANNEL_FIRST - 1, 5, header) == PM_EARG &&
          pm_channel_build(PM_CHANNEL_LAST + 1, 5, header) == PM_EARG);
    CHECK(pm_channel_build(PM_CHANNEL_FIRST, UINT16_MAX, header) == PM_OK);
    CHECK(pm_channel_build(PM_CHANNEL_FIRST, (size_t)UINT16_MAX + 1, header) == PM_EARG);
    wire[0] = 0x50; /* reserved */
    CHECK(pm_channel_parse(wire, 9, &number, &octets) == PM_EMALFORMED);
}

static void each_channel_is_a_host_of_its_own(void) {
    struct pm_address one = pm_channel_address(CHANNEL), other = pm_channel_address(CHANNEL + 1);
    struct pm_address four = {.family = PM_FAMILY_IPV4, .port = CHANNEL};
    CHECK(pm_address_equal(&one, &one) && !pm_address_equal(&one, &other) && !pm_address_same_host(&one, &other));
    CHECK(!pm_address_equal(&one, &four) && !pm_address_equal(&four, &one));
}

static int bound(struct sockaddr_in *own) {
    socklen_t length = sizeof *own;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *own = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK(bind(fd, (struct sockaddr *)own, sizeof *own) == 0 && getsockname(fd, (struct sockaddr *)own, &length) == 0);
    return fd;
}

/* Our socket and the relay's, each connected to the other. */
static void joined(int fds[2]) {
    struct sockaddr_in at[2];
    for (int i = 0; i < 2; i++) {
        fds[i] = bound(&at[i]);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(connect(fds[i], (struct sockaddr *)&at[1 - i], sizeof at[i]) == 0);
    }
}

static size_t sound(uint8_t *out, size_t capacity, uint16_t sequence) {
    uint8_t payload[160];
    memset(payload, 0xd5, sizeof payload);
    struct pm_rtp_packet packet = {.payload_type = 8,
                                   .sequence = sequence,
                                   .timestamp = sequence * 160u,
                                   .ssrc = THEIRS,
                                   .payload = payload,
                                   .payload_octets = sizeof payload};
    int octets = pm_rtp_build(&packet, out, capacity);
    CHECK(octets > 0);
    return (size_t)octets;
}

static struct pm_stream_stats period(int64_t k, struct pm_period_result *result) {
    int16_t microphone[160] = {0}, speaker[160];
    struct pm_stream_stats stats;
    CHECK(pm_pump_period(&pump, k * 20000000, k * 20000000, microphone, speaker, NULL, NULL, 0, result) >= 0);
    CHECK(pm_pump_stream_stats(&pump, 0, &stats) == PM_OK);
    return stats;
}

static int start(int relay_fd, struct pm_address remote) {
    struct pm_pump_config pc = {.card_rate_hz = 8000, .period_samples = 160, .seed = 5, .tap_rate_hz = 8000};
    struct sockaddr_in own;
    struct pm_stream_config c = {.rtp_fd = bound(&own),
                                 .relay_fd = relay_fd,
                                 .remote_rtp = remote,
                                 .remote_rtcp = remote,
                                 .receive = {{8, PM_CODEC_PCMA}},
                                 .receive_count = 1,
                                 .send = {8, PM_CODEC_PCMA},
                                 .sends = true,
                                 .receives = true,
                                 .ptime_ms = 20,
                                 .ssrc = OURS,
                                 .delay_max_ms = 300,
                                 .cname = "a"};
    c.rtcp_fd = c.rtp_fd;
    CHECK(pm_pump_init(&pump, &pc) == PM_OK && pm_pump_stream_start(&pump, &c, 0) == 0);
    return c.rtp_fd;
}

static void sound_goes_and_comes_through_a_channel(void) {
    struct pm_period_result result;
    uint8_t wire[PM_DATAGRAM_OCTETS];
    uint16_t number = 0;
    size_t octets = 0;
    int relay[2];
    joined(relay);
    int rtp_fd = start(relay[0], pm_channel_address(CHANNEL));
    for (uint16_t k = 1; k <= 4; k++) {
        octets = sound(wire + 4, sizeof wire - 4, k);
        CHECK(pm_channel_build(CHANNEL, octets, wire) == PM_OK);
        CHECK(send(relay[1], wire, octets + 4, 0) == (ssize_t)(octets + 4));
        struct pm_stream_stats stats = period(k, &result);
        CHECK(stats.packets_received == k && stats.packets_foreign == 0 && stats.send_errors == 0);
        CHECK(stats.remote_rtp.family == PM_FAMILY_RELAYED && stats.remote_rtp.port == CHANNEL);
        ssize_t got = recv(relay[1], wire, sizeof wire, MSG_DONTWAIT);
        CHECK(got == 4 + 12 + 160 && pm_channel_parse(wire, (size_t)got, &number, &octets) == PM_OK);
        CHECK(number == CHANNEL && octets == 172 && pm_packet_kind(wire + 4, octets) == PM_PACKET_RTP);
    }
    octets = sound(wire + 4, sizeof wire - 4, 5); /* somebody else whom the relay admits */
    CHECK(pm_channel_build(CHANNEL + 1, octets, wire) == PM_OK && send(relay[1], wire, octets + 4, 0) > 0);
    CHECK(period(5, &result).packets_foreign == 1);
    while (recv(relay[1], wire, sizeof wire, MSG_DONTWAIT) > 0) {
    }
    CHECK(pm_pump_stream_stop(&pump, 0, 120000000, 120000000) == PM_OK); /* its BYE takes the same way */
    ssize_t got = recv(relay[1], wire, sizeof wire, MSG_DONTWAIT);
    CHECK(got > 4 && pm_channel_parse(wire, (size_t)got, &number, &octets) == PM_OK && number == CHANNEL);
    CHECK(pm_packet_kind(wire + 4, octets) == PM_PACKET_RTCP);
    pm_pump_close(&pump);
    close(rtp_fd);
    close(relay[0]);
    close(relay[1]);
}

static void what_is_no_sound_is_kept_apart_with_whom_it_came_from(void) {
    const uint8_t answer[20] = {0x01, 0x04, 0, 0, 0x21, 0x12, 0xa4, 0x42}; /* of a Refresh */
    const uint8_t check[8] = {0x40, 0x07, 0, 3, 0, 1, 0, 0}, hello[8] = {0x40, 0x07, 0, 3, 22, 254, 253};
    const uint8_t wrong[3][6] = {{0x40, 0x07, 0, 3, 0, 1}, {0x50, 0, 0, 2, 0, 1}, {0x80, 8, 0, 1}};
    struct pm_period_result result;
    struct pm_address from;
    uint8_t data[PM_DATAGRAM_OCTETS];
    unsigned slot = 9;
    int relay[2];
    joined(relay);
    int rtp_fd = start(relay[0], pm_channel_address(CHANNEL));
    CHECK(send(relay[1], answer, sizeof answer, 0) > 0 && send(relay[1], check, sizeof check, 0) > 0);
    CHECK(send(relay[1], hello, sizeof hello, 0) > 0);
    for (unsigned i = 0; i < 3; i++) {
        CHECK(send(relay[1], wrong[i], sizeof wrong[i], 0) > 0);
    }
    struct pm_stream_stats stats = period(1, &result);
    CHECK(result.apart == 3 && stats.packets_invalid == 3 && stats.packets_received == 0);
    CHECK(pm_pump_apart(&pump, &slot, &from, data, sizeof data) == 20 && memcmp(data, answer, 20) == 0);
    CHECK(slot == 0 && from.family == PM_FAMILY_RELAYED && from.port == 0);
    CHECK(pm_pump_apart(&pump, &slot, &from, data, sizeof data) == 3 && data[0] == 0 && from.port == 0x4007);
    CHECK(pm_pump_apart(&pump, &slot, &from, data, sizeof data) == 3 && data[0] == 22 && from.port == 0x4007);
    pm_pump_close(&pump);
    close(rtp_fd);
    close(relay[0]);
    close(relay[1]);
}

static void reports_on_a_shared_way_are_kept_apart_as_well(void) {
    /* A receiver report without blocks, and a wish for a key picture (RFC 4585 section 6.3.1). */
    const uint8_t wish[20] = {0x80, 201, 0, 1, 0, 0, 0, 2, 0x81, 206, 0, 2, 0, 0, 0, 2, 0, 0, 0, 9};
    struct pm_address there = pm_channel_address(CHANNEL), from;
    uint8_t data[PM_DATAGRAM_OCTETS];
    unsigned slot = 9;
    int rtp_fd = start(-1, there);
    CHECK(pm_pump_stream_take(&pump, 0, &there, wish, sizeof wish, 1, 1) == PM_OK);
    CHECK(pm_pump_apart(&pump, &slot, &from, data, sizeof data) == 0);
    struct pm_stream_config shared = pump.streams[0].config;
    shared.shares_way = true;
    CHECK(pm_pump_stream_update(&pump, 0, &shared, false, 1) == PM_OK);
    CHECK(pm_pump_stream_take(&pump, 0, &there, wish, sizeof wish, 1, 1) == PM_OK);
    CHECK(pm_pump_apart(&pump, &slot, &from, data, sizeof data) == sizeof wish && memcmp(data, wish, sizeof wish) == 0);
    CHECK(slot == 0 && pm_address_equal(&from, &there) && pump.streams[0].report.received == 2);
    pm_pump_close(&pump);
    close(rtp_fd);
}

static void what_came_by_another_way_is_heard_as_if_it_had_come_by_the_channel(void) {
    struct pm_address there = pm_channel_address(CHANNEL), stranger = pm_channel_address(CHANNEL + 1);
    struct pm_period_result result;
    uint8_t wire[PM_DATAGRAM_OCTETS + 1] = {0};
    int rtp_fd = start(-1, there);
    size_t octets = sound(wire, sizeof wire, 1);
    CHECK(pm_pump_stream_take(&pump, 0, &there, wire, octets, 1, 1) == PM_OK);
    octets = sound(wire, sizeof wire, 2);
    CHECK(pm_pump_stream_take(&pump, 0, &stranger, wire, octets, 1, 1) == PM_OK);
    CHECK(pm_pump_stream_take(&pump, 0, &there, wire, 0, 1, 1) == PM_OK); /* no packet */
    struct pm_stream_stats stats = period(1, &result);
    CHECK(stats.packets_received == 1 && stats.packets_foreign == 1 && stats.packets_invalid == 1);
    CHECK(pm_pump_stream_take(&pump, 0, &there, wire, sizeof wire, 1, 1) == PM_EARG);
    CHECK(pm_pump_stream_take(&pump, 1, &there, wire, octets, 1, 1) == PM_ESTATE);
    CHECK(pm_pump_stream_take(&pump, PM_STREAMS_MAX, &there, wire, octets, 1, 1) == PM_ESTATE);
    pm_pump_close(&pump);
    close(rtp_fd);
}

static void without_a_relay_nothing_goes_through_one(void) {
    struct pm_period_result result;
    int rtp_fd = start(-1, pm_channel_address(CHANNEL));
    struct pm_stream_stats stats = period(1, &result);
    CHECK(stats.send_errors == 1 && stats.packets_invalid == 0);
    pm_pump_close(&pump);
    close(rtp_fd);
}

const struct test relay_tests[] = {TEST(a_channel_is_read_as_it_was_written),
                                   TEST(each_channel_is_a_host_of_its_own),
                                   TEST(sound_goes_and_comes_through_a_channel),
                                   TEST(what_is_no_sound_is_kept_apart_with_whom_it_came_from),
                                   TEST(without_a_relay_nothing_goes_through_one),
                                   TEST(what_came_by_another_way_is_heard_as_if_it_had_come_by_the_channel),
                                   TEST(reports_on_a_shared_way_are_kept_apart_as_well),
                                   {0}};
