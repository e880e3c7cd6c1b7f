/* Streams as peers see them, and the pump over real loopback sockets. */
#include "check.h"
#include "pm_pump.h"
#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#define MS INT64_C(1000000)

static struct pm_stream stream;
static struct pm_events events;
static const struct pm_address signalled = {.family = PM_FAMILY_IPV4, .ip = {10, 0, 0, 1}, .port = 4000};
static const struct pm_address elsewhere = {.family = PM_FAMILY_IPV4, .ip = {10, 0, 0, 2}, .port = 5000};

static struct pm_stream_config usual_config(void) {
    return (struct pm_stream_config){.rtp_fd = -1,
                                     .rtcp_fd = -1,
                                     .relay_fd = -1,
                                     .remote_rtp = signalled,
                                     .receive = {{0, PM_CODEC_PCMU}, {8, PM_CODEC_PCMA}},
                                     .receive_count = 2,
                                     .send = {0, PM_CODEC_PCMU},
                                     .digit_receive = {{101, 8000}},
                                     .digit_receive_count = 1,
                                     .digit_send_type = 101,
                                     .sends_digits = true,
                                     .sends = true,
                                     .receives = true,
                                     .ptime_ms = 20,
                                     .ssrc = 7,
                                     .latch_ms = 5000,
                                     .delay_min_ms = 20,
                                     .delay_max_ms = 400,
                                     .cname = "panel"};
}

static void begin(void) {
    struct pm_stream_config c = usual_config();
    memset(&events, 0, sizeof events);
    CHECK(pm_stream_init(&stream, &c, 0, 0, 0.5) == PM_OK);
}

static void hear(const struct pm_address *from, uint16_t sequence, uint32_t ssrc, uint8_t payload_type, int64_t at_ms) {
    uint8_t wire[PM_RTP_PACKET_MAX], payload[160] = {0xff};
    struct pm_rtp_packet p = {.payload_type = payload_type,
                              .sequence = sequence,
                              .timestamp = sequence * 160u,
                              .ssrc = ssrc,
                              .payload = payload,
                              .payload_octets = sizeof payload};
    int n = pm_rtp_build(&p, wire, sizeof wire);
    CHECK(n > 0);
    pm_stream_rtp(&stream, wire, (size_t)n, from, at_ms * MS, at_ms * MS, &events);
}

/* Counts the events of a kind and forgets all. */
static unsigned told(enum pm_event_kind kind) {
    struct pm_event e;
    unsigned count = 0;
    while (pm_events_pop(&events, &e)) {
        count += e.kind == kind;
    }
    return count;
}

static void two_packets_in_sequence_move_the_remote_address(void) {
    begin();
    hear(&elsewhere, 10, 1, 0, 100);
    CHECK(stream.received == 0 && stream.foreign == 1);
    hear(&elsewhere, 11, 1, 0, 120);
    CHECK(stream.received == 1 && stream.latch.moved && pm_address_equal(&stream.latch.remote, &elsewhere));
    CHECK(told(PM_EVENT_LATCHED) == 1);
}

static void after_the_first_seconds_the_address_is_locked(void) {
    begin();
    hear(&elsewhere, 10, 1, 0, 5000);
    hear(&elsewhere, 11, 1, 0, 5020);
    CHECK(stream.received == 0 && stream.foreign == 2 && !stream.latch.moved);
    hear(&signalled, 12, 1, 0, 5040);
    CHECK(stream.received == 1);
}

static void packets_from_the_signalled_address_close_the_window(void) {
    begin();
    hear(&signalled, 10, 1, 0, 100);
    hear(&elsewhere, 11, 1, 0, 120);
    hear(&elsewhere, 12, 1, 0, 140);
    CHECK(stream.received == 1 && stream.foreign == 2 && !stream.latch.moved);
}

static void the_signalled_address_takes_a_stolen_stream_back(void) {
    begin();
    hear(&elsewhere, 10, 1, 0, 100);
    hear(&elsewhere, 11, 1, 0, 120);
    hear(&signalled, 50, 2, 0, 140);
    CHECK(pm_address_equal(&stream.latch.remote, &signalled) && !stream.latch.moved);
    hear(&elsewhere, 12, 1, 0, 160);
    CHECK(stream.foreign == 2);
}

static void what_bears_the_keys_is_heard_from_wherever_it_comes(void) {
    begin();
    hear(&signalled, 10, 1, 0, 100);
    hear(&elsewhere, 11, 1, 0, 120);
    CHECK(stream.received == 1 && stream.foreign == 1);
    stream.secure.state = PM_SECURE_OPEN;
    hear(&elsewhere, 12, 1, 0, 140);
    CHECK(stream.received == 2 && stream.foreign == 1);
    CHECK(pm_address_equal(&stream.latch.remote, &signalled) && !stream.latch.moved);
}

static void a_foreign_payload_type_neither_plays_nor_latches(void) {
    begin();
    hear(&elsewhere, 10, 1, 18, 100);
    hear(&elsewhere, 11, 1, 18, 120);
    CHECK(stream.invalid == 2 && stream.foreign == 0 && !stream.latch.has_candidate);
}

static void a_stray_ssrc_changes_nothing_and_a_steady_one_is_adopted(void) {
    begin();
    for (uint16_t i = 0; i < 10; i++) {
        hear(&signalled, i, 1, 0, 20 * i);
    }
    hear(&signalled, 700, 99, 0, 205);
    CHECK(stream.source.ssrc == 1 && stream.source_changes == 0);
    hear(&signalled, 800, 2, 0, 210);
    hear(&signalled, 801, 2, 0, 230);
    CHECK(stream.source.ssrc == 2 && stream.source_changes == 1 && told(PM_EVENT_SSRC_CHANGED) == 1);
    struct pm_stream_stats s;
    pm_stream_stats(&stream, &s);
    CHECK(s.packets_received == 11 && s.packets_expected == 11 && s.packets_lost == 0);
}

static void on_hold_nothing_is_heard_or_sent_and_media_time_goes_on(void) {
    struct pm_stream_config c = usual_config();
    int16_t pcm[160] = {0};
    uint8_t wire[PM_RTP_PACKET_MAX];
    struct pm_rtp_packet p;
    begin();
    c.sends = c.receives = false;
    CHECK(pm_stream_update(&stream, &c, false, 0) == PM_OK);
    hear(&signalled, 1, 1, 0, 0);
    CHECK(stream.received == 0 && stream.ignored == 1);
    CHECK(pm_stream_feed(&stream, pcm, 160) == 160 && pm_stream_packet(&stream, wire, sizeof wire, 0, &events) == 0);
    c.sends = true;
    CHECK(pm_stream_update(&stream, &c, false, 0) == PM_OK);
    CHECK(pm_stream_feed(&stream, pcm, 160) == 160);
    size_t n = pm_stream_packet(&stream, wire, sizeof wire, 0, &events);
    CHECK(n == 172 && pm_rtp_parse(wire, n, &p) == PM_OK);
    CHECK(p.marker && p.sequence == 0 && p.timestamp == 160);
}

static void an_update_moves_codec_packet_time_and_address(void) {
    struct pm_stream_config c = usual_config();
    int16_t pcm[480] = {0};
    uint8_t wire[PM_RTP_PACKET_MAX];
    struct pm_rtp_packet p;
    begin();
    CHECK(pm_stream_feed(&stream, pcm, 100) == 100);
    c.send = (struct pm_payload){8, PM_CODEC_PCMA};
    c.ptime_ms = 60;
    c.remote_rtp = elsewhere;
    CHECK(pm_stream_update(&stream, &c, false, 0) == PM_OK);
    CHECK(pm_stream_feed(&stream, pcm, 480) == 380);
    size_t n = pm_stream_packet(&stream, wire, sizeof wire, 0, &events);
    CHECK(n == 12 + 480 && pm_rtp_parse(wire, n, &p) == PM_OK && p.payload_type == 8 && p.payload[0] == 0xd5);
    CHECK(pm_address_equal(&stream.latch.remote, &elsewhere));
    c.ptime_ms = 25;
    CHECK(pm_stream_update(&stream, &c, false, 0) == PM_EARG);
}

static void reports_carry_loss_and_answer_with_a_round_trip(void) {
    struct pm_stream_config c = usual_config();
    struct pm_rtcp_compound r;
    uint8_t wire[PM_RTCP_PACKET_MAX];
    c.rtcp_fd = 0;
    c.remote_rtcp = signalled;
    c.remote_rtcp.port = 4001;
    memset(&events, 0, sizeof events);
    CHECK(pm_stream_init(&stream, &c, 0, 0, 0.5) == PM_OK);
    for (uint16_t i = 0; i < 10; i++) {
        if (i != 5) {
            hear(&signalled, i, 1, 0, 20 * i);
        }
    }
    CHECK(pm_stream_report(&stream, wire, sizeof wire, false, 100 * MS, 0, 0.5) == 0); /* not due yet */
    size_t n = pm_stream_report(&stream, wire, sizeof wire, false, 6000 * MS, 0, 0.5);
    CHECK(pm_rtcp_parse(wire, n, 1, &r) == PM_OK && !r.has_sender_info && r.block_count == 1);
    CHECK(r.blocks[0].ssrc == 1 && r.blocks[0].packets_lost == 1 && r.blocks[0].fraction_lost == 256 / 10);
    struct pm_rtcp_compound back = {.ssrc = 1, .has_sender_info = true, .ntp = 1u << 20, .block_count = 1, .bye = true};
    back.blocks[0] = (struct pm_rtcp_block){.ssrc = 7, .fraction_lost = 64, .packets_lost = 3, .jitter = 16};
    back.blocks[0].last_sr = pm_rtcp_ntp_middle(pm_rtcp_ntp(6000 * MS));
    int m = pm_rtcp_build(&back, wire, sizeof wire);
    CHECK(m > 0);
    pm_stream_rtcp(&stream, wire, (size_t)m, &c.remote_rtcp, 6050 * MS, 6050 * MS, &events);
    struct pm_stream_stats s;
    pm_stream_stats(&stream, &s);
    CHECK(s.rtt_known && s.rtt_ms > 49.9 && s.rtt_ms < 50.1);
    CHECK(s.remote_loss_fraction == 0.25 && s.remote_packets_lost == 3 && s.remote_jitter_ms == 2.0);
    CHECK(told(PM_EVENT_BYE) == 1);
    pm_stream_rtcp(&stream, wire, (size_t)m, &elsewhere, 6050 * MS, 6050 * MS, &events);
    CHECK(stream.foreign == 1 && stream.report.received == 1);
    stream.secure.state = PM_SECURE_OPEN; /* it bore the call's keys */
    pm_stream_rtcp(&stream, wire, (size_t)m, &elsewhere, 6070 * MS, 6070 * MS, &events);
    CHECK(stream.foreign == 1 && stream.report.received == 2);
}

const struct test stream_tests[] = {TEST(two_packets_in_sequence_move_the_remote_address),
                                    TEST(after_the_first_seconds_the_address_is_locked),
                                    TEST(packets_from_the_signalled_address_close_the_window),
                                    TEST(the_signalled_address_takes_a_stolen_stream_back),
                                    TEST(what_bears_the_keys_is_heard_from_wherever_it_comes),
                                    TEST(a_foreign_payload_type_neither_plays_nor_latches),
                                    TEST(a_stray_ssrc_changes_nothing_and_a_steady_one_is_adopted),
                                    TEST(on_hold_nothing_is_heard_or_sent_and_media_time_goes_on),
                                    TEST(an_update_moves_codec_packet_time_and_address),
                                    TEST(reports_carry_loss_and_answer_with_a_round_trip),
                                    {0}};

static int loopback_socket(struct pm_address *own) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && getsockname(fd, (struct sockaddr *)&a, &length) == 0);
    *own = (struct pm_address){.family = PM_FAMILY_IPV4, .port = ntohs(a.sin_port)};
    memcpy(own->ip, &a.sin_addr, 4);
    return fd;
}

static struct pm_pump near_pump, far_pump;

static void run_pumps(uint32_t rate_hz, uint32_t period_samples, struct pm_payload codec) {
    struct pm_pump_config pc = {.card_rate_hz = rate_hz, .period_samples = period_samples, .seed = 5, .tap_rate_hz = 8000};
    struct pm_stream_config near_config = usual_config(), far_config = usual_config();
    int16_t microphone[PM_CARD_PERIOD_MAX], speaker[PM_CARD_PERIOD_MAX];
    int16_t heard[PM_RENDER_MAX], said[PM_RENDER_MAX];
    struct pm_period_result result;
    struct pm_stream_stats stats;
    near_config.send = far_config.send = codec;
    near_config.receive[2] = far_config.receive[2] = codec;
    near_config.receive_count = far_config.receive_count = 3;
    near_config.rtp_fd = loopback_socket(&far_config.remote_rtp);
    far_config.rtp_fd = loopback_socket(&near_config.remote_rtp);
    CHECK(pm_pump_init(&near_pump, &pc) == PM_OK && pm_pump_init(&far_pump, &pc) == PM_OK);
    int slot = pm_pump_stream_start(&near_pump, &near_config, 0);
    CHECK(slot == 0 && pm_pump_stream_start(&far_pump, &far_config, 0) == 0);
    for (unsigned i = 0; i < period_samples; i++) {
        microphone[i] = (int16_t)(i % 16 < 8 ? 4000 : -4000);
    }
    int peak = 0;
    uint64_t tap_samples = 0;
    uint32_t mix_hz = pm_codec_find(codec.codec)->rate_hz;
    for (int64_t k = 1; k <= 100; k++) {
        int64_t now_ns = k * 1000000000 * (int64_t)period_samples / rate_hz;
        CHECK(pm_pump_period(&near_pump, now_ns, now_ns, microphone, speaker, heard, said, PM_RENDER_MAX, &result) >= 0);
        tap_samples += result.tap_samples;
        CHECK(result.mix_rate_hz == mix_hz);
        CHECK(pm_pump_period(&far_pump, now_ns, now_ns, microphone, speaker, NULL, NULL, 0, &result) >= 0);
        for (unsigned i = 0; i < period_samples; i++) {
            peak = abs(speaker[i]) > peak ? abs(speaker[i]) : peak;
        }
    }
    CHECK(tap_samples == 100u * period_samples * 8000u / rate_hz);
    CHECK(peak > 1000);
    CHECK(pm_pump_stream_stats(&far_pump, 0, &stats) == PM_OK && stats.packets_received >= tap_samples / 160 - 2);
    CHECK(stats.packets_lost == 0 && stats.packets_invalid == 0 && stats.packets_foreign == 0);
    CHECK(stats.rate_hz == mix_hz);
    CHECK(pm_pump_stream_stop(&near_pump, 0, 0, 0) == PM_OK && pm_pump_stream_stop(&near_pump, 0, 0, 0) == PM_ESTATE);
    pm_pump_close(&near_pump);
    pm_pump_close(&far_pump);
    pm_pump_close(&far_pump);
    close(near_config.rtp_fd);
    close(far_config.rtp_fd);
}

static void two_pumps_talk_at_every_card_rate(void) {
    const uint32_t rates[] = {8000, 16000, 32000, 44100, 48000};
    for (unsigned i = 0; i < 5; i++) {
        run_pumps(rates[i], rates[i] / 100, (struct pm_payload){0, PM_CODEC_PCMU});
        run_pumps(rates[i], rates[i] / 50, (struct pm_payload){0, PM_CODEC_PCMU});
        run_pumps(rates[i], rates[i] / 50, (struct pm_payload){97, PM_CODEC_L16_NARROW});
        run_pumps(rates[i], rates[i] / 50, (struct pm_payload){96, PM_CODEC_L16});
    }
    run_pumps(44100, 1024, (struct pm_payload){8, PM_CODEC_PCMA});
    run_pumps(48000, 256, (struct pm_payload){8, PM_CODEC_PCMA});
    run_pumps(44100, 1024, (struct pm_payload){96, PM_CODEC_L16});
    run_pumps(16000, 255, (struct pm_payload){96, PM_CODEC_L16});
}

static void a_pump_refuses_what_it_cannot_do(void) {
    struct pm_pump_config c = {.card_rate_hz = 11025, .period_samples = 100, .tap_rate_hz = 8000};
    struct pm_stream_config s = usual_config();
    CHECK(pm_pump_init(&near_pump, &c) == PM_EARG);
    CHECK(pm_pump_stream_start(&near_pump, &s, 0) == PM_ESTATE);
    c.card_rate_hz = 8000;
    c.period_samples = 481;
    CHECK(pm_pump_init(&near_pump, &c) == PM_EARG);
    c.period_samples = 160;
    CHECK(pm_pump_init(&near_pump, &c) == PM_OK);
    CHECK(pm_pump_stream_start(&near_pump, &s, 0) == PM_ESYSTEM); /* -1 is no socket */
    CHECK(pm_pump_stream_mute(&near_pump, 4, true) == PM_ESTATE);
    CHECK(pm_pump_send_digits(&near_pump, 0, "1", 1, 100, 50) == PM_ESTATE);
    pm_pump_close(&near_pump);
}

static void sounds_play_once_and_say_that_they_are_done(void) {
    struct pm_pump_config c = {.card_rate_hz = 8000, .period_samples = 160, .tap_rate_hz = 8000};
    const struct pm_tone_step beep = {1000, 0, 30, 12};
    int16_t prompt[200], microphone[160] = {0}, speaker[160];
    struct pm_period_result result;
    struct pm_event e[4];
    for (unsigned i = 0; i < 200; i++) {
        prompt[i] = 100;
    }
    CHECK(pm_pump_init(&near_pump, &c) == PM_OK);
    CHECK(pm_pump_play_prompt(&near_pump, prompt, 200, 8000, 1, true, 0) == PM_OK);
    CHECK(pm_pump_period(&near_pump, 1, 1, microphone, speaker, NULL, NULL, 0, &result) == 0);
    CHECK(speaker[0] == 100 && speaker[159] == 100);
    CHECK(pm_pump_play_tone(&near_pump, &beep, 1, 1, false, 1) == PM_OK);
    CHECK(pm_pump_period(&near_pump, 2, 2, microphone, speaker, NULL, NULL, 0, &result) == 1);
    CHECK(speaker[39] == 100 && speaker[40] == 0); /* the tone goes to a stream only */
    CHECK(pm_pump_events(&near_pump, e, 4) == 1 && e[0].kind == PM_EVENT_SOUND_DONE && e[0].value == PM_SOUND_PROMPT);
    CHECK(pm_pump_period(&near_pump, 3, 3, microphone, speaker, NULL, NULL, 0, &result) == 1);
    CHECK(pm_pump_events(&near_pump, e, 4) == 1 && e[0].value == PM_SOUND_TONE);
    pm_pump_close(&near_pump);
}

const struct test pump_tests[] = {TEST(two_pumps_talk_at_every_card_rate),
                                  TEST(a_pump_refuses_what_it_cannot_do),
                                  TEST(sounds_play_once_and_say_that_they_are_done),
                                  {0}};
