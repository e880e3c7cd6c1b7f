/* What the adaptive filter leaves: a spectral gain that takes the rest of the echo and the street's noise off the microphone.
 *
 * The echo that is left is estimated from two sides: from what the filter predicted (its error follows it) and from the far side
 * itself (a bent loudspeaker, a tail longer than the filter, a path that has just moved). How much of each is left is learned for
 * each bin while the far side speaks alone, and assumed to be everything until then: so the canceller begins as a half-duplex box,
 * and opens as it learns. What is taken away is filled with noise of the room's own colour, or the far side would hear the line die
 * between the words. */
#ifndef PM_RESIDUAL_H
#define PM_RESIDUAL_H

#include "pm_alignment.h"

enum { PM_RESIDUAL_WINDOW_MAX = 2 * PM_FRAME_MAX, PM_RESIDUAL_BINS_MAX = PM_RESIDUAL_WINDOW_MAX / 2 + 1 };

struct pm_residual {
    struct pm_spectrum spectrum;
    size_t frame, bins;
    bool suppresses_noise;
    float error[PM_RESIDUAL_WINDOW_MAX], predicted[PM_RESIDUAL_WINDOW_MAX], far[PM_RESIDUAL_WINDOW_MAX];
    float overlap[PM_FRAME_MAX];
    float far_echo[PM_RESIDUAL_BINS_MAX], filter_echo[PM_RESIDUAL_BINS_MAX]; /* powers that die away as a room does */
    float far_left[PM_RESIDUAL_BINS_MAX], filter_left[PM_RESIDUAL_BINS_MAX]; /* natural logarithm of the share that is left */
    float smooth[PM_RESIDUAL_BINS_MAX];
    float quietest[2][PM_RESIDUAL_BINS_MAX]; /* of this and the last stretch: minimum statistics */
    float noise[PM_RESIDUAL_BINS_MAX];
    float speech[PM_RESIDUAL_BINS_MAX]; /* power let through in the last step: the decision-directed rule */
    unsigned steps;
    uint32_t chance;
    float noise_power; /* mean square of the room's noise, a sample */
};

/* PM_EARG: a rate other than 8 or 16 kHz. */
int pm_residual_init(struct pm_residual *residual, uint32_t rate_hz, bool suppresses_noise);
/* Forgets what was learned about the path: everything is left again. */
void pm_residual_distrust(struct pm_residual *residual);
/* One frame: `error` is the microphone after the filter, `predicted` what the filter took away, `far` the loudspeaker at the path's
 * delay; NULL for silence. `out` comes one frame later than `error`. */
void pm_residual_step(struct pm_residual *residual, enum pm_talk talk, float alone, const int16_t *error, const int16_t *predicted,
                      const int16_t *far, int16_t *out);

#endif
