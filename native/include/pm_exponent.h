/* Natural logarithm and exponential to four digits, without a branch or a call: loops over bins become lanes. */
#ifndef PM_EXPONENT_H
#define PM_EXPONENT_H

#include <stdint.h>
#include <string.h>

/* Of a positive, normal number. The polynomial is exact at the ends, so that no step is seen between two powers of two. */
static inline float pm_log(float x) {
    int32_t bits, mantissa;
    float m;
    memcpy(&bits, &x, sizeof bits);
    mantissa = (bits & 0x7fffff) | 0x3f800000;
    memcpy(&m, &mantissa, sizeof m);
    float t = m - 1.0f;
    float part = t * (1.4387257f + t * (-0.6777839f + t * (0.3211889f - t * 0.0821307f)));
    return 0.69314718f * ((float)((bits >> 23) - 127) + part);
}

/* Of -80 to 80; what lies beyond is taken for that. */
static inline float pm_exp(float x) {
    float within = x < -80.0f ? -80.0f : x > 80.0f ? 80.0f : x;
    float t = within * 1.44269504f + 127.0f;
    int32_t whole = (int32_t)t, bits = whole << 23;
    float power, f = t - (float)whole;
    memcpy(&power, &bits, sizeof power);
    return power * (1.0f + f * (0.6954243f + f * (0.2263077f + f * 0.0782680f)));
}

#endif
