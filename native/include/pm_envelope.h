/* Whether the microphone grows loud and soft as the loudspeaker does. An echo that is bent beyond recognition, or later than any
 * lag that pm_alignment compares, still has the rhythm of the speech that it came from; a quiet room, a street or another talker
 * has not. Loudness is compared in decibels, freed of what lasts longer than a syllable: turns that two people take are no echo. */
#ifndef PM_ENVELOPE_H
#define PM_ENVELOPE_H

#include "pm_spectrum.h"

enum { PM_ENVELOPE_LAGS = 100 }; /* steps of 10 ms: one second, more than any sound server buffers */

struct pm_envelope {
    unsigned newest;             /* place of the far side's latest loudness */
    float far[PM_ENVELOPE_LAGS]; /* decibels over the mean at that time */
    float far_mean_db, near_mean_db;
    float far_spread, near_spread; /* mean squares */
    float cross[PM_ENVELOPE_LAGS];
    unsigned steps; /* taken in, saturating */
    unsigned lag;   /* steps, where both agree best */
    float likeness; /* there: correlation, -1 to 1 */
};

void pm_envelope_init(struct pm_envelope *envelope);
/* Mean squares of one frame of 10 ms of both sides. */
void pm_envelope_step(struct pm_envelope *envelope, float far, float near);
/* Whether what is heard has the far side's rhythm. */
bool pm_envelope_follows(const struct pm_envelope *envelope);

#endif
