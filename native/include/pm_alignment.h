/* How far the microphone lags behind the loudspeaker, and who speaks: both from the coherence of the two signals.
 *
 * The delay is that of two device buffers and a walk through the air; it is not known, differs from card to card and jumps when a
 * card repairs an underrun. A spectrum of 40 ms is taken every 10 ms of the microphone and every 20 ms of the far side; for each
 * lag of whole steps the cross-spectrum of the delayed far side with the microphone is averaged, every 20 ms in its turn, and its
 * coherence (0 to 1, mean over the band of a voice) tells how much of the microphone the far side explains at that lag. The lag
 * that explains most is the delay; in a loud street no moment shows it, and seconds do. The same figure sinks as soon as somebody
 * else speaks as well: that is the double-talk detector, and it needs no adapted filter to trust in. */
#ifndef PM_ALIGNMENT_H
#define PM_ALIGNMENT_H

#include "pm_spectrum.h"

enum {
    PM_LAGS = 40,   /* steps of 10 ms: two generous device buffers and a sound server between */
    PM_LAG_HOP = 2, /* steps between spectra of the far side: windows of four then overlap by half, which says it all */
    PM_LAG_ROWS = PM_LAGS / PM_LAG_HOP,
    PM_LAG_BANDS = 64, /* bins that are compared: 300 to 3450 Hz, every second of 25 Hz; at 16 kHz up to 6600 Hz, every fourth */
    PM_FRAMES_A_SECOND = 100
};

enum pm_talk {
    PM_TALK_SILENCE = 0, /* the far side is silent: whatever the microphone hears is ours */
    PM_TALK_FAR = 1,     /* the far side alone */
    PM_TALK_BOTH = 2
};

/* Real and imaginary parts apart, so that four bands at a time are compared. */
struct pm_bands {
    float re[PM_LAG_BANDS], im[PM_LAG_BANDS];
};

struct pm_alignment {
    struct pm_spectrum spectrum;
    size_t frame;
    size_t stride; /* from one compared bin to the next */
    float far[PM_WINDOW_MAX], near[PM_WINDOW_MAX];
    unsigned step;                          /* modulo PM_LAGS */
    struct pm_bands spectra[PM_LAG_ROWS];   /* of the far side: the histories have a row for each hop */
    float far_power[PM_LAG_BANDS];          /* averaged */
    float share[PM_LAG_ROWS][PM_LAG_BANDS]; /* weight of a band at that moment, together one, over its averaged power */
    struct pm_bands cross[PM_LAGS];
    float near_power[PM_LAG_HOP][PM_LAG_BANDS]; /* averaged over the steps in which the same lags have their turn */
    bool active[PM_LAG_ROWS];                   /* whether the far side spoke then */
    float coherence[PM_LAGS];
    float tally[PM_LAGS]; /* while no delay is known: by how much it was above the mean of all lags, over seconds of far speech */
    unsigned tallied;     /* the lag where that is most */
    float reference;      /* what single talk reaches at the best lag: the measure for double talk */
    unsigned lag;         /* steps; meaningful once `known` */
    bool known;
    unsigned candidate, candidate_steps;
    float evidence;        /* for the candidate: what it explained beyond chance, summed over its steps */
    unsigned idle_steps;   /* since the far side has spoken at any lag, saturating */
    unsigned active_steps; /* of far speech since the start, saturating */
    enum pm_talk talk;
    bool moved;   /* the lag changed in this step */
    bool doubted; /* another lag seems to be the right one: nothing that was learned about the path holds */
    float alone;  /* 0 to 1: how sure it is that nobody but the far side speaks */
    unsigned moves;
};

/* PM_EARG: a rate other than 8 or 16 kHz. */
int pm_alignment_init(struct pm_alignment *alignment, uint32_t rate_hz);
/* One frame of 10 ms of both sides, as they pass the card at the same time. */
void pm_alignment_step(struct pm_alignment *alignment, const int16_t *far, const int16_t *near);
/* The delay that was found is none: the search begins anew. */
void pm_alignment_forget(struct pm_alignment *alignment);

#endif
