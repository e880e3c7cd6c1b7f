/* Pauses that a sender announces or does not, and clocks that stand still or jump. */
#include "check.h"
#include "pm_g711.h"
#include "pm_playout.h"
#include <math.h>
#include <string.h>

enum { FRAME = 160, DURATION = 160 };
#define MS INT64_C(1000000)

static struct pm_jitter_packet packet(uint16_t sequence, uint32_t timestamp, int64_t at_ms) {
    return (struct pm_jitter_packet){.ssrc = 1,
                                     .timestamp = timestamp,
                                     .duration = DURATION,
                                     .sequence = sequence,
                                     .arrival_ns = at_ms * MS,
                                     .drained_ns = at_ms * MS};
}

static void time_that_nothing_explains_is_a_pause(void) {
    struct pm_talkspurt t;
    pm_talkspurt_init(&t, 8000);
    struct pm_jitter_packet first = packet(65535, 0, 0), next = packet(0, 160, 20), spoke = packet(1, 8160, 1020);
    CHECK(pm_talkspurt_follow(&t, &first, false) && !first.after_rest);
    CHECK(pm_talkspurt_follow(&t, &next, false) && !next.after_rest && !t.paused && t.packets == 2);
    CHECK(pm_talkspurt_follow(&t, &spoke, false) && spoke.after_rest && spoke.timestamp == 8160 && !t.jumped && t.paused);
    struct pm_jitter_packet lost_before = packet(3, 8480, 1060), paused_too = packet(5, 16480, 2060);
    CHECK(pm_talkspurt_follow(&t, &lost_before, false) && !lost_before.after_rest); /* one lost packet explains it */
    CHECK(pm_talkspurt_follow(&t, &paused_too, false) && paused_too.after_rest);    /* here it does not */
    struct pm_jitter_packet uneven = packet(6, 16641, 2080);
    CHECK(pm_talkspurt_follow(&t, &uneven, false) && !uneven.after_rest && uneven.timestamp == 16641);
}

static void the_first_word_may_be_overtaken(void) {
    struct pm_talkspurt t;
    pm_talkspurt_init(&t, 8000);
    struct pm_jitter_packet before = packet(1, 0, 0), second = packet(3, 8160, 1020), first = packet(2, 8000, 1030);
    struct pm_jitter_packet old = packet(0, (uint32_t)-160, 1040);
    CHECK(pm_talkspurt_follow(&t, &before, false));
    CHECK(pm_talkspurt_follow(&t, &second, false) && second.after_rest);
    CHECK(!pm_talkspurt_follow(&t, &first, false) && first.after_rest);
    CHECK(!pm_talkspurt_follow(&t, &old, false) && !old.after_rest);
}

static void a_clock_that_stood_still_is_moved_on(void) {
    struct pm_talkspurt t;
    pm_talkspurt_init(&t, 8000);
    struct pm_jitter_packet last = packet(7, 1000, 0), stalled = packet(8, 1160, 500), begins = packet(9, 1320, 1500);
    CHECK(pm_talkspurt_follow(&t, &last, false));
    CHECK(pm_talkspurt_follow(&t, &stalled, false) && !stalled.after_rest && stalled.timestamp == 1160); /* the network's fault */
    begins.marker = true;
    CHECK(pm_talkspurt_follow(&t, &begins, false) && t.jumped && begins.after_rest);
    CHECK(begins.timestamp == 1320 + 8000 - DURATION); /* a second passed, of which a packet says what it says */
    struct pm_jitter_packet goes_on = packet(10, 1480, 1520);
    CHECK(pm_talkspurt_follow(&t, &goes_on, false) && goes_on.timestamp == begins.timestamp + DURATION && !goes_on.after_rest);
}

static void a_clock_that_jumps_is_followed(void) {
    struct pm_talkspurt t;
    pm_talkspurt_init(&t, 8000);
    struct pm_jitter_packet last = packet(7, 100000, 0), back = packet(8, 500, 20), ahead = packet(9, 500 + 16000, 40);
    struct pm_jitter_packet other = packet(300, 77, 60);
    CHECK(pm_talkspurt_follow(&t, &last, false));
    CHECK(pm_talkspurt_follow(&t, &back, false) && back.timestamp == 100160 && !back.after_rest);
    CHECK(pm_talkspurt_follow(&t, &ahead, false) && ahead.timestamp == 100320 && !ahead.after_rest);
    other.ssrc = 2;
    CHECK(pm_talkspurt_follow(&t, &other, false) && other.timestamp == 77 && !other.after_rest);
}

static void what_is_announced_is_a_pause_however_short(void) {
    struct pm_talkspurt t;
    pm_talkspurt_init(&t, 8000);
    struct pm_jitter_packet last = packet(1, 0, 0), rest = packet(2, 160, 20), late = packet(0, 160, 25),
                            speech = packet(3, 320, 40);
    CHECK(pm_talkspurt_follow(&t, &last, false) && !t.resting);
    CHECK(pm_talkspurt_rest(&t, &rest) && t.resting && t.paused);
    CHECK(!pm_talkspurt_rest(&t, &late));
    CHECK(pm_talkspurt_follow(&t, &speech, false) && speech.after_rest && !t.resting);
}

static struct pm_playout playout;

/* A sender that speaks over a soft noise, and sends nothing while it does not speak. */
static void say(uint16_t sequence, uint32_t slot, bool speaks, uint32_t *chance) {
    uint8_t pcmu[FRAME];
    int16_t pcm[FRAME];
    for (unsigned i = 0; i < FRAME; i++) {
        *chance = *chance * 1664525u + 1013904223u;
        pcm[i] = (int16_t)((int)(*chance >> 24) - 128 + (speaks ? (int)(6000.0 * sin(0.2 * (double)(slot * FRAME + i))) : 0));
    }
    CHECK(pm_g711_encode(PM_CODEC_PCMU, pcm, FRAME, pcmu, FRAME) == FRAME);
    struct pm_jitter_packet p = packet(sequence, slot * FRAME, 20 * (int64_t)slot);
    p.payload = pcmu;
    p.payload_octets = FRAME;
    CHECK(pm_playout_put(&playout, &p) == PM_PUT_STORED);
}

static double power_of(const int16_t *x, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * x[i];
    }
    return sum / (double)n;
}

static void a_pause_of_which_nobody_told_is_not_dead_and_no_loss(void) {
    const struct pm_jitter_config c = {8000, 80, 20, 400};
    const struct pm_payload payloads[] = {{0, PM_CODEC_PCMU}};
    enum { WORD = 75, PAUSE = 150, ROUND = WORD + PAUSE };
    int16_t heard[FRAME];
    uint32_t chance = 1;
    uint16_t sequence = 0;
    memset(&playout, 0, sizeof playout);
    CHECK(pm_playout_init(&playout, &c, payloads, 1, NULL, 0) == PM_OK);
    for (uint32_t slot = 0; slot < 3 * ROUND + WORD; slot++) {
        uint32_t at = slot % ROUND;
        if (at < WORD) {
            say(sequence++, slot, at < WORD - 10, &chance);
        }
        CHECK(pm_playout_render(&playout, heard, FRAME) == PM_OK);
        if (at >= WORD + 5) { /* a uniform noise of 256 steps has the power 5461 */
            CHECK(power_of(heard, FRAME) > 5461.0 / 4.0 && power_of(heard, FRAME) < 4.0 * 5461.0);
        }
        CHECK(at < 4 || at >= WORD - 12 || power_of(heard, FRAME) > 1e6);
    }
    struct pm_stream_stats s;
    pm_playout_stats(&playout, &s);
    CHECK(s.samples_concealed == 0 && s.packets_late == 0 && s.delay_target_ms < 25.0);
    pm_playout_close(&playout);
}

const struct test talkspurt_tests[] = {TEST(time_that_nothing_explains_is_a_pause),
                                       TEST(the_first_word_may_be_overtaken),
                                       TEST(a_clock_that_stood_still_is_moved_on),
                                       TEST(a_clock_that_jumps_is_followed),
                                       TEST(what_is_announced_is_a_pause_however_short),
                                       TEST(a_pause_of_which_nobody_told_is_not_dead_and_no_loss),
                                       {0}};
