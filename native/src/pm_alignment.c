#include "pm_alignment.h"
#include "pm_lanes.h"
#include <string.h>

enum { FIRST_BIN = 300 / 25 };

_Static_assert(PM_LAG_BANDS % PM_LANES == 0, "bands are compared in whole lanes");

static const float FORGET = 0.19f; /* of the averages, a hop: five of them, a tenth of a second */
static const float ACTIVE_POWER =
    120000.f; /* a bin's mean power at about -52 dB below full scale in the band: far speech, no line noise */
static const float COHERENT = 0.22f;    /* less is met by chance: the mean over some ten independent averages */
static const float BOTH_BELOW = 0.82f;  /* of the best coherence: below it somebody else speaks as well … */
static const float ALONE_ABOVE = 0.97f; /* … and above it nobody does */
static const float LINGER = 0.75f;      /* a step, how fast the certainty sinks */
static const float DOUBT_ABOVE = 0.80f; /* of the best coherence: another lag that reaches so much is the right one */
static const float SPOKEN = 0.05f;      /* of the mean power: a band with less than this says little */
static const float CLEARLY_BETTER = 1.25f;
enum {
    REST_STEPS = 45,    /* the averages have forgotten 99 parts of 100 */
    CONFIRM_STEPS = 20, /* a new lag must be the best for so long, of far speech */
    LEARN_STEPS = 12    /* the averages are filled */
};
/* Two voices that have nothing to do with each other agree at one lag now and then, for the length of a vowel: up to 3.1 of
 * evidence in ten minutes of both together. A real echo gives as much in a tenth of a second. */
static const float EVIDENT = 3.6f;
/* Over two seconds of far speech. Two voices that have nothing to do with each other reach 0.04 in ten minutes; an echo 6 dB above
 * the noise of a street 0.07 in four seconds, and 0.1 later. */
static const float TALLY = 0.005f, TALLIED = 0.06f;
/* So much is no chance vowel any more, and it is there before the new lag is confirmed. */
static const float DOUBTFUL = 2.5f;
/* A step, of the best coherence: it sinks by half in ten seconds of far speech, since rooms change and visitors pause; and seven
 * times as slowly while somebody clearly speaks as well, or after a long talk of both the two together would pass for the far side
 * alone. */
static const float SINK = 0.9993f, SINK_BOTH = 0.9999f;

int pm_alignment_init(struct pm_alignment *a, uint32_t rate_hz) {
    memset(a, 0, sizeof *a);
    if (rate_hz != 8000 && rate_hz != 16000) {
        return PM_EARG;
    }
    a->frame = rate_hz / PM_FRAMES_A_SECOND;
    a->stride = rate_hz / 4000;
    return pm_spectrum_init(&a->spectrum, 4 * a->frame);
}

static void slide(float *window, const int16_t *samples, size_t frame) {
    memmove(window, window + frame, 3 * frame * sizeof *window);
    for (size_t i = 0; i < frame; i++) {
        window[3 * frame + i] = (float)samples[i];
    }
}

static void compared(struct pm_alignment *a, const float *window, struct pm_bands *bands) {
    struct pm_bins bins;
    pm_spectrum_of(&a->spectrum, window, &bins);
    for (size_t k = 0; k < PM_LAG_BANDS; k++) {
        bands->re[k] = bins.re[FIRST_BIN + k * a->stride];
        bands->im[k] = bins.im[FIRST_BIN + k * a->stride];
    }
}

/* Follows the power of each band; returns the sum of the powers now. */
static float average(float *power, const struct pm_bands *bands) {
    pm_lanes sums = {0};
    for (size_t k = 0; k < PM_LAG_BANDS; k += PM_LANES) {
        pm_lanes re = pm_lanes_load(bands->re + k), im = pm_lanes_load(bands->im + k), mean = pm_lanes_load(power + k);
        pm_lanes now = re * re + im * im;
        pm_lanes_store(power + k, mean + FORGET * (now - mean));
        sums += now;
    }
    return pm_lanes_sum(sums);
}

/* The newest row that is at least `lag` steps old. */
static unsigned row_of(const struct pm_alignment *a, unsigned lag) {
    return (a->step + PM_LAGS - lag) % PM_LAGS / PM_LAG_HOP;
}

/* Takes the far side's spectrum, which stands in `row`, into the averages; tells whether it speaks. */
static void remember(struct pm_alignment *a, unsigned row) {
    float *share = a->share[row];
    pm_lanes means = {0}, weights = {0};
    float sum = average(a->far_power, &a->spectra[row]);
    for (size_t k = 0; k < PM_LAG_BANDS; k += PM_LANES) {
        means += pm_lanes_load(a->far_power + k);
    }
    float spoken = SPOKEN * pm_lanes_sum(means) / (float)PM_LAG_BANDS + 1.0f;
    for (size_t k = 0; k < PM_LAG_BANDS; k += PM_LANES) {
        pm_lanes power = pm_lanes_load(a->far_power + k), weight = 1.0f / (power + spoken);
        pm_lanes_store(share + k, weight); /* a weight of far_power times this, over far_power */
        weights += weight * power;
    }
    float whole = 1.0f / (pm_lanes_sum(weights) + 1e-6f);
    for (size_t k = 0; k < PM_LAG_BANDS; k += PM_LANES) {
        pm_lanes_store(share + k, whole * pm_lanes_load(share + k));
    }
    a->active[row] = sum > ACTIVE_POWER * (float)(PM_LAG_BANDS * (a->frame / 80));
}

/* One more step into the cross-spectrum of one lag; its coherence. `near_inverse`: one over the averaged power of each band. */
static float coherence(struct pm_bands *cross, const struct pm_bands *far, const float *share, const struct pm_bands *near,
                       const float *near_inverse) {
    pm_lanes sums = {0};
    for (size_t k = 0; k < PM_LAG_BANDS; k += PM_LANES) {
        pm_lanes far_re = pm_lanes_load(far->re + k), far_im = pm_lanes_load(far->im + k);
        pm_lanes near_re = pm_lanes_load(near->re + k), near_im = pm_lanes_load(near->im + k);
        pm_lanes re = pm_lanes_load(cross->re + k), im = pm_lanes_load(cross->im + k);
        re += FORGET * (far_re * near_re + far_im * near_im - re);
        im += FORGET * (far_re * near_im - far_im * near_re - im);
        pm_lanes_store(cross->re + k, re);
        pm_lanes_store(cross->im + k, im);
        sums += pm_lanes_load(share + k) * pm_lanes_load(near_inverse + k) * (re * re + im * im);
    }
    return pm_lanes_sum(sums);
}

/* The lags whose turn it is: those that are whole hops behind a row. */
static void correlate(struct pm_alignment *a, const struct pm_bands *near, const float *near_power) {
    float near_inverse[PM_LAG_BANDS];
    for (size_t k = 0; k < PM_LAG_BANDS; k++) {
        near_inverse[k] = 1.0f / (near_power[k] + 1.0f);
    }
    for (unsigned lag = a->step % PM_LAG_HOP; lag < PM_LAGS; lag += PM_LAG_HOP) {
        unsigned row = row_of(a, lag);
        a->coherence[lag] = coherence(&a->cross[lag], &a->spectra[row], a->share[row], near, near_inverse);
    }
}

/* When the far side has been silent for as long as the lags reach and the averages remember, there is nothing to compare. */
static bool rests(struct pm_alignment *a) {
    bool speaks = false;
    for (unsigned row = 0; row < PM_LAG_ROWS; row++) {
        speaks = speaks || a->active[row];
    }
    a->idle_steps = speaks ? 0 : a->idle_steps + (a->idle_steps <= REST_STEPS);
    if (a->idle_steps == REST_STEPS) {
        memset(a->cross, 0, sizeof a->cross);
        memset(a->coherence, 0, sizeof a->coherence);
    }
    return a->idle_steps >= REST_STEPS;
}

static unsigned best_lag(const struct pm_alignment *a) {
    unsigned best = 0;
    for (unsigned lag = 1; lag < PM_LAGS; lag++) {
        if (a->coherence[lag] > a->coherence[best]) {
            best = lag;
        }
    }
    return best;
}

static void settle(struct pm_alignment *a, unsigned lag) {
    a->moves += a->known;
    a->moved = true;
    a->known = true;
    a->lag = lag;
    a->candidate_steps = 0;
    a->reference = a->coherence[lag] > COHERENT ? a->coherence[lag] : COHERENT;
}

/* A lag becomes the delay when it explains the microphone clearly better than the present one, and steadily. */
static void follow(struct pm_alignment *a) {
    unsigned best = best_lag(a);
    float present = a->known ? a->coherence[a->lag] : 0.0f;
    if (a->coherence[best] < COHERENT || (a->known && (best == a->lag || a->coherence[best] < CLEARLY_BETTER * present))) {
        a->candidate_steps = 0;
        a->evidence = 0.0f;
        return;
    }
    bool same = best == a->candidate;
    a->evidence = (same ? a->evidence : 0.0f) + a->coherence[best] - COHERENT;
    a->candidate_steps = same ? a->candidate_steps + 1 : 1;
    a->candidate = best;
    a->doubted = a->known && a->evidence >= DOUBTFUL && a->coherence[best] > DOUBT_ABOVE * a->reference;
    unsigned steps = a->known ? CONFIRM_STEPS : LEARN_STEPS;
    if (a->candidate_steps >= steps && a->evidence >= EVIDENT) {
        settle(a, best);
    }
}

/* Echo that hardly stands out of a loud street is the best lag's for a moment only, but always at the same lag. */
static void tally(struct pm_alignment *a) {
    float mean = 0.0f;
    for (unsigned lag = 0; lag < PM_LAGS; lag++) {
        mean += a->coherence[lag] / (float)PM_LAGS;
    }
    for (unsigned lag = 0; lag < PM_LAGS; lag++) {
        a->tally[lag] += TALLY * (a->coherence[lag] - mean - a->tally[lag]);
        a->tallied = a->tally[lag] > a->tally[a->tallied] ? lag : a->tallied;
    }
    if (a->tally[a->tallied] >= TALLIED) {
        settle(a, a->tallied);
    }
}

static enum pm_talk judge(struct pm_alignment *a) {
    if (!a->known) {
        return PM_TALK_BOTH; /* nobody knows yet: hurt nobody by learning */
    }
    float now = a->coherence[a->lag];
    float sink = now < BOTH_BELOW * a->reference ? SINK_BOTH : SINK;
    a->reference = now > a->reference ? a->reference + 0.2f * (now - a->reference) : a->reference * sink;
    float share = a->doubted ? 1.0f : (now / a->reference - BOTH_BELOW) / (ALONE_ABOVE - BOTH_BELOW);
    share = share < 0.0f ? 0.0f : share > 1.0f ? 1.0f : share;
    /* Does not sink at once: a consonant of the far side may look like somebody else for a moment. */
    a->alone = share > LINGER * a->alone ? share : LINGER * a->alone;
    return a->alone > 0.3f ? PM_TALK_FAR : PM_TALK_BOTH;
}

void pm_alignment_step(struct pm_alignment *a, const int16_t *far, const int16_t *near) {
    struct pm_bands bands;
    float *near_power = a->near_power[a->step % PM_LAG_HOP];
    slide(a->far, far, a->frame);
    slide(a->near, near, a->frame);
    if (a->step % PM_LAG_HOP == 0) {
        compared(a, a->far, &a->spectra[row_of(a, 0)]);
        remember(a, row_of(a, 0));
    }
    compared(a, a->near, &bands);
    (void)average(near_power, &bands);
    a->moved = a->doubted = false;
    bool active = a->active[row_of(a, a->known ? a->lag : 4)];
    if (!rests(a)) {
        correlate(a, &bands, near_power);
    }
    a->step = (a->step + 1) % PM_LAGS;
    if (!active) {
        a->talk = PM_TALK_SILENCE;
        a->alone = 0.0f;
        return;
    }
    a->active_steps += a->active_steps < 1000000;
    follow(a);
    if (!a->known) {
        tally(a);
    }
    a->talk = judge(a);
}

void pm_alignment_forget(struct pm_alignment *a) {
    a->known = false;
    a->candidate_steps = 0;
    a->evidence = 0.0f;
    memset(a->tally, 0, sizeof a->tally);
}
