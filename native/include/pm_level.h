/* Whether nobody speaks at the moment: power against the loudest and the quietest of the last seconds. Time may be cut out of a
 * pause or put into it unheard. */
#ifndef PM_LEVEL_H
#define PM_LEVEL_H

#include "pm_samples.h"

struct pm_level {
    unsigned per_ms;
    bool begun;
    float loud;  /* mean squares: falls slowly */
    float floor; /* rises slowly */
};

void pm_level_init(struct pm_level *level, unsigned per_ms);

/* Takes the next samples of the signal into account. */
void pm_level_follow(struct pm_level *level, const int16_t *x, size_t n);

/* Whether all of x[0 .. n) is a pause: time may be taken from any of it. */
bool pm_level_is_pause(const struct pm_level *level, const int16_t *x, size_t n);

/* Whether x[0 .. n) is no more than the background, by its mean. */
bool pm_level_is_background(const struct pm_level *level, const int16_t *x, size_t n);

#endif
