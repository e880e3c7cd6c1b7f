#include "pm_residual.h"
#include "pm_exponent.h"
#include "pm_lanes.h"
#include <math.h>
#include <string.h>

enum { STRETCH_STEPS = 160 }; /* of minimum statistics: even fluent speech pauses in so long */

static const float LEFT_AT_FIRST = 1.4f; /* 6 dB more than the far side's own power: a loud panel, nothing learned */
static const float LEFT_MOST = 6.0f;     /* 26 dB: a microphone that hears hardly anything else */
static const float ECHO_FLOOR = 1e-5f;   /* -50 dB of power: below any room's noise */
static const float DECIDED =
    0.94f; /* weight of what was let through in the last step (the decision-directed rule of Ephraim and Malah) */
static const float SPREAD = 1.7320508f;  /* an evenly spread number of -1 to 1 has a third of the power */
static const float TAIL = 0.60f;         /* of the echo's power each 10 ms: 60 dB in 0.3 s */
static const float RISE_ALONE = 0.05f;   /* natural logarithm a step, while the far side speaks alone: 22 dB a second … */
static const float FALL_ALONE = 0.025f;  /* … so that two thirds of what is met lies below */
static const float SURELY_ALONE = 0.98f; /* then it rises faster where the echo is far above what was expected … */
static const float HURRY = 3.0f;         /* … up to so much: 66 dB a second */
static const float AGE = 0.008f; /* a step of the far side's silence, in which clocks and doors move unheard: 3.5 dB a second … */
static const float AGED_MOST = -1.0f;   /* … up to 4 dB below everything */
static const float RISE_BOTH = 0.004f;  /* while both speak, nothing can be learned about the echo … */
static const float FALL_BOTH = 0.04f;   /* … but that it is less than what is there */
static const float TRUST_ALONE = 8.0f;  /* times the estimate is taken away when nobody else speaks … */
static const float TRUST_BOTH = 1.0f;   /* … and when somebody does */
static const float NOISE_LEFT = 0.025f; /* -16 dB: a quieter street, not a dead line */
/* The least of many averages lies below the mean. In a quiet room less is made good, since what is taken from the
 * visitor is heard there and the noise is not; all of it far above this mean square, -47 dB. */
static const float NOISE_BIAS = 1.5f, NOISE_BIAS_MORE = 1.0f, NOISE_LOUD = 20000.0f;

int pm_residual_init(struct pm_residual *r, uint32_t rate_hz, bool suppresses_noise) {
    memset(r, 0, sizeof *r);
    if (rate_hz != 8000 && rate_hz != 16000) {
        return PM_EARG;
    }
    r->frame = rate_hz / PM_FRAMES_A_SECOND;
    r->bins = r->frame + 1;
    r->suppresses_noise = suppresses_noise;
    r->chance = 1;
    for (size_t k = 0; k < r->bins; k++) {
        r->quietest[0][k] = r->quietest[1][k] = 1e12f;
    }
    pm_residual_distrust(r);
    return pm_spectrum_init(&r->spectrum, 2 * r->frame);
}

void pm_residual_distrust(struct pm_residual *r) {
    for (size_t k = 0; k < r->bins; k++) {
        r->far_left[k] = LEFT_AT_FIRST;
        r->filter_left[k] = 0.0f;
    }
}

static void slide(float *window, const int16_t *samples, size_t frame) {
    memmove(window, window + frame, frame * sizeof *window);
    for (size_t i = 0; i < frame; i++) {
        window[frame + i] = samples != NULL ? (float)samples[i] : 0.0f;
    }
}

/* Powers, smoothed over three bins: what is learned for one bin holds for its neighbours. */
static void powers(const struct pm_bins *bins, size_t n, float *out) {
    float power[PM_RESIDUAL_BINS_MAX + 2];
    for (size_t k = 0; k < n; k++) {
        power[k + 1] = bins->re[k] * bins->re[k] + bins->im[k] * bins->im[k];
    }
    power[0] = power[1];
    power[n + 1] = power[n];
    for (size_t k = 0; k < n; k++) {
        out[k] = 0.25f * (power[k] + power[k + 2]) + 0.5f * power[k + 1];
    }
}

/* Rises only while the far side is silent: a steady rest of echo is no noise. */
static void follow_noise(struct pm_residual *r, enum pm_talk talk, const float *error) {
    float sum = 0;
    bool first = r->steps == 0;
    if (first || talk == PM_TALK_SILENCE) {
        r->steps++;
    }
    float bias = NOISE_BIAS + NOISE_BIAS_MORE * r->noise_power / (r->noise_power + NOISE_LOUD);
    bool renew = talk == PM_TALK_SILENCE && r->steps % STRETCH_STEPS == 0;
    for (size_t k = 0; k < r->bins; k++) {
        r->smooth[k] = first ? error[k] : r->smooth[k] + 0.2f * (error[k] - r->smooth[k]);
        if (renew) {
            r->quietest[1][k] = r->quietest[0][k];
            r->quietest[0][k] = r->smooth[k];
        } else if (r->smooth[k] < r->quietest[0][k]) {
            r->quietest[0][k] = r->smooth[k];
        }
        r->noise[k] = bias * (r->quietest[0][k] < r->quietest[1][k] ? r->quietest[0][k] : r->quietest[1][k]);
        sum += r->noise[k];
    }
    /* The window halves the power, and each bin but the outer ones stands for two. */
    r->noise_power = 4.0f * sum / (float)(4 * r->frame * r->frame);
}

static void linger(float *echo, const float *power, size_t bins) {
    for (size_t k = 0; k < bins; k++) {
        echo[k] = power[k] > TAIL * echo[k] ? power[k] : TAIL * echo[k];
    }
}

/* The echo's power that is to be expected from one more frame of what it comes from. */
static void expect(struct pm_residual *r, float *window, const int16_t *samples, float *echo) {
    struct pm_bins bins;
    float power[PM_RESIDUAL_BINS_MAX] = {0};
    slide(window, samples, r->frame);
    if (pm_dot(window, window, (unsigned)(2 * r->frame)) > 0.0f) { /* silence has no spectrum */
        pm_spectrum_of(&r->spectrum, window, &bins);
        powers(&bins, r->bins, power);
    }
    linger(echo, power, r->bins);
}

/* How fast a share is drawn: upwards, by up to `hurry` times that, and downwards. */
struct pull {
    float rise, hurry, fall;
};

/* `heard` is 1 or, where nothing of the echo could be heard, 0: a factor, since a branch would keep the loop from its lanes. */
static inline float drawn(float left, float ratio, struct pull pull, float heard) {
    float away = ratio - left;
    float up = away < pull.hurry ? away : pull.hurry, down = away > -1.0f ? away : -1.0f;
    float risen = pull.rise * up, fallen = pull.fall * down;
    return left + heard * (away > 0.0f ? risen : fallen);
}

static inline float at_most(float left, float most) {
    return left < most ? left : most;
}

static float aged(float left) {
    return left < AGED_MOST ? left + AGE : left;
}

static void age(struct pm_residual *r) {
    for (size_t k = 0; k < r->bins; k++) {
        r->far_left[k] = aged(r->far_left[k]);
        r->filter_left[k] = aged(r->filter_left[k]);
    }
}

/* Draws the shares that are left towards what this step shows. */
static void learn(struct pm_residual *restrict r, enum pm_talk talk, float alone, const float *restrict error) {
    const struct pull pull = {.rise = RISE_BOTH + alone * (RISE_ALONE - RISE_BOTH),
                              .hurry = alone > SURELY_ALONE ? HURRY : 1.0f,
                              .fall = FALL_BOTH + alone * (FALL_ALONE - FALL_BOTH)};
    if (talk == PM_TALK_SILENCE) {
        age(r);
        return;
    }
    for (size_t k = 0; k < r->bins; k++) {
        float floor = 4.0f * r->noise[k] > 1000.0f ? 4.0f * r->noise[k] : 1000.0f;
        float heard = r->far_echo[k] < floor ? 0.0f : 1.0f;
        float over_noise = error[k] - r->noise[k];
        float here = pm_log(over_noise > 1.0f ? over_noise : 1.0f);
        r->far_left[k] = at_most(drawn(r->far_left[k], here - pm_log(r->far_echo[k] + 1.0f), pull, heard), LEFT_MOST);
        r->filter_left[k] = at_most(drawn(r->filter_left[k], here - pm_log(r->filter_echo[k] + 1.0f), pull, heard), 0.0f);
    }
}

static float by_chance(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (float)(int32_t)*state / 2147483648.0f;
}

/* Of a bin, from its powers over what is unwanted in it, expected and met: the least error of the logarithm of its amplitude
 * (Ephraim and Malah 1985). Wiener's gain, raised where much less was expected than is met; the root stands for exp(E1(v) / 2) to 3
 * %. */
static inline float gain_of(float prior, float posterior) {
    float wiener = prior / (1.0f + prior), v = wiener * posterior + 1e-6f;
    float gain = wiener * sqrtf(1.0f + 0.56f / (v + 1.2f * v * v));
    return gain < 1.0f ? gain : 1.0f;
}

/* The gain of each bin, and the power below which nothing may sink. */
static void weigh(struct pm_residual *restrict r, float alone, const struct pm_bins *restrict bins, float *restrict gains,
                  float *restrict kept) {
    float trust = TRUST_BOTH + alone * (TRUST_ALONE - TRUST_BOTH);
    float noise_left = r->suppresses_noise ? NOISE_LEFT : 1.0f, noise_taken = r->suppresses_noise ? 1.0f : 0.0f;
    for (size_t k = 0; k < r->bins; k++) {
        float power = bins->re[k] * bins->re[k] + bins->im[k] * bins->im[k] + 1.0f;
        float from_far = pm_exp(r->far_left[k]) * r->far_echo[k], from_filter = pm_exp(r->filter_left[k]) * r->filter_echo[k];
        float echo = trust * (from_far > from_filter ? from_far : from_filter);
        float unwanted = 1.0f / (echo + noise_taken * r->noise[k] + 1.0f);
        float posterior = power * unwanted, over = posterior > 1.0f ? posterior - 1.0f : 0.0f;
        float prior = DECIDED * r->speech[k] * unwanted + (1.0f - DECIDED) * over;
        gains[k] = gain_of(prior, posterior);
        kept[k] = noise_left * r->noise[k] + ECHO_FLOOR * echo;
        r->speech[k] = gains[k] * gains[k] * power;
    }
}

static void shape(struct pm_residual *r, float alone, struct pm_bins *bins) {
    float gains[PM_RESIDUAL_BINS_MAX], kept[PM_RESIDUAL_BINS_MAX];
    weigh(r, alone, bins, gains, kept);
    for (size_t k = 0; k < r->bins; k++) {
        bins->re[k] *= gains[k];
        bins->im[k] *= gains[k];
        if (r->speech[k] < kept[k]) {
            /* The room's own noise in place of what was there. */
            float level = sqrtf(kept[k] / 2.0f) * SPREAD;
            bins->re[k] += level * by_chance(&r->chance);
            bins->im[k] += level * by_chance(&r->chance);
        }
    }
}

static int16_t clipped(float value) {
    return (int16_t)(value > 32767.0f ? 32767.0f : value < -32768.0f ? -32768.0f : value);
}

void pm_residual_step(struct pm_residual *r, enum pm_talk talk, float alone, const int16_t *error, const int16_t *predicted,
                      const int16_t *far, int16_t *out) {
    struct pm_bins bins;
    float power[PM_RESIDUAL_BINS_MAX], sound[PM_RESIDUAL_WINDOW_MAX];
    slide(r->error, error, r->frame);
    expect(r, r->far, far, r->far_echo);
    expect(r, r->predicted, predicted, r->filter_echo);
    pm_spectrum_of(&r->spectrum, r->error, &bins);
    powers(&bins, r->bins, power);
    follow_noise(r, talk, power);
    learn(r, talk, alone, power);
    shape(r, alone, &bins);
    pm_spectrum_sound(&r->spectrum, &bins, sound);
    for (size_t i = 0; i < r->frame; i++) {
        out[i] = clipped(r->overlap[i] + sound[i]);
        r->overlap[i] = sound[r->frame + i];
    }
}
