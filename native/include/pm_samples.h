/* Sample counts at the core's rate, and saturation. */
#ifndef PM_SAMPLES_H
#define PM_SAMPLES_H

#include "pm_types.h"

/* Milliseconds as samples at the core's rate. */
#define PM_MS(ms) ((ms)*PM_CALL_RATE_HZ / 1000)

static inline int16_t pm_clip(int32_t v) {
    return (int16_t)(v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v);
}

static inline int16_t pm_round(float v) {
    return pm_clip((int32_t)(v < 0.0F ? v - 0.5F : v + 0.5F));
}

#endif
