/* G.722 at 64 kbit/s, by libspandsp: 16 kHz in 8000 octets a second, under an RTP clock of 8000 (RFC 3551 section 4.5.2). */
#include "pm_codec.h"
#include <spandsp.h>
#include <spandsp/expose.h>

enum { BITRATE = 64000 };

struct decoder {
    bool narrow;
    g722_decode_state_t state;
};

static size_t decoder_octets(void) {
    return sizeof(struct decoder);
}

static int decoder_init(void *state, uint32_t rate_hz) {
    struct decoder *d = state;
    d->narrow = rate_hz == PM_RATE_NARROW_HZ;
    return g722_decode_init(&d->state, BITRATE, d->narrow ? G722_SAMPLE_RATE_8000 : 0) != NULL ? PM_OK : PM_EARG;
}

static size_t encoder_octets(void) {
    return sizeof(g722_encode_state_t);
}

static int encoder_init(void *state, const struct pm_encoder_settings *settings) {
    (void)settings;
    return g722_encode_init(state, BITRATE, 0) != NULL ? PM_OK : PM_EARG;
}

/* An octet is a pair of samples at 16 kHz. */
static int samples_in(const uint8_t *payload, size_t octets, uint32_t rate_hz) {
    (void)payload;
    size_t n = rate_hz == PM_RATE_NARROW_HZ ? octets : 2 * octets;
    return n <= PM_CODEC_PACKET_SAMPLES ? (int)n : PM_EMALFORMED;
}

static int decode(void *state, const uint8_t *payload, size_t octets, int16_t *out, size_t capacity) {
    struct decoder *d = state;
    return (d->narrow ? octets : 2 * octets) <= capacity ? g722_decode(&d->state, out, payload, (int)octets) : PM_EARG;
}

static int encode(void *state, const int16_t *samples, size_t n, uint8_t *out, size_t capacity) {
    return n / 2 <= capacity ? g722_encode(state, out, samples, (int)n) : PM_EARG;
}

const struct pm_codec_driver pm_g722_driver = {.rate_hz = PM_RATE_WIDE_HZ,
                                               .clock_rate_hz = PM_RATE_NARROW_HZ,
                                               .any_rate = true,
                                               .decoder_octets = decoder_octets,
                                               .decoder_init = decoder_init,
                                               .encoder_octets = encoder_octets,
                                               .encoder_init = encoder_init,
                                               .samples = samples_in,
                                               .decode = decode,
                                               .encode = encode};
