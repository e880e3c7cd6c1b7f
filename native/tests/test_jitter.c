/* The jitter buffer, and the delay that it chooses. */
#include "check.h"
#include "pm_jitter.h"
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

/* Packets `from` to `to`, one each 20 ms; those that would come during `stall_ms` before packet `to` come with it. */
static void stall(struct pm_delay *d, unsigned from, unsigned to, unsigned stall_ms) {
    int64_t end_ns = 20 * MS * to;
    for (unsigned i = from; i < to; i++) {
        int64_t at_ns = 20 * MS * i;
        at_ns = at_ns < end_ns - stall_ms * MS ? at_ns : end_ns;
        (void)pm_delay_arrival(d, i * 160, at_ns, at_ns);
    }
}

static void one_stall_is_forgotten_soon_and_repeated_ones_late(void) {
    static struct pm_delay d;
    pm_delay_init(&d, 8000);
    stall(&d, 0, 100, 0);
    CHECK(pm_delay_target_ms(&d) == 4.0);
    stall(&d, 100, 200, 150);
    CHECK(pm_delay_target_ms(&d) >= 130.0 && pm_delay_target_ms(&d) <= 150.0);
    stall(&d, 200, 430, 0); /* 4.6 s */
    CHECK(pm_delay_target_ms(&d) == 4.0);
    stall(&d, 430, 500, 150);
    stall(&d, 500, 650, 120);
    stall(&d, 650, 1400, 0); /* 15 s */
    CHECK(pm_delay_target_ms(&d) >= 130.0);
    stall(&d, 1400, 1700, 0);
    CHECK(pm_delay_target_ms(&d) == 4.0);
}

/* Each is forgotten when the next one comes, and the two together are not. */
static void long_stalls_that_come_again_are_remembered_from_one_to_the_next(void) {
    static struct pm_delay d;
    pm_delay_init(&d, 8000);
    stall(&d, 0, 100, 0);
    stall(&d, 100, 350, 300);
    CHECK(pm_delay_target_ms(&d) >= 280.0);
    stall(&d, 350, 500, 0); /* 3 s */
    CHECK(pm_delay_target_ms(&d) == 4.0);
    stall(&d, 500, 600, 300);
    stall(&d, 600, 1500, 0); /* 18 s */
    CHECK(pm_delay_target_ms(&d) >= 280.0);
    stall(&d, 1500, 1800, 0);
    CHECK(pm_delay_target_ms(&d) == 4.0);
}

static void arrive(struct pm_delay *d, unsigned from, unsigned to, unsigned even_ms, unsigned odd_ms) {
    for (unsigned i = from; i < to; i++) {
        int64_t at_ns = MS * (20 * (int64_t)i + (i % 2 == 0 ? even_ms : odd_ms));
        (void)pm_delay_arrival(d, i * 160, at_ns, at_ns);
    }
}

static void jitter_that_is_over_is_forgotten_within_seconds(void) {
    static struct pm_delay d;
    pm_delay_init(&d, 8000);
    arrive(&d, 0, 1500, 0, 50);
    CHECK(pm_delay_target_ms(&d) == 52.0);
    arrive(&d, 1500, 2600, 0, 0); /* 22 s */
    CHECK(pm_delay_target_ms(&d) == 8.0);
}

static void another_route_is_no_jitter(void) {
    static struct pm_delay d;
    pm_delay_init(&d, 8000);
    arrive(&d, 0, 500, 0, 7);
    CHECK(pm_delay_target_ms(&d) == 8.0);
    arrive(&d, 500, 1000, 80, 87);
    CHECK(pm_delay_target_ms(&d) == 8.0);
    arrive(&d, 1000, 1500, 0, 7);
    CHECK(pm_delay_target_ms(&d) == 8.0);
}

/* In 20 s of packets in time one comes 35 ms late. */
static void one_late_packet_is_remembered_for_seconds_and_not_for_minutes(void) {
    static struct pm_delay d;
    const unsigned last = 999;
    pm_delay_init(&d, 8000);
    for (unsigned i = 0; i < last; i++) {
        (void)pm_delay_arrival(&d, i * 160, 20 * MS * i, 20 * MS * i);
    }
    CHECK(pm_delay_target_ms(&d) == 4.0);
    for (unsigned i = last; i < last + 1500; i++) {
        int64_t at_ns = 20 * MS * i + (i == last ? 35 * MS : 0);
        (void)pm_delay_arrival(&d, i * 160, at_ns, at_ns);
        CHECK(pm_delay_target_ms(&d) == 36.0 || i > last + 200);
    }
    CHECK(pm_delay_target_ms(&d) == 4.0);
}

static void time_in_the_socket_counts_as_delay(void) {
    static struct pm_delay d;
    pm_delay_init(&d, 8000);
    for (unsigned i = 0; i < 100; i++) {
        (void)pm_delay_arrival(&d, i * 160, 20 * MS * i, 20 * MS * i + 17 * MS);
    }
    CHECK(pm_delay_target_ms(&d) == 20.0 && pm_delay_wait_ms(&d) == 17.0);
}

/* The audio thread was held up for 80 ms once: what came meanwhile is fetched at one instant. */
static void packets_that_nobody_fetched_are_one_event_that_is_soon_forgotten(void) {
    static struct pm_delay d;
    const unsigned held_up = 500;
    pm_delay_init(&d, 8000);
    for (unsigned i = 0; i < held_up + 250; i++) {
        bool waits = i >= held_up && i < held_up + 4;
        int64_t at_ns = 20 * MS * i;
        (void)pm_delay_arrival(&d, i * 160, at_ns, waits ? 20 * MS * (held_up + 4) : at_ns);
        CHECK(!waits || pm_delay_target_ms(&d) >= 80.0);
    }
    CHECK(pm_delay_target_ms(&d) == 4.0);
}

static void a_loss_asks_for_one_packet_of_look_ahead(void) {
    begin();
    unsigned n = play_first();
    CHECK(pm_jitter_target_ms(&jitter) == 20.0);
    for (unsigned i = n; i < n + 20; i++) {
        if (i != n + 5) {
            (void)put(i, 20 * (int64_t)i);
        }
        (void)get();
    }
    CHECK(pm_jitter_target_ms(&jitter) == 24.0);
    for (unsigned i = n + 20; i < n + 20 + 1500; i++) { /* 30 s without another */
        (void)put(i, 20 * (int64_t)i);
        (void)get();
    }
    CHECK(pm_jitter_target_ms(&jitter) == 20.0);
}

static void a_hole_is_as_long_as_it_is(void) {
    begin();
    unsigned n = play_first();
    CHECK(pm_jitter_hole(&jitter) == 0);
    CHECK(put(n + 2, 20 * (int64_t)n) == PM_PUT_STORED);
    while (pm_jitter_ready(&jitter)) {
        (void)get();
    }
    CHECK(pm_jitter_hole(&jitter) == 320);
    CHECK(get() == NONE(PM_GET_MISSING));
    CHECK(pm_jitter_hole(&jitter) == 160);
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
                                    TEST(one_stall_is_forgotten_soon_and_repeated_ones_late),
                                    TEST(long_stalls_that_come_again_are_remembered_from_one_to_the_next),
                                    TEST(jitter_that_is_over_is_forgotten_within_seconds),
                                    TEST(another_route_is_no_jitter),
                                    TEST(one_late_packet_is_remembered_for_seconds_and_not_for_minutes),
                                    TEST(time_in_the_socket_counts_as_delay),
                                    TEST(packets_that_nobody_fetched_are_one_event_that_is_soon_forgotten),
                                    TEST(a_loss_asks_for_one_packet_of_look_ahead),
                                    TEST(a_hole_is_as_long_as_it_is),
                                    TEST(a_packet_out_of_range_is_the_callers_error),
                                    {0}};
