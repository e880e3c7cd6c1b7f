#include "pm_resample.h"
#include <speex/speex_resampler.h>
#include <string.h>

/* The library's scale goes to 10; 3 keeps images of a telephone voice 50 dB down at a third of the work of 5. */
enum { QUALITY = 3 };

int pm_resample_init(struct pm_resample *r, uint32_t from_hz, uint32_t to_hz) {
    *r = (struct pm_resample){.from_hz = from_hz, .to_hz = to_hz};
    if (from_hz == to_hz) {
        return PM_OK;
    }
    int error = 0;
    SpeexResamplerState *state = speex_resampler_init(1, from_hz, to_hz, QUALITY, &error);
    if (state == NULL) {
        return PM_ESYSTEM;
    }
    r->state = state;
    return PM_OK;
}

void pm_resample_close(struct pm_resample *r) {
    if (r->state != NULL) {
        speex_resampler_destroy(r->state);
        r->state = NULL;
    }
}

size_t pm_resample_run(struct pm_resample *r, const int16_t *in, size_t n, int16_t *out, size_t capacity) {
    if (r->state == NULL) {
        size_t copied = n < capacity ? n : capacity;
        memcpy(out, in, copied * sizeof *out);
        return copied;
    }
    spx_uint32_t consumed = (spx_uint32_t)n, written = (spx_uint32_t)capacity;
    (void)speex_resampler_process_int(r->state, 0, in, &consumed, out, &written);
    return written;
}

void pm_resample_exactly(struct pm_resample *r, const int16_t *in, size_t n, int16_t *out, size_t wanted) {
    size_t written = pm_resample_run(r, in, n, out, wanted);
    memset(out + written, 0, (wanted - written) * sizeof *out);
}
