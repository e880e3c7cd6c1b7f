/* RFC 4733 out and in, and tones. */
#include "check.h"
#include "pm_bytes.h"
#include "pm_digit_in.h"
#include "pm_digit_out.h"
#include "pm_stream.h"
#include "pm_tone.h"
#include <string.h>

#define MS INT64_C(1000000)

/* One packet on its way from the sender under test to the receiver under test. */
struct wire {
    struct pm_digit_step step;
    uint16_t sequence;
};

static struct pm_digit_out out;
static struct pm_digit_in in;
static struct wire wires[1000];
static unsigned wire_count;
static unsigned begins, ends;
static char heard[64];
static uint32_t last_length_ms;

/* Sends the digits; every step of 20 ms is one packet, digits or not. */
static void send(const char *digits, unsigned duration_ms, uint32_t first_timestamp, uint16_t first_sequence) {
    memset(&out, 0, sizeof out);
    wire_count = 0;
    CHECK(pm_digit_out_queue(&out, digits, strlen(digits), 8000, duration_ms, 60) == PM_OK);
    for (unsigned i = 0; i < 1000; i++) {
        struct wire w = {.sequence = (uint16_t)(first_sequence + i)};
        pm_digit_out_step(&out, first_timestamp + i * 160, 160, &w.step);
        if (w.step.active) {
            wires[wire_count++] = w;
        }
    }
    CHECK(out.count == 0);
}

static void note(const struct pm_event *events, int count) {
    for (int i = 0; i < count; i++) {
        if (events[i].kind == PM_EVENT_DIGIT_BEGIN) {
            heard[begins++] = events[i].digit;
        } else {
            ends++;
            last_length_ms = events[i].value;
        }
    }
}

static void hear_again(unsigned i, bool marker) {
    struct pm_event events[PM_DIGIT_IN_EVENTS];
    struct pm_digit_packet p = {.clock_rate_hz = 8000,
                                .payload = wires[i].step.payload,
                                .payload_octets = 4,
                                .timestamp = wires[i].step.timestamp,
                                .sequence = wires[i].sequence,
                                .marker = marker && wires[i].step.marker,
                                .arrival_ns = i * 20 * MS};
    note(events, pm_digit_in_packet(&in, &p, events));
}

static void listen_from(unsigned first, unsigned last, bool marker) {
    for (unsigned i = first; i < last; i++) {
        hear_again(i, marker);
    }
}

static void reset(void) {
    pm_digit_in_init(&in);
    begins = ends = 0;
    memset(heard, 0, sizeof heard);
}

static void a_digit_is_sent_with_marker_and_three_ends(void) {
    send("5", 100, 1000, 1);
    CHECK(wire_count == 5 + 2); /* 100 ms in steps of 20, the last one thrice */
    for (unsigned i = 0; i < wire_count; i++) {
        const struct pm_digit_step *s = &wires[i].step;
        CHECK(s->timestamp == 1000 && s->payload[0] == 5 && s->marker == (i == 0));
        CHECK((s->payload[1] & 0x80) == (i >= 4 ? 0x80 : 0));
        CHECK(pm_load16(s->payload + 2) == (i < 5 ? (i + 1) * 160 : 800));
    }
}

static void digits_arrive_once_each_across_the_timestamp_wrap(void) {
    send("12#*0D11", 100, UINT32_MAX - 2000, 65500);
    reset();
    listen_from(0, wire_count, true);
    CHECK(strcmp(heard, "12#*0D11") == 0 && ends == 8 && last_length_ms == 100);
}

static void a_lost_start_and_a_missing_marker_do_not_matter(void) {
    send("7", 100, 0, 0);
    reset();
    listen_from(2, wire_count, false);
    CHECK(begins == 1 && ends == 1 && heard[0] == '7');
}

static void only_the_last_end_packet_is_enough(void) {
    send("7", 100, 0, 0);
    reset();
    listen_from(wire_count - 1, wire_count, false);
    CHECK(begins == 1 && ends == 1 && last_length_ms == 100);
}

static void lost_ends_are_made_up_by_the_next_digit_or_by_time(void) {
    send("78", 100, 0, 0);
    reset();
    listen_from(0, 4, true);
    listen_from(7, 11, true);
    CHECK(begins == 2 && ends == 1);
    struct pm_event event;
    CHECK(pm_digit_in_idle(&in, in.last_ns + 299 * MS, &event) == 0);
    CHECK(pm_digit_in_idle(&in, in.last_ns + 300 * MS, &event) == 1);
    CHECK(event.kind == PM_EVENT_DIGIT_END && event.digit == '8');
    CHECK(pm_digit_in_idle(&in, in.last_ns + 900 * MS, &event) == 0);
}

static void repeated_and_reordered_packets_count_once(void) {
    send("33", 100, 0, 0);
    reset();
    listen_from(0, 7, true);
    listen_from(0, 7, true);
    listen_from(7, 14, true);
    hear_again(3, true);
    hear_again(13, true);
    CHECK(begins == 2 && ends == 2);
}

static void a_long_digit_is_one_press(void) {
    send("9", 10000, 0xffff0000u, 0); /* 80000 units: two segments */
    CHECK(wires[0].step.timestamp != wires[wire_count - 1].step.timestamp);
    reset();
    listen_from(0, wire_count, true);
    CHECK(begins == 1 && ends == 1 && last_length_ms == 10000);
}

static void a_long_digit_is_one_press_when_packets_around_its_segments_are_lost(void) {
    send("9", 10000, 77, 0);
    unsigned second = 0;
    while (wires[second].step.timestamp == wires[0].step.timestamp) {
        second++;
    }
    reset();
    listen_from(0, second - 8, true);
    listen_from(second + 3, wire_count, true);
    CHECK(begins == 1 && ends == 1 && last_length_ms == 10000);
}

static void every_clock_rate_measures_in_its_own_units(void) {
    const uint32_t clocks[] = {8000, 16000, 48000};
    for (unsigned k = 0; k < 3; k++) {
        const uint8_t payload[] = {3, 0x8a, (uint8_t)(clocks[k] / 10 >> 8), (uint8_t)(clocks[k] / 10)};
        struct pm_event events[PM_DIGIT_IN_EVENTS];
        struct pm_digit_packet p = {.payload = payload, .payload_octets = 4, .timestamp = 5, .clock_rate_hz = clocks[k]};
        reset();
        note(events, pm_digit_in_packet(&in, &p, events));
        CHECK(begins == 1 && ends == 1 && last_length_ms == 100);
    }
}

static void overlapping_presses_count_once_each(void) {
    /* The first key is still reported while the second is down, and its end comes last. */
    struct pm_event events[PM_DIGIT_IN_EVENTS];
    reset();
    for (unsigned i = 0; i < 12; i++) {
        bool first = i % 2 == 0;
        uint8_t payload[] = {first ? 1 : 2, i >= 10 ? 0x8a : 0x0a, 0, (uint8_t)(20 * (i + 1))};
        struct pm_digit_packet p = {.payload = payload,
                                    .payload_octets = 4,
                                    .timestamp = first ? 1000 : 1100,
                                    .clock_rate_hz = 8000,
                                    .sequence = (uint16_t)i,
                                    .marker = i < 2,
                                    .arrival_ns = i * 20 * MS};
        note(events, pm_digit_in_packet(&in, &p, events));
    }
    CHECK(strcmp(heard, "12") == 0 && ends == 2);
}

static void two_presses_under_one_timestamp_are_two(void) {
    struct pm_event events[PM_DIGIT_IN_EVENTS];
    reset();
    for (unsigned i = 0; i < 6; i++) {
        uint8_t payload[] = {(uint8_t)(i / 3), i % 3 == 2 ? 0x8a : 0x0a, 0, (uint8_t)(80 * (i % 3 + 1))};
        struct pm_digit_packet p = {.payload = payload,
                                    .payload_octets = 4,
                                    .timestamp = 1000,
                                    .clock_rate_hz = 8000,
                                    .sequence = (uint16_t)i,
                                    .marker = i % 3 == 0,
                                    .arrival_ns = i * 20 * MS};
        note(events, pm_digit_in_packet(&in, &p, events));
    }
    CHECK(strcmp(heard, "01") == 0 && ends == 2);
}

static void a_sender_that_moves_the_timestamp_counts_once_under_loss(void) {
    struct pm_event events[PM_DIGIT_IN_EVENTS];
    reset();
    for (unsigned i = 0; i < 20; i++) {
        uint8_t payload[] = {6, i == 19 ? 0x8a : 0x0a, (uint8_t)(160 * (i + 1) >> 8), (uint8_t)(160 * (i + 1))};
        struct pm_digit_packet p = {.payload = payload,
                                    .payload_octets = 4,
                                    .timestamp = 1000 + 160 * i,
                                    .clock_rate_hz = 8000,
                                    .sequence = (uint16_t)i,
                                    .marker = i == 0,
                                    .arrival_ns = i * 20 * MS};
        if (i % 5 != 2 && i % 5 != 3) {
            note(events, pm_digit_in_packet(&in, &p, events));
        }
    }
    CHECK(begins == 1 && ends == 1);
}

static void a_sender_that_moves_the_timestamp_counts_once(void) {
    reset();
    for (uint16_t i = 0; i < 6; i++) {
        uint8_t payload[4] = {4, i == 5 ? 0x80 : 0, 0, 0};
        pm_store16(payload + 2, (uint16_t)(160 * (i + 1)));
        struct pm_event events[PM_DIGIT_IN_EVENTS];
        struct pm_digit_packet p = {.clock_rate_hz = 8000,
                                    .payload = payload,
                                    .payload_octets = 4,
                                    .timestamp = 1000u + 160u * i,
                                    .sequence = i,
                                    .marker = i == 0};
        note(events, pm_digit_in_packet(&in, &p, events));
    }
    CHECK(begins == 1 && ends == 1);
}

static void other_events_and_short_payloads_are_no_digits(void) {
    const uint8_t fax[4] = {36, 0x80, 0, 100};
    struct pm_event events[PM_DIGIT_IN_EVENTS];
    struct pm_digit_packet p = {.payload = fax, .payload_octets = 4, .clock_rate_hz = 8000};
    reset();
    CHECK(pm_digit_in_packet(&in, &p, events) == 0);
    p.payload_octets = 3;
    CHECK(pm_digit_in_packet(&in, &p, events) == PM_EMALFORMED);
}

static void the_queue_is_bounded_and_all_or_nothing(void) {
    char many[PM_DIGITS_MAX + 1];
    memset(many, '1', sizeof many);
    memset(&out, 0, sizeof out);
    CHECK(pm_digit_out_queue(&out, many, PM_DIGITS_MAX + 1, 8000, 100, 60) == PM_EFULL && out.count == 0);
    CHECK(pm_digit_out_queue(&out, "12x", 3, 8000, 100, 60) == PM_EARG && out.count == 0);
    CHECK(pm_digit_out_queue(&out, "1", 1, 8000, 39, 60) == PM_EARG);
    CHECK(pm_digit_out_queue(&out, many, PM_DIGITS_MAX, 8000, 100, 60) == PM_OK);
    CHECK(pm_digit_out_queue(&out, "1", 1, 8000, 100, 60) == PM_EFULL);
}

/* Tones of a keypad through a whole stream, at both rates: heard as presses, and silent pauses between them. */
static void tones_in_the_sound_are_presses_when_nothing_better_is_agreed(void) {
    static const uint16_t low[] = {697, 770, 852, 941}, high[] = {1209, 1336, 1477, 1633};
    static const char keys[] = "123A456B789C*0#D";
    static _Alignas(PM_CODEC_ALIGN) uint8_t memory[4096];
    static struct pm_stream s;
    static struct pm_events queue;
    static struct pm_tone tone;
    for (unsigned wide = 0; wide < 2; wide++) {
        struct pm_stream_config c = {.rtp_fd = -1,
                                     .rtcp_fd = -1,
                                     .relay_fd = -1,
                                     .remote_rtp = {.family = PM_FAMILY_IPV4, .ip = {10, 0, 0, 1}, .port = 4000},
                                     .receive = {{96, PM_CODEC_L16}, {97, PM_CODEC_L16_NARROW}},
                                     .receive_count = 2,
                                     .send = {wide ? 96 : 97, wide ? PM_CODEC_L16 : PM_CODEC_L16_NARROW},
                                     .hears_tones = true,
                                     .sends = true,
                                     .receives = true,
                                     .ptime_ms = 20,
                                     .ssrc = 7,
                                     .delay_max_ms = 400,
                                     .cname = "panel",
                                     .codec_memory = memory + 3};
        struct pm_tone_step steps[32];
        c.codec_octets = pm_stream_memory(&c);
        CHECK(c.codec_octets > 0 && c.codec_octets <= sizeof memory - 3 && pm_stream_init(&s, &c, 0, 0, 0.5) == PM_OK);
        for (unsigned i = 0; i < 16; i++) {
            steps[2 * i] = (struct pm_tone_step){low[i / 4], high[i % 4], 80, 20};
            steps[2 * i + 1] = (struct pm_tone_step){0, 0, 70, 0};
        }
        CHECK(pm_tone_start(&tone, steps, 32, 1) == PM_OK);
        reset();
        for (uint16_t k = 0; k < 140; k++) {
            int16_t pcm[320];
            uint8_t payload[640], wire[PM_RTP_PACKET_MAX];
            size_t n = s.rate_hz / 50;
            struct pm_event event;
            (void)pm_tone_render(&tone, pcm, n, s.rate_hz);
            CHECK(pm_l16_driver.encode(NULL, pcm, n, payload, sizeof payload) == (int)(2 * n));
            struct pm_rtp_packet p = {.payload_type = c.send.payload_type,
                                      .sequence = k,
                                      .timestamp = (uint32_t)(k * n),
                                      .ssrc = 1,
                                      .payload = payload,
                                      .payload_octets = 2 * n};
            int length = pm_rtp_build(&p, wire, sizeof wire);
            pm_stream_rtp(&s, wire, (size_t)length, &c.remote_rtp, k * 20 * MS, k * 20 * MS, &queue);
            pm_stream_render(&s, pcm, n, k * 20 * MS, &queue);
            CHECK(k != 70 || pm_stream_update(&s, &c, false, 0) == PM_OK); /* a refresh in the middle of a press */
            while (pm_events_pop(&queue, &event)) {
                CHECK(event.in_band == (event.digit != 0));
                if (event.digit != 0) {
                    note(&event, 1);
                }
            }
        }
        CHECK(strcmp(heard, keys) == 0 && ends == 16 && last_length_ms >= 50 && last_length_ms <= 110);
        c.hears_tones = false;
        CHECK(pm_stream_update(&s, &c, false, 0) == PM_OK && !s.inband.on);
        pm_stream_close(&s);
    }
}

const struct test digit_tests[] = {TEST(tones_in_the_sound_are_presses_when_nothing_better_is_agreed),
                                   TEST(a_digit_is_sent_with_marker_and_three_ends),
                                   TEST(digits_arrive_once_each_across_the_timestamp_wrap),
                                   TEST(a_lost_start_and_a_missing_marker_do_not_matter),
                                   TEST(only_the_last_end_packet_is_enough),
                                   TEST(lost_ends_are_made_up_by_the_next_digit_or_by_time),
                                   TEST(repeated_and_reordered_packets_count_once),
                                   TEST(a_long_digit_is_one_press),
                                   TEST(a_long_digit_is_one_press_when_packets_around_its_segments_are_lost),
                                   TEST(every_clock_rate_measures_in_its_own_units),
                                   TEST(overlapping_presses_count_once_each),
                                   TEST(two_presses_under_one_timestamp_are_two),
                                   TEST(a_sender_that_moves_the_timestamp_counts_once_under_loss),
                                   TEST(a_sender_that_moves_the_timestamp_counts_once),
                                   TEST(other_events_and_short_payloads_are_no_digits),
                                   TEST(the_queue_is_bounded_and_all_or_nothing),
                                   {0}};

static void a_tone_follows_its_cadence(void) {
    static struct pm_tone tone;
    const struct pm_tone_step steps[] = {{425, 0, 20, 10}, {0, 0, 10, 0}};
    int16_t x[400];
    CHECK(pm_tone_start(&tone, steps, 2, 1) == PM_OK);
    CHECK(!pm_tone_render(&tone, x, 100, 8000));
    CHECK(pm_tone_render(&tone, x + 100, 300, 8000) && !tone.playing);
    int peak = 0;
    for (unsigned i = 0; i < 160; i++) {
        peak = abs(x[i]) > peak ? abs(x[i]) : peak;
    }
    CHECK(peak > 9800 && peak <= 10362); /* 10 dB below full scale */
    for (unsigned i = 160; i < 400; i++) {
        CHECK(x[i] == 0);
    }
}

static void a_pattern_without_duration_is_refused(void) {
    static struct pm_tone tone;
    const struct pm_tone_step none = {425, 0, 0, 10}, high = {4001, 0, 10, 10};
    CHECK(pm_tone_start(&tone, &none, 1, 1) == PM_EARG);
    CHECK(pm_tone_start(&tone, &high, 1, 1) == PM_EARG);
    CHECK(pm_tone_start(&tone, &none, 0, 1) == PM_EARG);
}

const struct test tone_tests[] = {TEST(a_tone_follows_its_cadence), TEST(a_pattern_without_duration_is_refused), {0}};
