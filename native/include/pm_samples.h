/* Sample counts, and saturation. */
#ifndef PM_SAMPLES_H
#define PM_SAMPLES_H

#include "pm_types.h"

/* Samples of so many milliseconds at the highest rate: what arrays must hold. Algorithms count in `per_ms`, the samples of one
 * millisecond at their rate: 8 or 16. */
#define PM_MS_MAX(ms) (PM_RATE_WIDE_HZ / 1000 * (ms))

static inline bool pm_is_core_rate(uint32_t hz) {
    return hz == PM_RATE_NARROW_HZ || hz == PM_RATE_WIDE_HZ;
}

static inline int16_t pm_clip(int32_t v) {
    return (int16_t)(v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v);
}

static inline int16_t pm_round(float v) {
    return pm_clip((int32_t)(v < 0.0F ? v - 0.5F : v + 0.5F));
}

#endif
