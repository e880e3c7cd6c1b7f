/* Digits as tones in the sound itself: the last resort for peers that know neither telephone-events nor INFO. What finds the tones
 * is a driver with a library of its own, as for codecs; this decides what is a press. No clock. */
#ifndef PM_INBAND_H
#define PM_INBAND_H

#include "pm_resample.h"
#include "pm_samples.h"

enum { PM_INBAND_EVENTS = 2 }; /* a piece of sound can end one press and begin another */

struct pm_tone_finder {
    size_t (*octets)(void);
    int (*init)(void *state);
    /* The digit whose tones sound at the end of n samples at PM_RATE_NARROW_HZ, 0 for none. */
    char (*feed)(void *state, const int16_t *samples, size_t n);
};

extern const struct pm_tone_finder pm_dtmf_finder; /* in a module of its own */

/* Makes the finder known for good, before the first stream that uses it. */
void pm_inband_install(const struct pm_tone_finder *finder);
/* Octets of state, 0 when no finder is installed. */
size_t pm_inband_memory(void);

struct pm_inband {
    bool on;
    void *state;
    struct pm_resample narrow;
    uint32_t rate_hz;
    char digit;    /* that sounds, 0 for none */
    uint32_t held; /* samples at PM_RATE_NARROW_HZ since it began */
    bool told;     /* it has been long enough to be a press */
};

/* PM_EARG: no finder, or a rate that is not the core's; PM_ESYSTEM: no memory for the converter. The memory stays the caller's. */
int pm_inband_init(struct pm_inband *inband, uint32_t rate_hz, void *memory);
/* Turns it off and gives the converter back. Allowed in any state of a zeroed object. */
void pm_inband_close(struct pm_inband *inband);

/* Listens to the next n samples, at most a period. Returns how many events it wrote; the slot is left to the caller. */
int pm_inband_hear(struct pm_inband *inband, const int16_t *samples, size_t n, int64_t now_ns,
                   struct pm_event events[PM_INBAND_EVENTS]);

#endif
