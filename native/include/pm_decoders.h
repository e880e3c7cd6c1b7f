/* The decoders of one stream: payload types to codecs, and all of them into samples at the rate at which the stream plays. No
 * clock. */
#ifndef PM_DECODERS_H
#define PM_DECODERS_H

#include "pm_codec.h"
#include "pm_resample.h"

struct pm_decoder {
    const struct pm_codec_driver *driver; /* NULL: this codec is not agreed */
    void *state;
};

struct pm_decoders {
    uint32_t rate_hz;
    struct pm_payload payloads[PM_PAYLOADS_MAX];
    size_t count;
    struct pm_decoder of_codec[PM_CODECS];
    struct pm_resample convert; /* from the core's other rate, for codecs that decode only into their own */
    const void *memory;         /* what the states were made in */
};

/* Octets that pm_decoders_init needs for these payloads; 0 when no codec has state. Unknown codecs need none. */
size_t pm_decoders_memory(const struct pm_payload *payloads, size_t count);

/* PM_EARG: more than PM_PAYLOADS_MAX payloads, a payload type above 127, a codec that is not known, a rate that is not the core's,
 * too little memory. PM_ESYSTEM: no memory for the converter. The memory stays the caller's, and in use until close or the next
 * init. With the same memory and the same codecs as before states go on where they are; `decoders` is zeroed before the first init.
 */
int pm_decoders_init(struct pm_decoders *decoders, const struct pm_payload *payloads, size_t count, uint32_t rate_hz, void *memory,
                     size_t octets);
/* Gives the converter back. Allowed in any state, also twice. */
void pm_decoders_close(struct pm_decoders *decoders);

/* The decoder of a payload type, NULL when it is not agreed. */
const struct pm_decoder *pm_decoders_find(const struct pm_decoders *decoders, uint8_t payload_type);

/* Samples that a payload will give, 1 or more; PM_EARG: not agreed; PM_EMALFORMED: no payload of its codec, or longer than
 * PM_CODEC_PACKET_MS. */
int pm_decoders_samples(const struct pm_decoders *decoders, uint8_t payload_type, const uint8_t *payload, size_t octets);

/* Writes them and returns how many, or a negative status as above; PM_EARG also when `capacity` does not hold them. */
int pm_decoders_decode(struct pm_decoders *decoders, uint8_t payload_type, const uint8_t *payload, size_t octets, int16_t *out,
                       size_t capacity);

/* The samples before a packet, from the redundancy in it: as many as it has itself. Returns how many, or a negative status when it
 * tells nothing of them. Comes before decoding it. */
int pm_decoders_recover(struct pm_decoders *decoders, uint8_t payload_type, const uint8_t *payload, size_t octets, int16_t *out,
                        size_t capacity);

#endif
