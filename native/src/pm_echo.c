#include "pm_echo.h"
#include <math.h>
#include <speex/speex_echo.h>
#include <string.h>

enum {
    TAIL_MS = 160, /* of the adaptive filter: the strong reflections of a staircase */
    TAIL_STEPS = TAIL_MS / 10,
    EARLY_STEPS = 1, /* the reference runs ahead of the measured delay by so much: half a step of doubt, a plate's first sound */
    FRUITLESS_STEPS = 400, /* of far speech with an echo whose delay cannot be found: 4 s */
    TRACELESS_STEPS = 300, /* of far speech without any trace of an echo: 3 s … */
    AGAIN_STEPS = 50,      /* … and half a second when it was so before: a trace by chance */
    HANGOVER_STEPS = 15    /* half duplex: the room must have died away before the microphone opens */
};

static const float TRACE = 1.25f;        /* evidence of an echo, which is met by chance once in a minute of two voices at a time */
static const float TALLY_TRACE = 0.035f; /* the same, of seconds */
static const int16_t FULL_SCALE = 32000;
static const float CLIPPED_AVERAGE = 0.01f; /* over a second of far speech */
static const float CLIPPED_OFTEN = 0.01f;   /* one sample in a hundred: only one side speaks … */
static const float CLIPPED_SELDOM = 0.002f; /* … until it is one in five hundred */
static const float AVERAGE = 0.02f;
static const float CONVERGED_DB = 8.0f;
static const float SHUT = 0.01f;    /* -40 dB */
static const float SILENT = 100.0f; /* mean square, -70 dB: no echo of it is heard */

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
    e->block = config->short_blocks ? e->frame : 2 * e->frame;
    e->whole_blocks = true;
    e->opening = 1.0f;
    pm_gain_init(&e->gain);
    pm_envelope_init(&e->envelope);
    e->filter = speex_echo_state_init((int)e->block, (int)(config->rate_hz * TAIL_MS / 1000));
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

/* What left the loudspeaker `lag` steps before the newest block. */
static const int16_t *far_at(const struct pm_echo *e, unsigned lag) {
    return e->history + PM_ECHO_HISTORY - e->block - lag * e->frame;
}

static void push(struct pm_echo *e, const int16_t *far) {
    memmove(e->history, e->history + e->block, sizeof e->history - e->block * sizeof *e->history);
    memcpy(e->history + PM_ECHO_HISTORY - e->block, far, e->block * sizeof *far);
}

static unsigned reference_lag(const struct pm_echo *e) {
    unsigned lag = e->alignment.known ? e->alignment.lag : 0;
    return lag > EARLY_STEPS ? lag - EARLY_STEPS : 0;
}

/* Of one step, mean squares: what the loudspeaker played, the microphone heard, the filter left and everything behind it. */
struct heard {
    float far, mic, left, out;
};

/* With a known delay: how well it goes. */
static void judge(struct pm_echo *e, const struct heard *h) {
    if (e->state == PM_ECHO_HELD || e->state == PM_ECHO_CLEAR) {
        e->state = PM_ECHO_LEARNING; /* the delay has just been found */
    }
    e->both_steps += e->alignment.talk == PM_TALK_BOTH;
    if (e->alignment.talk == PM_TALK_FAR) {
        e->mic_power += AVERAGE * (h->mic - e->mic_power);
        e->left_power += AVERAGE * (h->left - e->left_power);
        e->far_power += AVERAGE * (h->far - e->far_power);
        e->out_power += AVERAGE * (h->out - e->out_power);
        e->alone_steps++;
        bool converged = e->alone_steps > 20 && decibels(e->mic_power, e->left_power) > CONVERGED_DB;
        e->state = converged || e->state == PM_ECHO_CONVERGED ? PM_ECHO_CONVERGED : PM_ECHO_LEARNING;
    }
}

/* While no delay is known: is there an echo at all? */
static void search(struct pm_echo *e) {
    enum pm_echo_state before = e->state;
    const struct pm_alignment *a = &e->alignment;
    bool trace = a->evidence >= TRACE || a->tally[a->tallied] >= TALLY_TRACE || pm_envelope_follows(&e->envelope);
    e->traceless_steps = trace ? 0 : e->traceless_steps + (e->traceless_steps < TRACELESS_STEPS);
    e->fruitless_steps += e->fruitless_steps < FRUITLESS_STEPS;
    if (e->traceless_steps >= (e->was_clear ? AGAIN_STEPS : TRACELESS_STEPS)) {
        e->was_clear = true;
        e->fruitless_steps = 0;
        e->state = PM_ECHO_CLEAR;
        return;
    }
    e->state = e->fruitless_steps >= FRUITLESS_STEPS ? PM_ECHO_HELD : PM_ECHO_LEARNING;
    if (before == PM_ECHO_CLEAR) {
        pm_residual_distrust(&e->residual);
    }
}

/* The microphone has the far side's rhythm, later than any lag that is compared. A delay that seemed to fit is chance then. */
static bool is_late(const struct pm_echo *e) {
    return e->envelope.lag >= PM_LAGS && pm_envelope_follows(&e->envelope);
}

static unsigned hangover(const struct pm_echo *e) {
    return HANGOVER_STEPS + (!e->alignment.known && is_late(e) ? e->envelope.lag : 0);
}

/* Half duplex, as long as `holds`: while the far side speaks, and a moment after, the microphone is shut. */
static void hold(struct pm_echo *e, bool holds, int16_t *out) {
    bool far_speaks = e->alignment.talk != PM_TALK_SILENCE;
    e->closed_steps = far_speaks ? hangover(e) : e->closed_steps > 0 ? e->closed_steps - 1 : 0;
    float before = e->opening;
    float goal = holds && e->closed_steps > 0 ? SHUT : 1.0f;
    e->opening = goal < before ? fmaxf(goal, before * 0.3f) : fminf(goal, before * 1.6f);
    pm_gain_ramp(out, e->frame, before, e->opening);
}

/* What the filter finds of `reference` in a block of the microphone goes to `predicted`, the rest to `error`. When the far side has
 * been silent for as long as the filter reaches back there is nothing to find, and it rests. */
static void filter(struct pm_echo *e, const int16_t *near, const int16_t *reference, int16_t *error, int16_t *predicted) {
    unsigned steps = (unsigned)(e->block / e->frame);
    bool silent = mean_square(reference, e->block) < SILENT;
    e->silent_steps = !silent ? 0 : e->silent_steps < TAIL_STEPS + steps ? e->silent_steps + steps : e->silent_steps;
    if (e->silent_steps >= TAIL_STEPS + steps) {
        memcpy(error, near, e->block * sizeof *error);
        memset(predicted, 0, e->block * sizeof *predicted);
        return;
    }
    speex_echo_cancellation(e->filter, near, reference, error);
    for (size_t i = 0; i < e->block; i++) {
        predicted[i] = (int16_t)(near[i] - error[i]);
    }
}

/* A step of each: what the loudspeaker plays now and played as long ago as the echo takes, the microphone, and what the filter made
 * of it. */
struct sides {
    const int16_t *far, *reference, *near, *error, *predicted;
};

static void find_delay(struct pm_echo *e, const struct sides *s) {
    const struct pm_alignment *a = &e->alignment;
    pm_alignment_step(&e->alignment, s->far, s->near);
    if (e->state != PM_ECHO_CONVERGED) {
        pm_envelope_step(&e->envelope, mean_square(s->far, e->frame), mean_square(s->near, e->frame));
        if (a->known && is_late(e)) {
            pm_alignment_forget(&e->alignment);
        }
    }
    if (a->moved || a->doubted) {
        pm_residual_distrust(&e->residual);
    }
    if (!a->known && a->talk != PM_TALK_SILENCE) {
        search(e);
    }
}

/* Whether the echo is too loud for the microphone: what is cut off at full scale follows no filter. */
static void watch_scale(struct pm_echo *e, const int16_t *near) {
    unsigned clipped = 0;
    for (size_t i = 0; i < e->frame; i++) {
        clipped += near[i] > FULL_SCALE || near[i] < -FULL_SCALE;
    }
    if (e->alignment.talk != PM_TALK_SILENCE) {
        e->clipped += CLIPPED_AVERAGE * ((float)clipped / (float)e->frame - e->clipped);
        e->overdriven = e->clipped > (e->overdriven ? CLIPPED_SELDOM : CLIPPED_OFTEN);
    }
}

static void cancel(struct pm_echo *e, const struct sides *s, int16_t *out) {
    const struct pm_alignment *a = &e->alignment;
    find_delay(e, s);
    bool clear = e->state == PM_ECHO_CLEAR && !a->known;
    enum pm_talk talk = clear ? PM_TALK_SILENCE : a->talk;
    pm_residual_step(&e->residual, talk, a->alone, s->error, s->predicted, clear ? NULL : s->reference, out);
    if (a->known && a->talk != PM_TALK_SILENCE) {
        judge(e, &(struct heard){.far = mean_square(s->reference, e->frame),
                                 .mic = mean_square(s->near, e->frame),
                                 .left = mean_square(s->error, e->frame),
                                 .out = mean_square(out, e->frame)});
    }
    watch_scale(e, s->near);
    if (e->overdriven) {
        e->state = PM_ECHO_HELD;
    }
    hold(e, e->overdriven || (!a->known && !clear), out);
}

/* Noise alone, or half duplex because it was asked for. */
static void pass(struct pm_echo *e, const struct sides *s, int16_t *out) {
    pm_residual_step(&e->residual, PM_TALK_SILENCE, 0.0f, s->error, NULL, NULL, out);
    if (e->config.mode == PM_ECHO_HALF_DUPLEX) {
        pm_alignment_step(&e->alignment, s->far, s->near);
        e->state = PM_ECHO_HELD;
        hold(e, true, out);
    }
}

static void run_block(struct pm_echo *e, const int16_t *far, const int16_t *near, int16_t *out) {
    int16_t error[PM_ECHO_BLOCK_MAX], predicted[PM_ECHO_BLOCK_MAX];
    bool filters = e->config.mode == PM_ECHO_CANCEL && e->alignment.known;
    push(e, far);
    const int16_t *reference = far_at(e, reference_lag(e));
    if (filters) {
        filter(e, near, reference, error, predicted);
    }
    for (size_t at = 0; at < e->block; at += e->frame) {
        struct sides s = {.far = far + at,
                          .reference = reference + at,
                          .near = near + at,
                          .error = filters ? error + at : near + at,
                          .predicted = filters ? predicted + at : NULL};
        (e->config.mode == PM_ECHO_CANCEL ? cancel : pass)(e, &s, out + at);
        if (e->config.gain_control) {
            bool visitor = e->alignment.talk == PM_TALK_SILENCE || e->state == PM_ECHO_CLEAR;
            pm_gain_step(&e->gain, visitor, e->residual.noise_power, out + at, e->frame);
        }
    }
}

void pm_echo_run(struct pm_echo *e, const int16_t *far, int16_t *near, size_t n) {
    if (!e->ready) {
        return;
    }
    if (n % e->block != 0 && e->whole_blocks) {
        e->whole_blocks = false;
        memset(e->out, 0, e->block * sizeof *e->out);
        e->finished = e->block; /* a block of silence in hand: from now on a period never finds too little */
    }
    memcpy(e->far_in + e->waiting, far, n * sizeof *far);
    memcpy(e->near_in + e->waiting, near, n * sizeof *near);
    e->waiting += n;
    size_t done = 0;
    for (; e->waiting - done >= e->block; done += e->block) {
        run_block(e, e->far_in + done, e->near_in + done, e->out + e->finished);
        e->finished += e->block;
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
