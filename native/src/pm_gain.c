#include "pm_gain.h"
#include <math.h>

static const float TARGET_DB = -24.0f; /* of active speech: ITU-T P.56 level of a telephone's line */
static const float MOST_UP_DB = 12.0f; /* more would lift the street's noise into speech */
static const float MOST_DOWN_DB = -9.0f;
static const float STEP_DB = 0.03f;           /* 3 dB a second: nobody hears it move */
static const float SPEECH_OVER_NOISE = 10.0f; /* times the noise's power */
static const float SPEECH_LEAST = 1000.0f;    /* mean square, about -60 dB: silence of a good microphone stays silence */
static const float KNEE = 24000.0f;           /* the limiter bends from here on: 2.7 dB below full scale */

void pm_gain_init(struct pm_gain *g) {
    *g = (struct pm_gain){.level_db = TARGET_DB, .gain = 1.0f};
}

static float soft(float x) {
    float size = fabsf(x);
    if (size <= KNEE) {
        return x;
    }
    float room = 32767.0f - KNEE;
    float bent = KNEE + room * tanhf((size - KNEE) / room);
    return x < 0 ? -bent : bent;
}

void pm_gain_ramp(int16_t *samples, size_t n, float from, float to) {
    if (from == 1.0f && to == 1.0f) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        float gain = from + (to - from) * (float)(i + 1) / (float)n;
        samples[i] = (int16_t)lrintf(soft(gain * (float)samples[i]));
    }
}

static float mean_square(const int16_t *samples, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (float)samples[i] * (float)samples[i];
    }
    return n > 0 ? sum / (float)n : 0.0f;
}

static float toward(float value, float goal, float step) {
    return value < goal ? fminf(value + step, goal) : fmaxf(value - step, goal);
}

float pm_gain_toward(float now, float goal_db) {
    float now_db = toward(20.0f * log10f(now), goal_db, STEP_DB);
    return fabsf(now_db) < 0.01f ? 1.0f : powf(10.0f, now_db / 20.0f);
}

void pm_gain_step(struct pm_gain *g, bool speech, float noise_power, int16_t *samples, size_t n) {
    float power = mean_square(samples, n);
    if (speech && power > SPEECH_LEAST && power > SPEECH_OVER_NOISE * noise_power) {
        float now_db = 10.0f * log10f(power) - 90.3f; /* of full scale 32768 */
        g->level_db += 0.02f * (now_db - g->level_db);
        g->wanted_db = fmaxf(MOST_DOWN_DB, fminf(MOST_UP_DB, TARGET_DB - g->level_db));
    }
    float before = g->gain;
    g->gain = pm_gain_toward(before, g->wanted_db);
    pm_gain_ramp(samples, n, before, g->gain);
}

float pm_gain_for_noise(float noise_power, float most_db) {
    /* Nothing below -60 dB of noise, all of it from -36 dB on: a quiet hall to a street with lorries. */
    float noise_db = 10.0f * log10f(noise_power + 1e-3f) - 90.3f;
    float share = (noise_db + 60.0f) / 24.0f;
    return most_db * fmaxf(0.0f, fminf(1.0f, share));
}
