/* What a sender does besides talking: copies against loss (RFC 2198), comfort noise in pauses (RFC 3389), a codec that pauses by
 * itself. */
#include "check.h"
#include "pm_red.h"
#include "pm_stream.h"
#include <math.h>
#include <string.h>

enum { FRAME = 160 };

static struct pm_stream near_stream, far_stream;
static struct pm_events events;
static _Alignas(PM_CODEC_ALIGN) uint8_t memory[2][524288];
static const struct pm_address there = {.family = PM_FAMILY_IPV4, .ip = {10, 0, 0, 1}, .port = 4000};

static void blocks_survive_building_and_reading(void) {
    const uint8_t old[] = {1, 2, 3}, now[] = {4, 5};
    const struct pm_red_block blocks[] = {{0, 160, old, 3}, {0, 0, now, 2}};
    struct pm_red_block back[PM_RED_BLOCKS_MAX];
    uint8_t wire[32];
    CHECK(pm_red_build(blocks, 2, wire, sizeof wire) == 4 + 1 + 5);
    CHECK(wire[0] == 0x80 && wire[1] == 160 >> 6 && wire[2] == (160 & 0x3f) << 2 && wire[3] == 3 && wire[4] == 0);
    CHECK(pm_red_parse(wire, 10, back) == 2);
    CHECK(back[0].timestamp_offset == 160 && back[0].octets == 3 && back[0].payload[2] == 3);
    CHECK(back[1].timestamp_offset == 0 && back[1].octets == 2 && back[1].payload[0] == 4);
    CHECK(pm_red_build(blocks, 2, wire, 9) == PM_EFULL);
    const struct pm_red_block far_back[] = {{0, PM_RED_OFFSET_MAX + 1, old, 3}, {0, 0, now, 2}};
    CHECK(pm_red_build(far_back, 2, wire, sizeof wire) == PM_EARG);
    CHECK(pm_red_build(blocks, 0, wire, sizeof wire) == PM_EARG);
}

static void cut_and_crowded_payloads_are_read_as_far_as_they_mean_something(void) {
    struct pm_red_block blocks[PM_RED_BLOCKS_MAX];
    const uint8_t no_primary[] = {0x80, 0, 0, 0}, cut_header[] = {0x80, 0, 0}, cut_block[] = {0x80, 0, 0, 2, 0, 1}, alone[] = {8};
    CHECK(pm_red_parse(NULL, 0, blocks) == PM_EMALFORMED);
    CHECK(pm_red_parse(no_primary, 4, blocks) == PM_EMALFORMED);
    CHECK(pm_red_parse(cut_header, 3, blocks) == PM_EMALFORMED);
    CHECK(pm_red_parse(cut_block, 6, blocks) == PM_EMALFORMED);
    CHECK(pm_red_parse(alone, 1, blocks) == 1 && blocks[0].payload_type == 8 && blocks[0].octets == 0);
    uint8_t crowded[6 * 4 + 1 + 6 + 1];
    memset(crowded, 0, sizeof crowded);
    for (unsigned i = 0; i < 6; i++) {
        crowded[4 * i] = (uint8_t)(0x80 | i);
        crowded[4 * i + 3] = 1;
        crowded[25 + i] = (uint8_t)(10 + i);
    }
    crowded[24] = 6;
    crowded[31] = 16;
    CHECK(pm_red_parse(crowded, sizeof crowded, blocks) == PM_RED_BLOCKS_MAX); /* the youngest four */
    CHECK(blocks[0].payload_type == 3 && blocks[0].payload[0] == 13 && blocks[3].payload_type == 6 && blocks[3].payload[0] == 16);
}

static struct pm_stream_config config_of(uint8_t codec, unsigned who) {
    struct pm_stream_config c = {.rtp_fd = -1,
                                 .rtcp_fd = -1,
                                 .relay_fd = -1,
                                 .remote_rtp = there,
                                 .remote_rtcp = there,
                                 .receive = {{96, codec}, {0, PM_CODEC_PCMU}},
                                 .receive_count = 2,
                                 .send = {96, codec},
                                 .red_receive_types = {121},
                                 .red_receive_count = 1,
                                 .red_send_type = 121,
                                 .sends_red = true,
                                 .digit_receive = {{101, 8000}},
                                 .digit_receive_count = 1,
                                 .sends = true,
                                 .receives = true,
                                 .ptime_ms = 20,
                                 .ssrc = 7,
                                 .delay_min_ms = 60,
                                 .delay_max_ms = 400,
                                 .cname = "panel",
                                 .codec_memory = memory[who],
                                 .codec_octets = sizeof memory[who]};
    return c;
}

static void begin(const struct pm_stream_config *sender, const struct pm_stream_config *receiver) {
    memset(&events, 0, sizeof events);
    CHECK(pm_stream_init(&near_stream, sender, 0, 0, 0.5) == PM_OK);
    CHECK(pm_stream_init(&far_stream, receiver, 0, 0, 0.5) == PM_OK);
}

/* Sends one packet interval of `pcm`, and lets the other side hear it unless it is lost. Returns the datagram's length. */
static size_t exchange(const int16_t *pcm, int16_t *heard, int64_t at_ms, bool lost) {
    uint8_t wire[PM_RTP_PACKET_MAX];
    size_t frame = near_stream.rate_hz / 50;
    CHECK(pm_stream_feed(&near_stream, pcm, frame) == frame);
    size_t n = pm_stream_packet(&near_stream, wire, sizeof wire, at_ms * 1000000, &events);
    if (n > 0 && !lost) {
        pm_stream_rtp(&far_stream, wire, n, &there, at_ms * 1000000, at_ms * 1000000, &events);
    }
    pm_stream_render(&far_stream, heard, frame, at_ms * 1000000, &events);
    return n;
}

static void copies_are_sent_while_the_peer_reports_loss_and_fill_the_holes(void) {
    const struct pm_stream_config c = config_of(PM_CODEC_PCMA, 0);
    int16_t pcm[FRAME], heard[FRAME];
    begin(&c, &c);
    near_stream.copy.wanted_until_ns = INT64_C(4000000000);
    for (int64_t i = 0; i < 300; i++) {
        for (unsigned k = 0; k < FRAME; k++) {
            pcm[k] = (int16_t)(4000.0 * sin(0.3 * (double)(i * FRAME + k)));
        }
        size_t n = exchange(pcm, heard, 20 * i, i < 200 && i % 10 == 5);
        CHECK(n == (i > 0 && i < 200 ? 12 + 4 + 1 + 2 * FRAME : 12 + FRAME));
    }
    struct pm_stream_stats s;
    pm_stream_stats(&far_stream, &s);
    CHECK(s.samples_recovered == 20 * FRAME && s.samples_concealed == 0);
    CHECK(s.packets_lost == 20 && s.packets_duplicate == 0 && s.packets_late == 0 && s.packets_reordered == 0 &&
          s.packets_invalid == 0);
}

static void a_report_of_loss_asks_for_copies(void) {
    const struct pm_stream_config c = config_of(PM_CODEC_PCMA, 0);
    struct pm_rtcp_compound back = {.ssrc = 1, .block_count = 1};
    uint8_t wire[PM_RTCP_PACKET_MAX];
    begin(&c, &c);
    for (unsigned lost = 0; lost < 2; lost++) {
        back.blocks[0] = (struct pm_rtcp_block){.ssrc = 7, .fraction_lost = lost ? 13 : 2};
        int n = pm_rtcp_build(&back, wire, sizeof wire);
        CHECK(n > 0);
        pm_stream_rtcp(&near_stream, wire, (size_t)n, &there, 1000000000, 0, &events);
        CHECK((near_stream.copy.wanted_until_ns > 1000000000) == (lost == 1));
    }
}

static double power_of(const int16_t *x, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * x[i];
    }
    return sum / (double)n;
}

static void a_pause_is_sent_as_noise_and_heard_as_such(void) {
    struct pm_stream_config c = config_of(PM_CODEC_PCMA, 0);
    int16_t pcm[FRAME], heard[FRAME];
    uint32_t chance = 1;
    unsigned sent = 0, noise = 0;
    double quietest = 1e9;
    c.sends_noise = true;
    c.sends_red = false;
    begin(&c, &c);
    for (int64_t i = 0; i < 400; i++) {
        bool speaks = i < 100 || i >= 300;
        for (unsigned k = 0; k < FRAME; k++) {
            chance = chance * 1664525u + 1013904223u;
            pcm[k] = (int16_t)((int)(chance >> 24) - 128 + (speaks ? 6000.0 * sin(0.2 * (double)(i * FRAME + k)) : 0.0));
        }
        size_t n = exchange(pcm, heard, 20 * i, false);
        sent += n > 12 + 1;
        noise += n == 12 + 1;
        if (i > 130 && i < 300) {
            quietest = fmin(quietest, power_of(heard, FRAME));
            CHECK(power_of(heard, FRAME) < 4.0 * 5461.0); /* a uniform noise of 256 steps has this power */
        }
    }
    CHECK(sent > 190 && sent < 230 && noise >= 2 && noise < 15);
    CHECK(quietest > 5461.0 / 4.0); /* never dead */
    struct pm_stream_stats s;
    pm_stream_stats(&far_stream, &s);
    CHECK(s.samples_concealed == 0 && s.packets_invalid == 0 && s.packets_lost == 0);
    CHECK(s.delay_target_ms < 70.0); /* the pause was no miss for which more delay would be wanted */
    CHECK(power_of(heard, FRAME) > 1e6);
}

static void opus_pauses_and_goes_on(void) {
    struct pm_stream_config c = config_of(PM_CODEC_OPUS, 0), receiver = config_of(PM_CODEC_OPUS, 1);
    static int16_t pcm[2 * FRAME], heard[2 * FRAME];
    unsigned small = 0;
    c.encoder.dtx = true;
    begin(&c, &receiver);
    for (int64_t i = 0; i < 300; i++) {
        bool speaks = i < 100 || i >= 200;
        for (unsigned k = 0; k < 2 * FRAME; k++) {
            double t = (double)(i * 2 * FRAME + k) / 16000.0;
            pcm[k] = (int16_t)(speaks ? (1.0 + sin(20.0 * t)) * (3000.0 * sin(900.0 * t) + 2000.0 * sin(2700.0 * t)) : 0.0);
        }
        uint8_t wire[PM_RTP_PACKET_MAX];
        CHECK(pm_stream_feed(&near_stream, pcm, 2 * FRAME) == 2 * FRAME);
        size_t n = pm_stream_packet(&near_stream, wire, sizeof wire, 20 * i * 1000000, &events);
        bool pause = n > 0 && n <= 12 + 2;
        small += pause;
        if (n > 0 && !(pause && small % 10 != 1)) { /* RFC 7587 section 3.1.3: most packets of a pause are not sent */
            pm_stream_rtp(&far_stream, wire, n, &there, 20 * i * 1000000, 20 * i * 1000000, &events);
        }
        pm_stream_render(&far_stream, heard, 2 * FRAME, 20 * i * 1000000, &events);
    }
    CHECK(small > 30);
    CHECK(far_stream.playout.concealed == 0);
    CHECK(power_of(heard, 2 * FRAME) > 1e5);
}

static void noise_has_the_level_and_the_spectrum_that_it_is_told(void) {
    static struct pm_noise noise;
    static int16_t out[8000];
    const uint8_t white[] = {40}, dull[] = {40, 20, 160};
    for (unsigned k = 0; k < 2; k++) {
        pm_noise_init(&noise);
        CHECK(pm_noise_read(&noise, k ? dull : white, k ? sizeof dull : sizeof white) == PM_OK);
        pm_noise_render(&noise, out, 8000);
        double rms = sqrt(power_of(out, 8000)), wanted = 32767.0 * pow(10.0, -2.0);
        CHECK(rms > wanted * 0.8 && rms < wanted * 1.25);
        double next = 0.0;
        for (unsigned i = 1; i < 8000; i++) {
            next += (double)out[i] * out[i - 1] / 8000.0;
        }
        CHECK(k ? next > 0.5 * rms * rms : fabs(next) < 0.1 * rms * rms); /* a low first coefficient is a low pitch of the noise */
        CHECK(abs((int)pm_noise_level(out, 8000) - 40) <= 2);
    }
    uint8_t wild[64];
    memset(wild, 255, sizeof wild);
    wild[0] = 0;
    CHECK(pm_noise_read(&noise, wild, sizeof wild) == PM_OK);
    pm_noise_render(&noise, out, 8000);
    CHECK(isfinite(noise.last[0]));
    CHECK(pm_noise_read(&noise, wild, 0) == PM_EMALFORMED);
    memset(out, 0, sizeof out);
    CHECK(pm_noise_level(out, 8000) == 127);
}

const struct test pause_tests[] = {TEST(blocks_survive_building_and_reading),
                                   TEST(cut_and_crowded_payloads_are_read_as_far_as_they_mean_something),
                                   TEST(copies_are_sent_while_the_peer_reports_loss_and_fill_the_holes),
                                   TEST(a_report_of_loss_asks_for_copies),
                                   TEST(a_pause_is_sent_as_noise_and_heard_as_such),
                                   TEST(opus_pauses_and_goes_on),
                                   TEST(noise_has_the_level_and_the_spectrum_that_it_is_told),
                                   {0}};
