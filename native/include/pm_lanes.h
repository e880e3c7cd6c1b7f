/* Four floats at a time. A sum may not be reordered by the compiler, so loops that add up say themselves in which lanes they do;
 * the vector extension of gcc and clang makes SSE, NEON or plain code of it. */
#ifndef PM_LANES_H
#define PM_LANES_H

#include <string.h>

enum { PM_LANES = 4 };

typedef float pm_lanes __attribute__((vector_size(16)));

static inline pm_lanes pm_lanes_load(const float *x) {
    pm_lanes lanes;
    memcpy(&lanes, x, sizeof lanes);
    return lanes;
}

static inline void pm_lanes_store(float *x, pm_lanes lanes) {
    memcpy(x, &lanes, sizeof lanes);
}

static inline float pm_lanes_sum(pm_lanes lanes) {
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

/* Sum of the products of n pairs. */
static inline float pm_dot(const float *a, const float *b, unsigned n) {
    pm_lanes sums[4] = {0};
    unsigned i = 0;
    for (; i + 4 * PM_LANES <= n; i += 4 * PM_LANES) {
        for (unsigned k = 0; k < 4; k++) { /* four chains: an addition need not wait for the one before */
            sums[k] += pm_lanes_load(a + i + k * PM_LANES) * pm_lanes_load(b + i + k * PM_LANES);
        }
    }
    float sum = pm_lanes_sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
    for (; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

#endif
