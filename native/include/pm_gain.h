/* Slow gain: a visitor who stands near and one who stands far are heard alike. */
#ifndef PM_GAIN_H
#define PM_GAIN_H

#include "pm_types.h"

struct pm_gain {
    float level_db; /* of speech, RMS in dB below full scale; follows slowly */
    float gain;     /* linear, applied now */
    float wanted_db;
};

void pm_gain_init(struct pm_gain *gain);
/* One frame of 10 ms in place. `speech`: nobody but the visitor can be heard in it. `noise_power`: mean square of the room's noise.
 */
void pm_gain_step(struct pm_gain *gain, bool speech, float noise_power, int16_t *samples, size_t n);

/* Volume of the loudspeaker by the street's noise: decibels to add to what is played, 0 to `most_db`. */
float pm_gain_for_noise(float noise_power, float most_db);
/* The gain after one more step from `now` towards `goal_db`: slow enough that nobody hears it move. */
float pm_gain_toward(float now, float goal_db);
/* Multiplies in place from gain `from` to gain `to`, peaks kept below full scale by a soft knee. */
void pm_gain_ramp(int16_t *samples, size_t n, float from, float to);

#endif
