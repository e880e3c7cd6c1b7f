/* Adding sounds. Pure functions. */
#ifndef PM_MIX_H
#define PM_MIX_H

#include "pm_samples.h"

/* into[i] += from[i], saturated: two full voices clip, they never wrap. */
static inline void pm_mix_add(int16_t *into, const int16_t *from, size_t n) {
    for (size_t i = 0; i < n; i++) {
        into[i] = pm_clip((int32_t)into[i] + from[i]);
    }
}

#endif
