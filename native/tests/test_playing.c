/* What stands behind the jitter buffer: concealment, stretching, the playout chain and the codec. */
#include "check.h"
#include "pm_g711.h"
#include "pm_playout.h"
#include <math.h>
#include <string.h>

#define MS INT64_C(1000000)
#define HISTORY PM_CONCEAL_HISTORY

static unsigned per_ms; /* samples of a millisecond: everything here works at both rates of the core */

#define AT_BOTH_RATES(name)                                                                                                        \
    static void name##_at_both_rates(void) {                                                                                       \
        for (per_ms = 8; per_ms <= 16; per_ms += 8) {                                                                              \
            name();                                                                                                                \
        }                                                                                                                          \
    }

static void sine(int16_t *out, size_t n, double hz) {
    for (size_t i = 0; i < n; i++) {
        out[i] = (int16_t)(8000.0 * sin(2.0 * 3.14159265358979 * hz * (double)i / (1000.0 * per_ms)));
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
    static int16_t x[HISTORY + PM_MS_MAX(210)];
    static struct pm_conceal c;
    sine(x, HISTORY, 150.0);
    int own = largest_step(x, HISTORY);
    pm_conceal_init(&c, per_ms);
    pm_conceal_extend(&c, x + HISTORY, x + HISTORY, 210 * per_ms);
    CHECK(largest_step(x, HISTORY + 210 * per_ms) < own * 3 / 2);
    CHECK(largest_step(x + HISTORY, 20 * per_ms) > own / 2); /* it sounds for 20 ms at full strength */
    for (unsigned i = 200 * per_ms; i < 210 * per_ms; i++) {
        CHECK(x[HISTORY + i] == 0); /* and is silent from 200 ms on */
    }
}

/* A throat that opens once in 14 ms, at 71 Hz, with a resonance behind it: more than the prediction reaches back. */
static void deep_voice(int16_t *out, size_t n) {
    double before = 0.0, last = 0.0;
    for (size_t i = 0; i < n; i++) {
        double decay = exp(-0.35 / per_ms), turn = 2.0 * 3.14159265358979 * 0.6 / per_ms;
        double now = (i % (14 * per_ms) == 0 ? 2000.0 : 0.0) + 2.0 * decay * cos(turn) * last - decay * decay * before;
        out[i] = (int16_t)now;
        before = last;
        last = now;
    }
}

static int64_t energy(const int16_t *x, size_t n) {
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (int64_t)x[i] * x[i];
    }
    return sum;
}

static void a_deep_voice_goes_on_at_its_period(void) {
    static int16_t x[HISTORY + PM_MS_MAX(28)];
    static struct pm_conceal c;
    unsigned period = 14 * per_ms;
    deep_voice(x, HISTORY);
    pm_conceal_init(&c, per_ms);
    pm_conceal_extend(&c, x + HISTORY, x + HISTORY, 2 * period);
    CHECK(energy(x + HISTORY + period, period) > energy(x + HISTORY - period, period) / 5);
}

static void concealment_merges_without_a_click(void) {
    static int16_t x[HISTORY + PM_MS_MAX(40)];
    static struct pm_conceal c;
    unsigned packet = 20 * per_ms;
    sine(x, HISTORY + 2 * packet, 150.0);
    int own = largest_step(x, HISTORY);
    pm_conceal_init(&c, per_ms);
    pm_conceal_extend(&c, x + HISTORY, x + HISTORY, packet);
    pm_conceal_merge(&c, x + HISTORY + packet, packet);
    CHECK(!c.active && largest_step(x, HISTORY + 2 * packet) < own * 3 / 2);
}

static double error_over_signal(const int16_t *x, const int16_t *truth, size_t n) {
    double error = 0.0, signal = 0.0;
    for (size_t i = 0; i < n; i++) {
        error += ((double)x[i] - truth[i]) * ((double)x[i] - truth[i]);
        signal += (double)truth[i] * truth[i];
    }
    return error / signal;
}

/* A voice-like sound whose pitch moves: what lies before the hole alone does not tell what is in it. */
static void glide(int16_t *out, size_t n) {
    double phase = 0.0;
    for (size_t i = 0; i < n; i++) {
        double ms = (double)i / per_ms;
        phase += 2.0 * 3.14159265358979 * (130.0 + 0.32 * ms) / (1000.0 * per_ms);
        out[i] = (int16_t)(5000.0 * sin(phase) + 3000.0 * sin(2.0 * phase) + 2000.0 * sin(5.0 * phase));
    }
}

static void a_hole_is_bridged_better_than_it_is_continued(void) {
    enum { ALL = HISTORY + 2 * PM_MS_MAX(20) };
    static int16_t truth[ALL], bridged[ALL], continued[ALL];
    static struct pm_conceal c;
    unsigned n = 20 * per_ms;
    glide(truth, HISTORY + 2 * n);
    memcpy(bridged, truth, sizeof truth);
    memcpy(continued, truth, sizeof truth);
    int16_t *hole = bridged + HISTORY;
    pm_conceal_init(&c, per_ms);
    pm_conceal_bridge(&c, hole, hole, n, hole + n, n);
    CHECK(!c.active);
    CHECK(memcmp(hole + n, truth + HISTORY + n, n * sizeof *hole) == 0); /* what came is left alone */
    pm_conceal_extend(&c, continued + HISTORY, continued + HISTORY, n);
    double both = error_over_signal(hole, truth + HISTORY, n);
    double one = error_over_signal(continued + HISTORY, truth + HISTORY, n);
    CHECK(both < 0.15 && both < one / 3.0);
}

static void a_hole_in_silence_stays_silent(void) {
    static int16_t x[HISTORY + 3 * PM_MS_MAX(20)];
    static struct pm_conceal c;
    unsigned n = 20 * per_ms;
    int16_t *hole = x + HISTORY;
    pm_conceal_init(&c, per_ms);
    pm_conceal_bridge(&c, hole, hole, n, hole + n, n);
    pm_conceal_extend(&c, hole + n, hole + n, n);
    for (unsigned i = 0; i < 2 * n; i++) {
        CHECK(hole[i] == 0);
    }
}

static void any_length_behind_a_hole_will_do(void) {
    static int16_t x[HISTORY + 1000];
    static struct pm_conceal c;
    glide(x, HISTORY + 1000);
    int own = largest_step(x, HISTORY + 1000);
    for (unsigned hole = 1; hole < 300; hole += 37) {
        for (unsigned fresh = 0; fresh < 400; fresh += 57) {
            glide(x, HISTORY + 1000);
            int16_t *at = x + HISTORY;
            pm_conceal_init(&c, per_ms);
            pm_conceal_bridge(&c, at, at, hole, at + hole, fresh);
            CHECK(largest_step(x, HISTORY + hole) < 3 * own);
        }
    }
}

static void loud_square_waves_do_not_run_away(void) {
    static int16_t x[HISTORY + PM_MS_MAX(210)];
    static struct pm_conceal c;
    for (unsigned i = 0; i < HISTORY; i++) {
        x[i] = i / (2 * per_ms) % 2 == 0 ? INT16_MAX : INT16_MIN;
    }
    pm_conceal_init(&c, per_ms);
    pm_conceal_extend(&c, x + HISTORY, x + HISTORY, 210 * per_ms);
    CHECK(x[HISTORY + 210 * per_ms - 1] == 0);
    for (unsigned i = 0; i < pm_predict_order(per_ms); i++) {
        CHECK(isfinite(c.last[i]));
    }
}

/* Found by fuzz_jitter: a step from silence to full scale has a prediction that grows before it decays. */
static void a_continuation_after_a_step_does_not_run_away(void) {
    static int16_t x[HISTORY + 1200];
    static struct pm_conceal c;
    for (unsigned step = 0; step < HISTORY; step += per_ms / 8) {
        memset(x, 0, sizeof x);
        for (unsigned i = step; i < HISTORY; i++) {
            x[i] = -32124;
        }
        int16_t *end = x + HISTORY;
        end[160 + step % 160] = 32124;
        pm_conceal_init(&c, per_ms);
        pm_conceal_extend(&c, end, end, 80);
        for (unsigned i = 0; i < pm_predict_order(per_ms); i++) {
            CHECK(fabsf(c.last[i]) <= 32124.0F * 2.0F);
        }
        pm_conceal_bridge(&c, end + 80, end + 80, 80, end + 160, 160);
    }
}

static void stretching_changes_whole_periods_without_a_click(void) {
    static int16_t x[PM_MS_MAX(125)];
    unsigned n = 60 * per_ms, before = 15 * per_ms, all = 100 * per_ms;
    sine(x, all, 200.0); /* a period is 5 ms */
    int own = largest_step(x, all);
    unsigned removed = pm_stretch_shorten(x + before, n, 0.85F, per_ms);
    CHECK(removed > 0 && removed % (5 * per_ms) == 0);
    CHECK(largest_step(x, before + n - removed) <= own + own / 8);
    sine(x, all, 200.0);
    unsigned inserted = pm_stretch_lengthen(x + before, n, 0.85F, per_ms);
    CHECK(inserted > 0 && inserted % (5 * per_ms) == 0);
    CHECK(largest_step(x, before + n + inserted) <= own + own / 8);
    CHECK(pm_stretch_shorten(x, PM_STRETCH_NEEDS_MS * per_ms - 1, 0.85F, per_ms) == 0);
}

static void noise_is_not_stretched_unless_it_must_be(void) {
    static int16_t x[PM_MS_MAX(75)];
    uint32_t seed = 1;
    for (unsigned i = 0; i < 75 * per_ms; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (int16_t)((seed >> 16 & 0x3fff) - 0x2000);
    }
    CHECK(pm_stretch_shorten(x, 75 * per_ms, 0.85F, per_ms) == 0);
    CHECK(pm_stretch_shorten(x, 75 * per_ms, 0.0F, per_ms) > 0);
}

static void a_pause_is_known_by_the_voice_before_it_and_its_own_background(void) {
    static int16_t voice[PM_MS_MAX(100)], hum[PM_MS_MAX(100)];
    static struct pm_level level;
    pm_level_init(&level, per_ms);
    unsigned n = 100 * per_ms;
    sine(voice, n, 150.0);
    for (unsigned i = 0; i < n; i++) {
        hum[i] = (int16_t)(voice[i] / 40);
    }
    pm_level_follow(&level, voice, n);
    CHECK(!pm_level_is_pause(&level, voice, n));
    pm_level_follow(&level, hum, n);
    CHECK(pm_level_is_pause(&level, hum, n));
    memcpy(hum + n - 12 * per_ms, voice, 12 * per_ms * sizeof *hum); /* the voice begins in the last samples */
    CHECK(!pm_level_is_pause(&level, hum, n));
}

static void a_pause_is_changed_by_the_sample(void) {
    static int16_t x[1000];
    int16_t *now = x + PM_STRETCH_LAG_MAX;
    CHECK(pm_stretch_cut(now, 400, 33, per_ms) == 33);
    CHECK(pm_stretch_cut(now, 50, 33, per_ms) == 25); /* half of what is there */
    CHECK(pm_stretch_fill(now, 400, 33, per_ms) == 33);
    CHECK(pm_stretch_fill(now, 400, 4000, per_ms) == PM_STRETCH_LAG_MS * per_ms);
}

static void playout_renders_exactly_what_is_asked_for(void) {
    static struct pm_playout p;
    const struct pm_payload payload = {.payload_type = 0, .codec = PM_CODEC_PCMU};
    struct pm_jitter_config c = {.clock_rate_hz = 8000, .frame = 80, .delay_min_ms = 20, .delay_max_ms = 400};
    int16_t out[PM_RENDER_MAX], tone[160];
    uint8_t octets[160];
    per_ms = 8;
    sine(tone, 160, 100.0);
    CHECK(pm_g711_encode(PM_CODEC_PCMU, tone, 160, octets, 160) == 160);
    CHECK(pm_playout_init(&p, &c, &payload, 1, NULL, 0) == PM_OK);
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

AT_BOTH_RATES(concealment_continues_a_tone_and_fades)
AT_BOTH_RATES(a_deep_voice_goes_on_at_its_period)
AT_BOTH_RATES(concealment_merges_without_a_click)
AT_BOTH_RATES(a_hole_is_bridged_better_than_it_is_continued)
AT_BOTH_RATES(a_hole_in_silence_stays_silent)
AT_BOTH_RATES(any_length_behind_a_hole_will_do)
AT_BOTH_RATES(loud_square_waves_do_not_run_away)
AT_BOTH_RATES(a_continuation_after_a_step_does_not_run_away)
AT_BOTH_RATES(stretching_changes_whole_periods_without_a_click)
AT_BOTH_RATES(noise_is_not_stretched_unless_it_must_be)
AT_BOTH_RATES(a_pause_is_known_by_the_voice_before_it_and_its_own_background)
AT_BOTH_RATES(a_pause_is_changed_by_the_sample)

const struct test playout_tests[] = {TEST(concealment_continues_a_tone_and_fades_at_both_rates),
                                     TEST(a_deep_voice_goes_on_at_its_period_at_both_rates),
                                     TEST(concealment_merges_without_a_click_at_both_rates),
                                     TEST(a_hole_is_bridged_better_than_it_is_continued_at_both_rates),
                                     TEST(a_hole_in_silence_stays_silent_at_both_rates),
                                     TEST(any_length_behind_a_hole_will_do_at_both_rates),
                                     TEST(loud_square_waves_do_not_run_away_at_both_rates),
                                     TEST(a_continuation_after_a_step_does_not_run_away_at_both_rates),
                                     TEST(stretching_changes_whole_periods_without_a_click_at_both_rates),
                                     TEST(noise_is_not_stretched_unless_it_must_be_at_both_rates),
                                     TEST(a_pause_is_known_by_the_voice_before_it_and_its_own_background_at_both_rates),
                                     TEST(a_pause_is_changed_by_the_sample_at_both_rates),
                                     TEST(playout_renders_exactly_what_is_asked_for),
                                     {0}};

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
