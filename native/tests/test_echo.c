#include "check.h"
#include "pm_echo.h"
#include "pm_exponent.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Noise with the long pauses of a talker; the same for the same seed. */
static int16_t talker(uint32_t *state, size_t at) {
    *state = *state * 1664525u + 1013904223u;
    return (int16_t)(at / 8000 % 3 == 2 ? 0 : (int32_t)*state >> 18);
}

static double power_of(const int16_t *samples, size_t n) {
    double sum = 1;
    for (size_t i = 0; i < n; i++) {
        sum += (double)samples[i] * samples[i];
    }
    return sum / (double)n;
}

enum { ROOM_DELAY = 360 };

/* The microphone hears the loudspeaker 45 ms later at half its strength. Returns how much of it is left at the end. */
static double left_after(struct pm_echo *echo, size_t period, size_t seconds) {
    static int16_t far[8000 * 8];
    uint32_t chance = 5;
    double heard = 1, left = 1;
    size_t samples = seconds * 8000;
    for (size_t i = 0; i < samples; i++) {
        far[i] = talker(&chance, i);
    }
    for (size_t at = 0; at + period <= samples; at += period) {
        int16_t near[960];
        for (size_t i = 0; i < period; i++) {
            near[i] = (int16_t)(at + i >= ROOM_DELAY ? far[at + i - ROOM_DELAY] / 2 : 0);
        }
        bool counts = at > samples / 2;
        heard += counts ? power_of(near, period) : 0;
        pm_echo_run(echo, far + at, near, period);
        left += counts ? power_of(near, period) : 0;
    }
    return left / heard;
}

/* By the definition of the discrete Fourier transform. */
static void check_bin(const struct pm_bins *bins, const float *samples, size_t window, size_t k) {
    double re = 0, im = 0;
    for (size_t i = 0; i < window; i++) {
        double angle = 6.283185307179586 * (double)(i * k % window) / (double)window;
        re += (double)samples[i] * cos(angle);
        im -= (double)samples[i] * sin(angle);
    }
    CHECK(fabs(re - (double)bins->re[k]) < 0.1 && fabs(im - (double)bins->im[k]) < 0.1);
}

static void test_spectra_are_those_of_the_definition_and_come_back(void) {
    static const size_t windows[] = {160, 320, 640};
    struct pm_fourier fourier;
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
        size_t window = windows[w];
        float samples[PM_WINDOW_MAX], back[PM_WINDOW_MAX];
        struct pm_bins bins;
        uint32_t chance = 7;
        CHECK(pm_fourier_init(&fourier, window) == PM_OK);
        for (size_t i = 0; i < window; i++) {
            samples[i] = talker(&chance, 0);
        }
        pm_fourier_forward(&fourier, samples, &bins);
        for (size_t k = 0; k <= window / 2; k++) {
            check_bin(&bins, samples, window, k);
        }
        pm_fourier_inverse(&fourier, &bins, back);
        for (size_t i = 0; i < window; i++) {
            CHECK(fabsf(back[i] / (float)window - samples[i]) < 0.02f);
        }
    }
    CHECK(pm_fourier_init(&fourier, 256) == PM_EARG);
}

static void test_logarithm_and_exponential_are_right_to_four_digits(void) {
    for (double x = -40; x < 40; x += 0.0137) {
        double power = exp(x);
        CHECK(fabs((double)pm_exp((float)x) / power - 1) < 2e-4);
        CHECK(fabs((double)pm_log((float)power) - x) < 2e-4);
    }
    CHECK(pm_exp(-1e9f) > 0.0f && pm_exp(1e9f) < 1e36f && pm_log(1.0f) == 0.0f);
}

static void test_echo_of_whole_and_odd_periods_is_taken_away(void) {
    static struct pm_echo echo;
    struct pm_echo_config config = {.rate_hz = 8000, .mode = PM_ECHO_CANCEL, .suppress_noise = true};
    struct pm_echo_stats stats;
    size_t periods[] = {80, 160, 480, 171};
    for (size_t i = 0; i < sizeof periods / sizeof *periods; i++) {
        CHECK(pm_echo_init(&echo, &config) == PM_OK);
        CHECK(left_after(&echo, periods[i], 8) < 0.001);
        pm_echo_stats(&echo, &stats);
        CHECK(stats.state == PM_ECHO_CONVERGED && stats.delay_known && stats.delay_ms >= 30 && stats.delay_ms <= 50);
        CHECK(stats.filter_db > 15);
        pm_echo_close(&echo);
    }
}

/* The far side's noise comes back at half its strength; from 6 s on somebody speaks over it, without end, at twice that. */
static void test_a_long_talk_of_both_does_not_pass_for_the_far_side_alone(void) {
    static struct pm_alignment alignment;
    static int16_t far[80 * 5000];
    uint32_t chance = 5, other = 9;
    unsigned learned = 0, mistaken = 0;
    CHECK(pm_alignment_init(&alignment, 8000) == PM_OK);
    for (size_t at = 0; at < sizeof far / sizeof *far; at += 80) {
        int16_t near[80];
        for (size_t i = 0; i < 80; i++) {
            far[at + i] = talker(&chance, at + i);
            int echo = at + i >= ROOM_DELAY ? far[at + i - ROOM_DELAY] / 2 : 0;
            near[i] = (int16_t)(echo + (at < 48000 ? 0 : 2 * talker(&other, at % 16000 + i)));
        }
        pm_alignment_step(&alignment, far + at, near);
        learned = at < 48000 ? alignment.lag : learned;
        mistaken += at >= 56000 && alignment.talk == PM_TALK_FAR;
    }
    CHECK(alignment.known && alignment.lag == learned && alignment.moves == 0);
    CHECK(mistaken < 40); /* of 4300 steps */
}

static void test_echo_that_is_off_leaves_every_sample(void) {
    static struct pm_echo echo;
    struct pm_echo_config config = {.rate_hz = 16000, .mode = PM_ECHO_OFF};
    int16_t far[320] = {1}, near[320] = {7, -7, 9}, before[320];
    memcpy(before, near, sizeof near);
    CHECK(pm_echo_init(&echo, &config) == PM_OK);
    pm_echo_run(&echo, far, near, 320);
    CHECK(memcmp(before, near, sizeof near) == 0);
    pm_echo_close(&echo);
}

static void test_echo_settings_out_of_range_are_refused(void) {
    static struct pm_echo echo;
    struct pm_echo_config config = {.rate_hz = 44100, .mode = PM_ECHO_CANCEL};
    CHECK(pm_echo_init(&echo, &config) == PM_EARG);
    config = (struct pm_echo_config){.rate_hz = 8000, .mode = 3};
    CHECK(pm_echo_init(&echo, &config) == PM_EARG);
    pm_echo_close(&echo);
}

static void test_gain_lifts_a_quiet_visitor_and_tames_a_loud_one(void) {
    int16_t levels[] = {600, 20000};
    for (size_t l = 0; l < 2; l++) {
        struct pm_gain gain;
        uint32_t chance = 3;
        int16_t samples[80];
        pm_gain_init(&gain);
        for (int step = 0; step < 1000; step++) {
            for (size_t i = 0; i < 80; i++) {
                chance = chance * 1664525u + 1013904223u;
                samples[i] = (int16_t)((int32_t)(chance >> 16) % levels[l] - levels[l] / 2);
            }
            pm_gain_step(&gain, true, 1.0f, samples, 80);
        }
        CHECK(l == 0 ? gain.gain > 2.0f : gain.gain < 0.7f);
    }
}

const struct test echo_tests[] = {TEST(test_spectra_are_those_of_the_definition_and_come_back),
                                  TEST(test_logarithm_and_exponential_are_right_to_four_digits),
                                  TEST(test_echo_of_whole_and_odd_periods_is_taken_away),
                                  TEST(test_a_long_talk_of_both_does_not_pass_for_the_far_side_alone),
                                  TEST(test_echo_that_is_off_leaves_every_sample),
                                  TEST(test_echo_settings_out_of_range_are_refused),
                                  TEST(test_gain_lifts_a_quiet_visitor_and_tames_a_loud_one),
                                  {0}};
