/* Payloads into samples: the decoders of a stream, and the line of samples on which packets are placed. */
#include "check.h"
#include "pm_stream.h"
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

/* A voice-like sound: three harmonics of a gliding pitch under a slow envelope. */
static void voice(int16_t *out, size_t n, uint32_t rate_hz) {
    double phase = 0.0;
    for (size_t i = 0; i < n; i++) {
        double t = (double)i / rate_hz;
        phase += 2.0 * 3.14159265358979 * (140.0 + 20.0 * sin(t * 2.0)) / rate_hz;
        out[i] =
            (int16_t)((0.6 + 0.4 * sin(t * 9.0)) * (4000.0 * sin(phase) + 2500.0 * sin(3.0 * phase) + 1500.0 * sin(7.0 * phase)));
    }
}

static double correlation(const int16_t *a, const int16_t *b, size_t n) {
    double cross = 0.0, aa = 1.0, bb = 1.0;
    for (size_t i = 0; i < n; i++) {
        cross += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return cross / sqrt(aa * bb);
}

/* The best correlation of the end of `heard` with `said`, whatever the codec's delay. */
static double likeness(const int16_t *said, const int16_t *heard, size_t n) {
    double best = 0.0;
    for (size_t delay = 0; delay < 400; delay++) {
        best = fmax(best, correlation(said + 800, heard + 800 + delay, n - 1200));
    }
    return best;
}

enum { FRAMES = 50, FRAME = 320, ALL = FRAMES * FRAME };
enum { STATE_OCTETS = 262144 }; /* a decoder of libopus 1.5 takes more than 64 kB */
static int16_t said[ALL], heard[ALL];
static _Alignas(PM_CODEC_ALIGN) uint8_t memory[2 * STATE_OCTETS];

static void what_a_codec_encodes_it_decodes(void) {
    const unsigned codecs[] = {PM_CODEC_G722, PM_CODEC_OPUS, PM_CODEC_L16};
    const struct pm_encoder_settings settings = {.fec = true};
    uint8_t octets[PM_CODEC_OCTETS_MAX];
    for (unsigned k = 0; k < 3; k++) {
        const struct pm_codec_driver *driver = pm_codec_find((uint8_t)codecs[k]);
        const struct pm_payload payload = {96, (uint8_t)codecs[k]};
        void *encoder = memory + STATE_OCTETS;
        for (uint32_t rate_hz = 8000; rate_hz <= 16000; rate_hz += 8000) {
            static struct pm_decoders d;
            memset(&d, 0, sizeof d);
            CHECK(pm_decoders_memory(&payload, 1) <= STATE_OCTETS);
            CHECK(pm_decoders_init(&d, &payload, 1, rate_hz, memory, sizeof memory / 2) == PM_OK);
            CHECK(driver->encoder_octets == NULL ||
                  (driver->encoder_octets() <= STATE_OCTETS && driver->encoder_init(encoder, &settings) == PM_OK));
            voice(said, ALL, 16000);
            size_t n = rate_hz / 50;
            for (size_t i = 0; i < FRAMES; i++) {
                int length = driver->encode(encoder, said + i * FRAME, FRAME, octets, sizeof octets);
                CHECK(length > 0);
                CHECK(pm_decoders_samples(&d, 96, octets, (size_t)length) == (int)n);
                CHECK(pm_decoders_decode(&d, 96, octets, (size_t)length, heard + i * n, n) == (int)n);
                CHECK(pm_decoders_decode(&d, 96, octets, (size_t)length, heard + i * n, n - 1) == PM_EARG);
            }
            voice(said, FRAMES * n, rate_hz);
            CHECK(likeness(said, heard, FRAMES * n) > 0.85); /* Opus at 24 kbit/s keeps the sound, not the wave */
            pm_decoders_close(&d);
        }
    }
}

static void opus_tells_of_a_packet_that_was_lost(void) {
    const struct pm_encoder_settings with = {.fec = true, .bitrate = 24000}, without = {.bitrate = 24000};
    const struct pm_payload payload = {96, PM_CODEC_OPUS};
    const struct pm_jitter_config c = {.clock_rate_hz = 16000, .frame = 160, .delay_min_ms = 60, .delay_max_ms = 400};
    static struct pm_playout p;
    uint8_t octets[PM_CODEC_OCTETS_MAX];
    uint64_t recovered[2];
    void *encoder = memory + STATE_OCTETS;
    for (unsigned k = 0; k < 2; k++) {
        int16_t out[FRAME];
        CHECK(pm_opus_driver.encoder_init(encoder, k == 0 ? &with : &without) == PM_OK);
        pm_opus_driver.expect_loss(encoder, 20);
        CHECK(pm_playout_init(&p, &c, &payload, 1, memory, sizeof memory / 2) == PM_OK);
        voice(said, ALL, 16000);
        for (uint16_t i = 0; i < FRAMES; i++) {
            struct pm_jitter_packet packet = {.payload = octets,
                                              .payload_type = 96,
                                              .ssrc = 1,
                                              .timestamp = i * 960u,
                                              .sequence = i,
                                              .arrival_ns = i * INT64_C(20000000),
                                              .drained_ns = i * INT64_C(20000000)};
            int length = pm_opus_driver.encode(encoder, said + i * FRAME, FRAME, octets, sizeof octets);
            CHECK(length > 0);
            packet.payload_octets = (size_t)length;
            CHECK(i % 10 == 7 || pm_playout_put(&p, &packet) == PM_PUT_STORED);
            CHECK(pm_playout_render(&p, out, FRAME) == PM_OK);
        }
        recovered[k] = p.recovered;
        CHECK(p.recovered + p.concealed >= 4u * FRAME);
    }
    CHECK(recovered[0] >= 2 * FRAME && recovered[1] == 0);
}

static void a_stream_in_opus_counts_time_at_48_khz_and_keeps_its_state_through_an_update(void) {
    static struct pm_stream s;
    static struct pm_events events;
    struct pm_stream_config c = {.rtp_fd = -1,
                                 .rtcp_fd = -1,
                                 .relay_fd = -1,
                                 .remote_rtp = {.family = PM_FAMILY_IPV4, .ip = {10, 0, 0, 1}, .port = 4000},
                                 .receive = {{96, PM_CODEC_OPUS}, {0, PM_CODEC_PCMU}},
                                 .receive_count = 2,
                                 .send = {96, PM_CODEC_OPUS},
                                 .encoder = {.fec = true},
                                 .sends = true,
                                 .receives = true,
                                 .ptime_ms = 20,
                                 .ssrc = 7,
                                 .delay_max_ms = 400,
                                 .cname = "panel"};
    uint8_t wire[PM_RTP_PACKET_MAX];
    struct pm_rtp_packet packet;
    c.codec_memory = memory + 1; /* wherever it begins */
    c.codec_octets = pm_stream_memory(&c) - 1;
    CHECK(pm_stream_init(&s, &c, 0, 0, 0.5) == PM_EARG);
    c.codec_octets++;
    CHECK(c.codec_octets < sizeof memory && pm_stream_init(&s, &c, 0, 0, 0.5) == PM_OK);
    CHECK(s.rate_hz == 16000);
    voice(said, ALL, 16000);
    for (unsigned i = 0; i < 4; i++) {
        CHECK(pm_stream_feed(&s, said + i * FRAME, FRAME) == FRAME);
        size_t n = pm_stream_packet(&s, wire, sizeof wire, 0, &events);
        CHECK(n > 0 && pm_rtp_parse(wire, n, &packet) == PM_OK && packet.timestamp == i * 960);
        const void *decoder = s.playout.decoders.of_codec[PM_CODEC_OPUS].state;
        CHECK(pm_stream_update(&s, &c, false, 0) == PM_OK && s.playout.decoders.of_codec[PM_CODEC_OPUS].state == decoder);
    }
    c.ptime_ms = 30;
    CHECK(pm_stream_update(&s, &c, false, 0) == PM_EARG);
    c.ptime_ms = 60;
    c.send = (struct pm_payload){0, PM_CODEC_PCMU};
    CHECK(pm_stream_update(&s, &c, false, 0) == PM_OK && s.rate_hz == 8000 && s.timestamp == 4 * 960);
    CHECK(pm_stream_feed(&s, said, 2 * FRAME) == 480);
    size_t n = pm_stream_packet(&s, wire, sizeof wire, 0, &events);
    CHECK(n == 12 + 480 && s.timestamp == 4 * 960 + 480);
    pm_stream_close(&s);
}

const struct test codec_tests[] = {TEST(what_a_codec_encodes_it_decodes),
                                   TEST(opus_tells_of_a_packet_that_was_lost),
                                   TEST(a_stream_in_opus_counts_time_at_48_khz_and_keeps_its_state_through_an_update),
                                   TEST(timestamps_of_another_clock_keep_their_distance),
                                   TEST(a_change_of_clock_continues_behind_the_last_packet),
                                   TEST(linear_samples_survive_unchanged),
                                   TEST(a_codec_of_the_other_rate_is_converted),
                                   TEST(unknown_codecs_and_rates_are_refused),
                                   TEST(a_codec_change_in_mid_stream_loses_nothing),
                                   {0}};
