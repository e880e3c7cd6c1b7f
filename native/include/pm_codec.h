/* The seam between the core and its codecs: one table of functions a codec, one file a codec.
 *
 * A codec allocates nothing: its state lies in memory of the caller, who asks for the size first. Everything here is mono. Decoders
 * eat octets of the network: any will do, and none may make them read or write outside what they are given. */
#ifndef PM_CODEC_H
#define PM_CODEC_H

#include "pm_samples.h"

enum {
    PM_CODEC_ALIGN = 16,      /* of every state */
    PM_CODEC_PACKET_MS = 200, /* longest packet that is decoded: RFC 3551 section 4.2 asks receivers to accept so much */
    PM_CODEC_PACKET_SAMPLES = PM_MS_MAX(PM_CODEC_PACKET_MS),
    PM_CODEC_OCTETS_MAX = 1275 /* largest frame of those that compress: RFC 6716 section 3.4, requirement 2 */
};

struct pm_codec_driver {
    uint32_t rate_hz; /* at which it samples: PM_RATE_NARROW_HZ or PM_RATE_WIDE_HZ */
    uint32_t
        clock_rate_hz; /* of its RTP timestamps; that of G.722 is 8000 (RFC 3551 section 4.5.2), that of Opus 48000 (RFC 7587) */
    bool any_rate;     /* decodes into either rate of the core by itself */

    uint8_t pause_octets; /* a payload of no more octets says that the sender pauses; 0: the codec has none such */

    /* Octets of state; 0 with init NULL: it has none. Init prepares them for output at `rate_hz` (encoder: input at the own rate).
     */
    size_t (*decoder_octets)(void);
    int (*decoder_init)(void *state, uint32_t rate_hz);
    size_t (*encoder_octets)(void);
    int (*encoder_init)(void *state, const struct pm_encoder_settings *settings);

    /* Samples that the payload holds, at `rate_hz` (one at which it decodes), or PM_EMALFORMED. Depends on nothing but its
     * arguments. */
    int (*samples)(const uint8_t *payload, size_t octets, uint32_t rate_hz);
    /* Both return what they wrote, or a negative status. A decoder writes as many as `samples` said. */
    int (*decode)(void *state, const uint8_t *payload, size_t octets, int16_t *out, size_t capacity);
    int (*encode)(void *state, const int16_t *samples, size_t n, uint8_t *out, size_t capacity);

    /* Forward error correction, NULL without: the n samples before `payload`, which is the packet behind the loss, from what it
     * tells of them. n is what
     * `samples` says of it. Comes before `decode` of the same packet. Returns n, or a negative status when the packet tells
     * nothing. */
    int (*recover)(void *state, const uint8_t *payload, size_t octets, int16_t *out, size_t n);
    /* How much of what is sent gets lost, as the peer reports it; NULL when the encoder does not care. */
    void (*expect_loss)(void *state, unsigned percent);
};

extern const struct pm_codec_driver pm_g711_mu_driver, pm_g711_a_driver, pm_l16_narrow_driver, pm_l16_driver;
/* In modules of their own. */
extern const struct pm_codec_driver pm_g722_driver, pm_opus_driver;

/* The driver of enum pm_codec, NULL when it is unknown or was not installed. */
const struct pm_codec_driver *pm_codec_find(uint8_t codec);

/* Makes a codec known for good, before the first stream that uses it: PM_EARG for a number that is none. `driver` is never freed.
 */
int pm_codec_install(unsigned codec, const struct pm_codec_driver *driver);

#endif
