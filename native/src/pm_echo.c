#include "pm_echo.h"
#include <math.h>
#include <speex/speex_echo.h>
#include <string.h>

enum {
    TAIL_MS = 160,   /* of the adaptive filter: the strong reflections of a staircase */
    EARLY_STEPS = 1, /* the reference runs ahead of the measured delay by so much: half a step of doubt, a plate's first sound */
    FRUITLESS_STEPS = 400, /* of far speech without any trace of an echo path: 4 s */
    HANGOVER_STEPS = 15    /* half duplex: the room must have died away before the microphone opens */
};

static const float AVERAGE = 0.02f;
static const float CONVERGED_DB = 8.0f;
static const float SHUT = 0.01f; /* -40 dB */

static bool is_wanted(const struct pm_echo_config *config) {
    return config->mode != PM_ECHO_OFF || config->suppress_noise || config->gain_control;
}

int pm_echo_init(struct pm_echo *e, const struct pm_echo_config *config) {
    memset(e, 0, sizeof *e);
    if ((config->rate_hz != 8000 && config->rate_hz != 16000) || config->mode > PM_ECHO_HALF_DUPLEX) {
        return PM_EARG;
    }
    e->config = *config;
    if (!is_wanted(config)) {
        return PM_OK; /* takes no memory and leaves the sound as it is */
    }
    e->frame = config->rate_hz / PM_FRAMES_A_SECOND;
    e->whole_steps = true;
    e->opening = 1.0f;
    pm_gain_init(&e->gain);
    e->filter = speex_echo_state_init((int)e->frame, (int)(config->rate_hz * TAIL_MS / 1000));
    if (e->filter == NULL || pm_alignment_init(&e->alignment, config->rate_hz) != PM_OK ||
        pm_residual_init(&e->residual, config->rate_hz, config->suppress_noise) != PM_OK) {
        pm_echo_close(e);
        return PM_ESYSTEM;
    }
    int rate = (int)config->rate_hz;
    (void)speex_echo_ctl(e->filter, SPEEX_ECHO_SET_SAMPLING_RATE, &rate);
    e->ready = true;
    return PM_OK;
}

void pm_echo_close(struct pm_echo *e) {
    if (e->filter != NULL) {
        speex_echo_state_destroy(e->filter);
        e->filter = NULL;
    }
    pm_alignment_close(&e->alignment);
    pm_residual_close(&e->residual);
    e->ready = false;
}

void pm_echo_disturbed(struct pm_echo *e) {
    if (e->ready && e->config.mode == PM_ECHO_CANCEL) {
        pm_residual_distrust(&e->residual);
        e->state = e->state == PM_ECHO_CONVERGED ? PM_ECHO_LEARNING : e->state;
    }
}

static float mean_square(const int16_t *samples, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (float)samples[i] * (float)samples[i];
    }
    return sum / (float)n;
}

static float decibels(float part, float whole) {
    return 10.0f * log10f((part + 1.0f) / (whole + 1.0f));
}

/* The far side as it left the loudspeaker `lag` steps ago. */
static const int16_t *far_at(const struct pm_echo *e, unsigned lag) {
    return e->history + PM_ECHO_HISTORY - (lag + 1) * e->frame;
}

static void push(struct pm_echo *e, const int16_t *far) {
    memmove(e->history, e->history + e->frame, sizeof e->history - e->frame * sizeof *e->history);
    memcpy(e->history + PM_ECHO_HISTORY - e->frame, far, e->frame * sizeof *far);
}

static unsigned reference_lag(const struct pm_echo *e) {
    unsigned lag = e->alignment.known ? e->alignment.lag : 0;
    return lag > EARLY_STEPS ? lag - EARLY_STEPS : 0;
}

static void judge(struct pm_echo *e, float mic, float left, float far) {
    const struct pm_alignment *a = &e->alignment;
    if (a->talk == PM_TALK_SILENCE) {
        return;
    }
    if (e->state == PM_ECHO_IDLE) {
        e->state = PM_ECHO_LEARNING;
    }
    e->both_steps += a->talk == PM_TALK_BOTH;
    if (a->talk == PM_TALK_FAR) {
        e->mic_power += AVERAGE * (mic - e->mic_power);
        e->left_power += AVERAGE * (left - e->left_power);
        e->far_power += AVERAGE * (far - e->far_power);
        e->alone_steps++;
        e->fruitless_steps = 0;
        bool converged = e->alone_steps > 20 && decibels(e->mic_power, e->left_power) > CONVERGED_DB;
        e->state = converged ? PM_ECHO_CONVERGED : e->state == PM_ECHO_CONVERGED ? PM_ECHO_CONVERGED : PM_ECHO_LEARNING;
    } else if (!a->known && ++e->fruitless_steps >= FRUITLESS_STEPS) {
        e->state = PM_ECHO_HELD;
    }
}

/* Half duplex: while the far side speaks, and a moment after, the microphone is shut. */
static void hold(struct pm_echo *e, int16_t *out) {
    bool far_speaks = e->alignment.talk != PM_TALK_SILENCE;
    e->closed_steps = far_speaks ? HANGOVER_STEPS : e->closed_steps > 0 ? e->closed_steps - 1 : 0;
    float before = e->opening;
    float goal = e->closed_steps > 0 ? SHUT : 1.0f;
    e->opening = goal < before ? fmaxf(goal, before * 0.3f) : fminf(goal, before * 1.6f);
    pm_gain_ramp(out, e->frame, before, e->opening);
}

static void step(struct pm_echo *e, const int16_t *far, const int16_t *near, int16_t *out) {
    int16_t error[PM_FRAME_MAX], predicted[PM_FRAME_MAX];
    bool cancels = e->config.mode == PM_ECHO_CANCEL;
    push(e, far);
    if (e->config.mode != PM_ECHO_OFF) {
        pm_alignment_step(&e->alignment, far, near);
    }
    const int16_t *reference = far_at(e, reference_lag(e));
    memcpy(error, near, e->frame * sizeof *error);
    memset(predicted, 0, sizeof predicted);
    if (cancels && e->alignment.known) {
        if (e->alignment.moved || e->alignment.doubted) {
            pm_residual_distrust(&e->residual);
        }
        speex_echo_cancellation(e->filter, near, reference, error);
        for (size_t i = 0; i < e->frame; i++) {
            predicted[i] = (int16_t)(near[i] - error[i]);
        }
    }
    enum pm_talk talk = cancels ? e->alignment.talk : PM_TALK_SILENCE;
    static const int16_t nothing[PM_FRAME_MAX];
    pm_residual_step(&e->residual, talk, cancels ? e->alignment.alone : 0.0f, error, predicted, cancels ? reference : nothing, out);
    if (e->config.mode == PM_ECHO_HALF_DUPLEX) {
        e->state = PM_ECHO_HELD;
    } else if (cancels) {
        judge(e, mean_square(near, e->frame), mean_square(error, e->frame), mean_square(reference, e->frame));
        if (e->alignment.talk == PM_TALK_FAR) {
            e->out_power += AVERAGE * (mean_square(out, e->frame) - e->out_power);
        }
    }
    if (e->state == PM_ECHO_HELD || (cancels && !e->alignment.known)) {
        hold(e, out);
    }
    if (e->config.gain_control) {
        pm_gain_step(&e->gain, e->alignment.talk == PM_TALK_SILENCE, e->residual.noise_power, out, e->frame);
    }
}

void pm_echo_run(struct pm_echo *e, const int16_t *far, int16_t *near, size_t n) {
    if (!e->ready) {
        return;
    }
    if (n % e->frame != 0 && e->whole_steps) {
        e->whole_steps = false;
        memset(e->out, 0, e->frame * sizeof *e->out);
        e->finished = e->frame; /* a step of silence in hand: from now on a period never finds too little */
    }
    memcpy(e->far_in + e->waiting, far, n * sizeof *far);
    memcpy(e->near_in + e->waiting, near, n * sizeof *near);
    e->waiting += n;
    size_t done = 0;
    for (; e->waiting - done >= e->frame; done += e->frame) {
        step(e, e->far_in + done, e->near_in + done, e->out + e->finished);
        e->finished += e->frame;
    }
    e->waiting -= done;
    memmove(e->far_in, e->far_in + done, e->waiting * sizeof *e->far_in);
    memmove(e->near_in, e->near_in + done, e->waiting * sizeof *e->near_in);
    memcpy(near, e->out, n * sizeof *near);
    e->finished -= n;
    memmove(e->out, e->out + n, e->finished * sizeof *e->out);
}

void pm_echo_stats(const struct pm_echo *e, struct pm_echo_stats *stats) {
    const struct pm_alignment *a = &e->alignment;
    double all = (double)(e->alone_steps + e->both_steps);
    *stats = (struct pm_echo_stats){.state = (uint8_t)e->state,
                                    .delay_known = a->known,
                                    .delay_ms = 10.0 * a->lag,
                                    .delay_moves = a->moves,
                                    .noise_db = (double)decibels(e->residual.noise_power, 0.0f) - 90.3,
                                    .gain_db = 20.0 * log10((double)e->gain.gain + 1e-9)};
    if (e->alone_steps > 0) {
        stats->echo_loss_db = (double)decibels(e->far_power, e->mic_power);
        stats->filter_db = (double)decibels(e->mic_power, e->left_power);
        stats->suppressed_db = (double)decibels(e->mic_power, e->out_power);
    }
    stats->both_percent = all > 0 ? 100.0 * (double)e->both_steps / all : 0.0;
}
