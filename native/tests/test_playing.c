/* The jitter buffer and what stands behind it. */
#include "check.h"
#include "pm_g711.h"
#include "pm_playout.h"
#include <math.h>
#include <string.h>

#define MS INT64_C(1000000)

static struct pm_jitter jitter;
static struct pm_jitter_frame frame;

static void begin(void) {
    struct pm_jitter_config c = {.clock_rate_hz = 8000, .frame = 160, .delay_min_ms = 20, .delay_max_ms = 400};
    CHECK(pm_jitter_init(&jitter, &c) == PM_OK);
}

static int put_ssrc(unsigned i, uint32_t first_timestamp, uint16_t first_sequence, int64_t at_ms, uint32_t ssrc) {
    uint8_t payload[160];
    memset(payload, (int)(i & 0xff), sizeof payload);
    struct pm_jitter_packet p = {.payload = payload,
                                 .payload_octets = sizeof payload,
                                 .ssrc = ssrc,
                                 .timestamp = first_timestamp + i * 160,
                                 .sequence = (uint16_t)(first_sequence + i),
                                 .duration = 160,
                                 .arrival_ns = at_ms * MS,
                                 .drained_ns = at_ms * MS};
    return pm_jitter_put(&jitter, &p);
}

static int put(unsigned i, int64_t at_ms) {
    return put_ssrc(i, 0xffffff00u, 65534, at_ms, 1); /* both counters wrap within the first packets */
}

/* The packet handed out, or NONE(result). */
#define NONE(result) (-1 - (int)(result))
static int get(void) {
    int result = pm_jitter_get(&jitter, &frame);
    return result == PM_GET_FRAME ? frame.payload[0] : NONE(result);
}

/* Packets of 20 ms, each put just before a get, until the first is played; returns the index of the next packet to put. */
static unsigned play_first(void) {
    unsigned i = 0;
    do {
        CHECK(put(i, 20 * (int64_t)i) == PM_PUT_STORED);
        i++;
    } while (get() != 0);
    return i;
}

static void packets_play_in_order_across_both_wraps(void) {
    begin();
    CHECK(get() == NONE(PM_GET_EMPTY));
    unsigned next = play_first();
    for (int expected = 1; expected < 200; expected++, next++) {
        CHECK(put(next, 20 * (int64_t)next) == PM_PUT_STORED);
        CHECK(get() == expected);
    }
}

static void reordered_packets_play_in_order(void) {
    begin();
    unsigned n = play_first();
    CHECK(put(n + 1, 20 * (int64_t)n) == PM_PUT_STORED);
    CHECK(put(n, 20 * (int64_t)n) == PM_PUT_STORED);
    for (int expected = 1; expected <= (int)n + 1; expected++) {
        CHECK(get() == expected);
    }
    CHECK(jitter.reordered == 1);
}

static void a_duplicate_is_dropped_before_and_after_it_was_played(void) {
    begin();
    unsigned n = play_first();
    CHECK(put(n - 1, 20 * (int64_t)n) == PM_PUT_DUPLICATE);
    CHECK(put(0, 20 * (int64_t)n) == PM_PUT_DUPLICATE);
    CHECK(get() == 1);
}

static void a_loss_is_missing_when_later_packets_are_here(void) {
    begin();
    unsigned n = play_first();
    CHECK(put(n + 1, 20 * (int64_t)(n + 1)) == PM_PUT_STORED);
    for (int expected = 1; expected < (int)n; expected++) {
        CHECK(get() == expected);
    }
    CHECK(get() == NONE(PM_GET_MISSING));
    CHECK(get() == (int)n + 1);
    CHECK(put(n, 20 * (int64_t)(n + 3)) == PM_PUT_LATE);
}

static void an_empty_buffer_holds_and_plays_the_late_packet(void) {
    begin();
    unsigned n = play_first();
    for (int expected = 1; expected < (int)n; expected++) {
        CHECK(get() == expected);
    }
    CHECK(get() == NONE(PM_GET_HOLD));
    CHECK(get() == NONE(PM_GET_HOLD));
    CHECK(put(n, 20 * (int64_t)n + 60) == PM_PUT_STORED);
    CHECK(get() == (int)n);
}

static void time_held_covers_the_hole_behind_it(void) {
    begin();
    unsigned n = play_first();
    for (int expected = 1; expected < (int)n; expected++) {
        CHECK(get() == expected);
    }
    double delay = pm_jitter_delay_ms(&jitter);
    CHECK(get() == NONE(PM_GET_HOLD)); /* packet n is lost, but nobody knows yet */
    CHECK(put(n + 1, 20 * (int64_t)(n + 1)) == PM_PUT_STORED);
    CHECK(get() == (int)n + 1);
    CHECK(fabs(pm_jitter_delay_ms(&jitter) - delay) < 21.0);
}

static void another_ssrc_begins_a_new_timeline(void) {
    begin();
    unsigned n = play_first();
    CHECK(put_ssrc(7, 5, 40000, 20 * (int64_t)n, 2) == PM_PUT_RESTARTED);
    CHECK(get() == NONE(PM_GET_EMPTY));
    while (get() != 7) {
        CHECK(jitter.count == 1);
    }
    CHECK(jitter.restarts == 1);
}

static void a_restarted_sender_begins_a_new_timeline(void) {
    begin();
    unsigned n = play_first();
    CHECK(put_ssrc(9, 0x40000000u, 123, 20 * (int64_t)n, 1) == PM_PUT_RESTARTED);
    CHECK(jitter.count == 1);
}

static void a_full_buffer_gives_up_the_oldest(void) {
    begin();
    for (unsigned i = 0; i < PM_JITTER_SLOTS; i++) {
        CHECK(put(i, 0) == PM_PUT_STORED);
    }
    CHECK(put(PM_JITTER_SLOTS, 0) == PM_PUT_FULL);
    CHECK(jitter.count == PM_JITTER_SLOTS && jitter.discarded == 1);
}

static void the_delay_never_exceeds_its_bound(void) {
    begin();
    unsigned n = play_first();
    for (unsigned i = n; i < n + 50; i++) { /* a second of packets at once */
        (void)put(i, 20 * (int64_t)n);
    }
    (void)get();
    struct pm_jitter_stats s;
    pm_jitter_stats(&jitter, &s);
    CHECK(s.waiting <= 8 * 460 && s.discarded > 0);
}

static void packets_of_any_length_fit_the_timeline(void) {
    const uint8_t payload[480] = {0};
    const uint32_t lengths[] = {80, 160, 240, 320, 480, 80};
    uint32_t timestamp = 1000;
    begin();
    for (uint16_t i = 0; i < 6; i++) {
        struct pm_jitter_packet p = {.payload = payload,
                                     .payload_octets = lengths[i],
                                     .ssrc = 1,
                                     .timestamp = timestamp,
                                     .sequence = i,
                                     .duration = lengths[i]};
        CHECK(pm_jitter_put(&jitter, &p) == PM_PUT_STORED);
        timestamp += lengths[i];
    }
    while (pm_jitter_get(&jitter, &frame) == PM_GET_EMPTY) {
        CHECK(jitter.state == PM_JITTER_PRIMING);
    }
    CHECK(frame.duration == 80);
    for (unsigned i = 1; i < 6; i++) {
        CHECK(pm_jitter_get(&jitter, &frame) == PM_GET_FRAME && frame.duration == lengths[i] && frame.skip == 0);
    }
}

static void late_packets_raise_the_target(void) {
    begin();
    CHECK(pm_jitter_target_ms(&jitter) == 20.0);
    for (unsigned i = 0; i < 100; i++) {
        (void)put(i, 20 * (int64_t)i + (i % 3 == 0 ? 80 : 0));
        (void)get();
    }
    CHECK(pm_jitter_target_ms(&jitter) >= 80.0 && pm_jitter_target_ms(&jitter) <= 100.0);
}

static void a_packet_out_of_range_is_the_callers_error(void) {
    const uint8_t payload[1] = {0};
    begin();
    struct pm_jitter_packet p = {.payload = payload, .payload_octets = 1, .duration = 0};
    CHECK(pm_jitter_put(&jitter, &p) == PM_EARG);
    p.duration = 1601;
    CHECK(pm_jitter_put(&jitter, &p) == PM_EARG);
    p.duration = 1;
    p.arrival_ns = 1;
    CHECK(pm_jitter_put(&jitter, &p) == PM_EARG);
    p.arrival_ns = -1;
    CHECK(pm_jitter_put(&jitter, &p) == PM_EARG);
}

const struct test jitter_tests[] = {TEST(packets_play_in_order_across_both_wraps),
                                    TEST(reordered_packets_play_in_order),
                                    TEST(a_duplicate_is_dropped_before_and_after_it_was_played),
                                    TEST(a_loss_is_missing_when_later_packets_are_here),
                                    TEST(an_empty_buffer_holds_and_plays_the_late_packet),
                                    TEST(time_held_covers_the_hole_behind_it),
                                    TEST(another_ssrc_begins_a_new_timeline),
                                    TEST(a_restarted_sender_begins_a_new_timeline),
                                    TEST(a_full_buffer_gives_up_the_oldest),
                                    TEST(the_delay_never_exceeds_its_bound),
                                    TEST(packets_of_any_length_fit_the_timeline),
                                    TEST(late_packets_raise_the_target),
                                    TEST(a_packet_out_of_range_is_the_callers_error),
                                    {0}};

static void sine(int16_t *out, size_t n, double hz) {
    for (size_t i = 0; i < n; i++) {
        out[i] = (int16_t)(8000.0 * sin(2.0 * 3.14159265358979 * hz * (double)i / 8000.0));
    }
}

static int largest_step(const int16_t *x, size_t n) {
    int largest = 0;
    for (size_t i = 1; i < n; i++) {
        int step = abs(x[i] - x[i - 1]);
        largest = step > largest ? step : largest;
    }
    return largest;
}

static void concealment_continues_a_tone_and_fades(void) {
    static int16_t x[PM_CONCEAL_HISTORY + 640];
    static struct pm_conceal c;
    sine(x, PM_CONCEAL_HISTORY, 150.0);
    int own = largest_step(x, PM_CONCEAL_HISTORY);
    pm_conceal_init(&c);
    pm_conceal_extend(&c, x + PM_CONCEAL_HISTORY, x + PM_CONCEAL_HISTORY, 640);
    CHECK(largest_step(x, PM_CONCEAL_HISTORY + 640) < own * 3 / 2);
    CHECK(largest_step(x + PM_CONCEAL_HISTORY, 80) > own / 2); /* it sounds for 10 ms at full strength */
    for (unsigned i = 480; i < 640; i++) {
        CHECK(x[PM_CONCEAL_HISTORY + i] == 0); /* and is silent from 60 ms on */
    }
}

static void concealment_merges_without_a_click(void) {
    static int16_t x[PM_CONCEAL_HISTORY + 320];
    static struct pm_conceal c;
    sine(x, PM_CONCEAL_HISTORY + 320, 150.0);
    int own = largest_step(x, PM_CONCEAL_HISTORY);
    pm_conceal_init(&c);
    pm_conceal_extend(&c, x + PM_CONCEAL_HISTORY, x + PM_CONCEAL_HISTORY, 160);
    pm_conceal_merge(&c, x + PM_CONCEAL_HISTORY + 160, 160);
    CHECK(!c.active && largest_step(x, PM_CONCEAL_HISTORY + 320) < own * 3 / 2);
}

static void stretching_changes_whole_periods_without_a_click(void) {
    static int16_t x[1000];
    sine(x, 800, 200.0); /* a period is 40 samples */
    int own = largest_step(x, 800);
    unsigned removed = pm_stretch_shorten(x + 120, 480, 0.85F);
    CHECK(removed > 0 && removed % 40 == 0);
    CHECK(largest_step(x, 600 - removed) <= own + own / 8);
    sine(x, 800, 200.0);
    unsigned inserted = pm_stretch_lengthen(x + 120, 480, 0.85F);
    CHECK(inserted > 0 && inserted % 40 == 0);
    CHECK(largest_step(x, 600 + inserted) <= own + own / 8);
    CHECK(pm_stretch_shorten(x, PM_STRETCH_NEEDS - 1, 0.85F) == 0);
}

static void noise_is_not_stretched_unless_it_must_be(void) {
    static int16_t x[600];
    uint32_t seed = 1;
    for (unsigned i = 0; i < 600; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (int16_t)((seed >> 16 & 0x3fff) - 0x2000);
    }
    CHECK(pm_stretch_shorten(x, 600, 0.85F) == 0);
    CHECK(pm_stretch_shorten(x, 600, 0.0F) > 0);
}

static void playout_renders_exactly_what_is_asked_for(void) {
    static struct pm_playout p;
    const struct pm_payload payload = {.payload_type = 0, .codec = PM_CODEC_PCMU};
    struct pm_jitter_config c = {.clock_rate_hz = 8000, .frame = 80, .delay_min_ms = 20, .delay_max_ms = 400};
    int16_t out[PM_RENDER_MAX], tone[160];
    uint8_t octets[160];
    sine(tone, 160, 100.0);
    CHECK(pm_g711_encode(PM_CODEC_PCMU, tone, 160, octets, 160) == 160);
    CHECK(pm_playout_init(&p, &c, &payload, 1) == PM_OK);
    for (uint16_t i = 0; i < 100; i++) {
        struct pm_jitter_packet packet = {.payload = octets,
                                          .payload_octets = 160,
                                          .ssrc = 1,
                                          .timestamp = (uint32_t)i * 160,
                                          .sequence = i,
                                          .arrival_ns = i * 20 * MS,
                                          .drained_ns = i * 20 * MS};
        if (i % 10 != 7) {
            CHECK(pm_playout_put(&p, &packet) == PM_PUT_STORED);
        }
        CHECK(pm_playout_render(&p, out, 160) == PM_OK);
    }
    CHECK(p.concealed >= 9 * 160 && p.concealed <= 12 * 160);
    CHECK(largest_step(out, 160) > 0);
    CHECK(pm_playout_render(&p, out, PM_RENDER_MAX + 1) == PM_EARG);
}

const struct test playout_tests[] = {
    TEST(concealment_continues_a_tone_and_fades),           TEST(concealment_merges_without_a_click),
    TEST(stretching_changes_whole_periods_without_a_click), TEST(noise_is_not_stretched_unless_it_must_be),
    TEST(playout_renders_exactly_what_is_asked_for),        {0}};

static void every_code_survives_decoding_and_encoding(void) {
    for (unsigned codec = 0; codec <= PM_CODEC_PCMA; codec++) {
        for (unsigned code = 0; code < 256; code++) {
            uint8_t octet = (uint8_t)code, again;
            int16_t sample;
            CHECK(pm_g711_decode((uint8_t)codec, &octet, 1, &sample, 1) == 1);
            CHECK(pm_g711_encode((uint8_t)codec, &sample, 1, &again, 1) == 1);
            /* mu-law has two zeros; positive zero is the one that is written */
            CHECK(again == octet || (codec == PM_CODEC_PCMU && octet == 0x7f && again == 0xff));
        }
    }
}

static void known_values_of_both_laws(void) {
    const int16_t samples[] = {0, 32767, -32768, 8};
    uint8_t mu[4], a[4];
    CHECK(pm_g711_encode(PM_CODEC_PCMU, samples, 4, mu, 4) == 4);
    CHECK(mu[0] == 0xff && mu[1] == 0x80 && mu[2] == 0x00);
    CHECK(pm_g711_encode(PM_CODEC_PCMA, samples, 4, a, 4) == 4);
    CHECK(a[0] == 0xd5 && a[1] == 0xaa && a[2] == 0x2a);
    CHECK(pm_g711_encode(PM_CODEC_PCMA, samples, 4, a, 3) == PM_EARG);
    CHECK(pm_g711_encode(2, samples, 4, a, 4) == PM_EARG);
}

const struct test g711_tests[] = {TEST(every_code_survives_decoding_and_encoding), TEST(known_values_of_both_laws), {0}};
