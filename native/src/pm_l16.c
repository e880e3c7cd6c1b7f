/* L16, RFC 3551 section 4.5.11: samples as they are, most significant octet first. */
#include "pm_bytes.h"
#include "pm_codec.h"

static int samples_in(const uint8_t *payload, size_t octets, uint32_t rate_hz) {
    (void)payload;
    (void)rate_hz;
    return octets % 2 == 0 && octets <= 2 * PM_CODEC_PACKET_SAMPLES ? (int)(octets / 2) : PM_EMALFORMED;
}

static int decode(void *state, const uint8_t *payload, size_t octets, int16_t *out, size_t capacity) {
    (void)state;
    if (octets / 2 > capacity) {
        return PM_EARG;
    }
    for (size_t i = 0; i < octets / 2; i++) {
        out[i] = (int16_t)pm_load16(payload + 2 * i);
    }
    return (int)(octets / 2);
}

static int encode(void *state, const int16_t *samples, size_t n, uint8_t *out, size_t capacity) {
    (void)state;
    if (n > capacity / 2) {
        return PM_EARG;
    }
    for (size_t i = 0; i < n; i++) {
        pm_store16(out + 2 * i, (uint16_t)samples[i]);
    }
    return (int)(2 * n);
}

const struct pm_codec_driver pm_l16_narrow_driver = {
    .rate_hz = PM_RATE_NARROW_HZ, .clock_rate_hz = PM_RATE_NARROW_HZ, .samples = samples_in, .decode = decode, .encode = encode};

const struct pm_codec_driver pm_l16_driver = {
    .rate_hz = PM_RATE_WIDE_HZ, .clock_rate_hz = PM_RATE_WIDE_HZ, .samples = samples_in, .decode = decode, .encode = encode};
