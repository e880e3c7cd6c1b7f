/* Comfort noise: what is heard while the other side sends nothing because nobody speaks (RFC 3389, or a codec that pauses by
 * itself). A line that falls dead silent sounds like a call that was cut. No clock. */
#ifndef PM_NOISE_H
#define PM_NOISE_H

#include "pm_predict.h"

enum {
    PM_NOISE_TYPE = 13, /* RFC 3551 table 4: the static payload type, with a clock of 8000 */
    PM_NOISE_ORDER = 10 /* of the spectrum: more coefficients are passed over */
};

struct pm_noise {
    bool told, shaped;             /* level, spectrum: the sender's own word, not what was heard */
    float weights[PM_NOISE_ORDER]; /* of the samples before, as in pm_predict.h */
    float last[PM_NOISE_ORDER];
    float rms;   /* 0: silence */
    float drive; /* root mean square of what drives the filter, of that */
    uint32_t chance;
};

void pm_noise_init(struct pm_noise *noise);

/* Takes level and, where it is there, spectrum from a payload: RFC 3389 section 3. PM_EMALFORMED for an empty one. */
int pm_noise_read(struct pm_noise *noise, const uint8_t *payload, size_t octets);

/* Takes what was not told from the sound itself: the n samples before `end`, at least PM_NOISE_ORDER and at most
 * PM_PREDICT_WINDOW. */
void pm_noise_listen(struct pm_noise *noise, const int16_t *end, unsigned n);

/* The next n samples. */
void pm_noise_render(struct pm_noise *noise, int16_t *out, size_t n);

/* The payload that describes the level of n samples (n at least 1): one octet. */
uint8_t pm_noise_level(const int16_t *x, size_t n);

#endif
