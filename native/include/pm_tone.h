/* Tones of up to two sines with a cadence: ringback, busy, beeps, DTMF. A player's state; no clock. */
#ifndef PM_TONE_H
#define PM_TONE_H

#include "pm_samples.h"

struct pm_tone {
    bool playing;
    struct pm_tone_step steps[PM_TONE_STEPS_MAX];
    size_t count;
    unsigned repeats_left; /* meaningful unless endless */
    bool endless;
    size_t step;
    uint32_t rate_hz;               /* at which it was rendered last */
    uint32_t position;              /* samples into the step */
    uint32_t low_phase, high_phase; /* a full circle is 2^32 */
};

/* PM_EARG: no step or more than PM_TONE_STEPS_MAX, a frequency above half the narrow rate, a pattern without any duration. Repeats
 * 0: until stopped. */
int pm_tone_start(struct pm_tone *tone, const struct pm_tone_step *steps, size_t count, unsigned repeats);
void pm_tone_stop(struct pm_tone *tone);

/* Writes n samples at `rate_hz`, which may change from call to call; silence after the end. Returns true when the pattern ended
 * within them. */
bool pm_tone_render(struct pm_tone *tone, int16_t *out, size_t n, uint32_t rate_hz);

#endif
