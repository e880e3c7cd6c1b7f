/* The echo canceller: the one seam behind the microphone. What the loudspeaker plays and what the microphone hears go in, what the
 * visitor says comes out.
 *
 *   far ── delay as pm_alignment finds it ──┐
 *   microphone ── libspeexdsp's adaptive filter ── pm_residual ── gain ── out
 *
 * The filter is the library's (MDF, a multi-delay block filter in the frequency domain, with a learning rate that survives double
 * talk). It needs the echo to begin within its 100 ms or so and never to jump: the alignment sees to that. Sound is 16-bit mono at
 * 8 or 16 kHz in steps of 10 ms, two of which the filter takes at a time; the result is one step late. One owner thread; nothing is
 * allocated after pm_echo_init.
 *
 * Until the delay is known only one side speaks at a time. A handset, a loudspeaker that is turned off or a box with a canceller of
 * its own never shows an echo: once the far side has spoken for some seconds without a trace of it, neither in coherence nor in
 * rhythm (pm_envelope), the microphone is left alone. The first trace ends that. And only one side speaks as long as the echo
 * drives the microphone to full scale: what is cut off there no filter can predict. */
#ifndef PM_ECHO_H
#define PM_ECHO_H

#include "pm_envelope.h"
#include "pm_gain.h"
#include "pm_residual.h"

enum {
    PM_ECHO_BLOCK_MAX = 2 * PM_FRAME_MAX,
    PM_ECHO_HISTORY = (PM_LAGS + 2) * PM_FRAME_MAX, /* of the far side: the longest delay */
    PM_ECHO_PERIOD_MAX = PM_PERIOD_MAX_MS * PM_FRAME_MAX / 10
};

struct pm_echo {
    struct pm_echo_config config;
    bool ready;
    void *filter;          /* SpeexEchoState */
    size_t frame;          /* samples of a step */
    size_t block;          /* of the filter: one step or two */
    unsigned silent_steps; /* of the filter's reference, saturating */
    struct pm_alignment alignment;
    struct pm_residual residual;
    struct pm_gain gain;
    int16_t history[PM_ECHO_HISTORY]; /* the newest frame last */
    /* Periods that are no whole steps wait here. */
    int16_t far_in[PM_ECHO_PERIOD_MAX + PM_ECHO_BLOCK_MAX], near_in[PM_ECHO_PERIOD_MAX + PM_ECHO_BLOCK_MAX];
    int16_t out[PM_ECHO_PERIOD_MAX + 2 * PM_ECHO_BLOCK_MAX];
    size_t waiting, finished;
    bool whole_blocks; /* every period so far was a whole number of blocks: nothing waits */
    enum pm_echo_state state;
    float mic_power, left_power, out_power; /* averages while the far side speaks alone */
    float far_power;
    unsigned alone_steps, both_steps;
    struct pm_envelope envelope; /* until the filter has converged */
    unsigned fruitless_steps;    /* of far speech whose delay could not be found */
    unsigned traceless_steps;    /* of far speech without any sign of its echo */
    bool was_clear;
    float clipped;         /* share of the microphone's samples at full scale while the far side speaks, over a second of that */
    bool overdriven;       /* too many: no filter can follow that */
    unsigned closed_steps; /* half duplex: the microphone stays shut so much longer */
    float opening;         /* half duplex: gain of the microphone, moved smoothly */
};

/* PM_EARG: a rate other than 8 or 16 kHz; PM_ESYSTEM: no memory. Close after PM_OK. */
int pm_echo_init(struct pm_echo *echo, const struct pm_echo_config *config);
void pm_echo_close(struct pm_echo *echo);

/* `far` was handed to the card for this period, `near` came from it; n up to PM_PERIOD_MAX_MS. `near` is replaced. */
void pm_echo_run(struct pm_echo *echo, const int16_t *far, int16_t *near, size_t n);
/* The card repaired an underrun or was opened again: what was learned about the delay may be wrong. */
void pm_echo_disturbed(struct pm_echo *echo);
void pm_echo_stats(const struct pm_echo *echo, struct pm_echo_stats *stats);

#endif
