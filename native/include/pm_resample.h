/* Between the card's rate and the call's: libspeexdsp, or nothing when both are the same. */
#ifndef PM_RESAMPLE_H
#define PM_RESAMPLE_H

#include "pm_types.h"

struct pm_resample {
    void *state; /* NULL: the rates are equal, samples are copied */
    uint32_t from_hz, to_hz;
};

/* Allocates, the only place that does. PM_ESYSTEM when there is no memory. */
int pm_resample_init(struct pm_resample *resample, uint32_t from_hz, uint32_t to_hz);
void pm_resample_close(struct pm_resample *resample);

/* Converts n samples; all are consumed as long as `capacity` holds the result. Returns the samples written. */
size_t pm_resample_run(struct pm_resample *resample, const int16_t *in, size_t n, int16_t *out, size_t capacity);
/* Where one rate divides the other nothing is left over: `wanted` samples, which the n are at the other rate. */
void pm_resample_exactly(struct pm_resample *resample, const int16_t *in, size_t n, int16_t *out, size_t wanted);

#endif
