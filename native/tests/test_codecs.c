/* Payloads into samples: the decoders of a stream, and the line of samples on which packets are placed. */
#include "check.h"
#include "pm_playout.h"
#include <math.h>
#include <string.h>

static void timestamps_of_another_clock_keep_their_distance(void) {
    struct pm_timeline t;
    struct pm_jitter_packet p = {.timestamp = 0xfffffff0u, .ssrc = 1, .sequence = 65535};
    pm_timeline_init(&t, 16000);
    uint32_t first = pm_timeline_place(&t, &p, 8000, 320);
    p.timestamp += 160; /* over the wrap */
    p.sequence++;
    CHECK(pm_timeline_place(&t, &p, 8000, 320) == first + 320);
    p.timestamp -= 160; /* and a late one back */
    p.sequence--;
    CHECK(pm_timeline_place(&t, &p, 8000, 320) == first);
    pm_timeline_init(&t, 16000);
    first = pm_timeline_place(&t, &p, 48000, 320);
    p.timestamp += 960;
    CHECK(pm_timeline_place(&t, &p, 48000, 320) == first + 320);
}

static void a_change_of_clock_continues_behind_the_last_packet(void) {
    struct pm_timeline t;
    struct pm_jitter_packet p = {.timestamp = 1000, .ssrc = 1, .sequence = 10};
    pm_timeline_init(&t, 16000);
    uint32_t first = pm_timeline_place(&t, &p, 8000, 320);
    p.timestamp = 777777;
    p.sequence = 11;
    CHECK(pm_timeline_place(&t, &p, 48000, 320) == first + 320);
    p.timestamp = 5;
    p.sequence = 13; /* one was lost */
    CHECK(pm_timeline_place(&t, &p, 8000, 320) == first + 960);
    p.ssrc = 2; /* another source: another line, which the jitter buffer knows by the SSRC */
    p.timestamp = 42;
    CHECK(pm_timeline_place(&t, &p, 48000, 320) == 42);
}

static void linear_samples_survive_unchanged(void) {
    const int16_t samples[] = {0, 1, -1, 32767, -32768};
    uint8_t octets[10];
    int16_t back[5];
    const struct pm_codec_driver *l16 = pm_codec_find(PM_CODEC_L16);
    CHECK(l16->encode(NULL, samples, 5, octets, sizeof octets) == 10);
    CHECK(octets[2] == 0 && octets[3] == 1 && octets[6] == 0x7f && octets[7] == 0xff); /* network order */
    CHECK(l16->samples(octets, 10, 16000) == 5 && l16->samples(octets, 9, 16000) == PM_EMALFORMED);
    CHECK(l16->decode(NULL, octets, 10, back, 5) == 5 && memcmp(back, samples, sizeof back) == 0);
    CHECK(l16->decode(NULL, octets, 10, back, 4) == PM_EARG && l16->encode(NULL, samples, 5, octets, 9) == PM_EARG);
}

static void a_codec_of_the_other_rate_is_converted(void) {
    static struct pm_decoders d;
    const struct pm_payload payloads[] = {{0, PM_CODEC_PCMU}, {96, PM_CODEC_L16}};
    uint8_t octets[640];
    int16_t tone[320], out[PM_CODEC_PACKET_SAMPLES];
    const uint32_t rates[] = {8000, 16000};
    for (unsigned k = 0; k < 2; k++) {
        memset(&d, 0, sizeof d);
        CHECK(pm_decoders_init(&d, payloads, 2, rates[k], NULL, 0) == PM_OK);
        for (unsigned codec = 0; codec < 2; codec++) {
            const struct pm_codec_driver *driver = pm_codec_find(payloads[codec].codec);
            uint32_t n = driver->rate_hz / 50;
            for (unsigned i = 0; i < n; i++) {
                tone[i] = (int16_t)(8000.0 * sin(2.0 * 3.14159265358979 * 500.0 * i / driver->rate_hz)); /* 10 periods a packet */
            }
            int length = driver->encode(NULL, tone, n, octets, sizeof octets);
            for (unsigned i = 0; i < 3; i++) {
                CHECK(pm_decoders_decode(&d, payloads[codec].payload_type, octets, (size_t)length, out, sizeof out / 2) ==
                      (int)rates[k] / 50);
            }
            double power = 0.0;
            for (unsigned i = 0; i < rates[k] / 50; i++) {
                power += (double)out[i] * out[i] / (rates[k] / 50);
            }
            CHECK(fabs(sqrt(power) - 8000.0 / sqrt(2.0)) < 150.0);
        }
        CHECK(pm_decoders_decode(&d, 8, octets, 160, out, sizeof out / 2) == PM_EARG);
        CHECK(pm_decoders_decode(&d, 96, octets, 641, out, sizeof out / 2) == PM_EMALFORMED);
        CHECK(pm_decoders_decode(&d, 0, octets, 160, out, rates[k] / 50 - 1) == PM_EARG);
        pm_decoders_close(&d);
        pm_decoders_close(&d);
    }
}

static void unknown_codecs_and_rates_are_refused(void) {
    static struct pm_decoders d;
    const struct pm_payload unknown = {96, PM_CODECS}, beyond = {128, PM_CODEC_PCMU}, usual = {0, PM_CODEC_PCMU};
    CHECK(pm_decoders_init(&d, &unknown, 1, 8000, NULL, 0) == PM_EARG);
    CHECK(pm_decoders_init(&d, &beyond, 1, 8000, NULL, 0) == PM_EARG);
    CHECK(pm_decoders_init(&d, &usual, 1, 48000, NULL, 0) == PM_EARG);
    CHECK(pm_decoders_memory(&usual, 1) == 0 && pm_decoders_memory(&unknown, 1) == 0);
    CHECK(pm_codec_install(PM_CODECS, &pm_l16_driver) == PM_EARG && pm_codec_install(PM_CODEC_L16, NULL) == PM_EARG);
}

static void a_codec_change_in_mid_stream_loses_nothing(void) {
    static struct pm_playout p;
    const struct pm_payload payloads[] = {{0, PM_CODEC_PCMU}, {96, PM_CODEC_L16}};
    const struct pm_jitter_config c = {.clock_rate_hz = 16000, .frame = 160, .delay_min_ms = 20, .delay_max_ms = 400};
    uint8_t octets[640] = {0};
    int16_t out[320];
    CHECK(pm_playout_init(&p, &c, payloads, 2, NULL, 0) == PM_OK);
    uint32_t timestamp = 4000;
    for (uint16_t i = 0; i < 100; i++) {
        bool wide = i >= 50;
        struct pm_jitter_packet packet = {.payload = octets,
                                          .payload_octets = wide ? 640 : 160,
                                          .payload_type = wide ? 96 : 0,
                                          .ssrc = 1,
                                          .timestamp = timestamp,
                                          .sequence = i,
                                          .arrival_ns = i * INT64_C(20000000),
                                          .drained_ns = i * INT64_C(20000000)};
        timestamp += wide ? 320 : 160;
        CHECK(pm_playout_put(&p, &packet) == PM_PUT_STORED);
        CHECK(pm_playout_render(&p, out, 320) == PM_OK);
    }
    CHECK(p.concealed == 0 && p.jitter.restarts == 0 && p.jitter.late == 0);
    pm_playout_close(&p);
}

const struct test codec_tests[] = {TEST(timestamps_of_another_clock_keep_their_distance),
                                   TEST(a_change_of_clock_continues_behind_the_last_packet),
                                   TEST(linear_samples_survive_unchanged),
                                   TEST(a_codec_of_the_other_rate_is_converted),
                                   TEST(unknown_codecs_and_rates_are_refused),
                                   TEST(a_codec_change_in_mid_stream_loses_nothing),
                                   {0}};
