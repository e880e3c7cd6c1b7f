/* Invariants 1 and 10 of SECURITY.md on the codecs: whatever a payload holds, it gives as many samples as were foretold or none,
 * and state survives it. The first octet chooses codec and rate; the rest is cut into payloads. */
#include "fuzz_script.h"
#include "pm_decoders.h"
#include <string.h>

static _Alignas(PM_CODEC_ALIGN) uint8_t memory[262144];

static void decode(struct pm_decoders *d, uint8_t payload_type, const uint8_t *payload, size_t octets) {
    int16_t out[PM_CODEC_PACKET_SAMPLES];
    int foretold = pm_decoders_samples(d, payload_type, payload, octets);
    int recovered = pm_decoders_recover(d, payload_type, payload, octets, out, PM_CODEC_PACKET_SAMPLES);
    int decoded = pm_decoders_decode(d, payload_type, payload, octets, out, PM_CODEC_PACKET_SAMPLES);
    if ((recovered > 0 && recovered != foretold) || (decoded >= 0 && decoded != foretold) ||
        (foretold > 0 && (unsigned)foretold > d->rate_hz / 1000 * PM_CODEC_PACKET_MS)) {
        __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets) {
    struct script s = {data, octets};
    struct pm_decoders d = {0};
    uint32_t choice = take(&s, 1);
    const struct pm_payload payload = {96, (uint8_t)(choice >> 1) % PM_CODECS};
    (void)pm_codec_install(PM_CODEC_G722, &pm_g722_driver);
    (void)pm_codec_install(PM_CODEC_OPUS, &pm_opus_driver);
    if (pm_decoders_init(&d, &payload, 1, choice & 1 ? 16000 : 8000, memory, sizeof memory) != PM_OK) {
        __builtin_trap();
    }
    while (s.left > 0) {
        size_t length = take(&s, 1);
        length = length > s.left ? s.left : length;
        decode(&d, 96, s.data, length);
        s.data += length;
        s.left -= length;
    }
    pm_decoders_close(&d);
    return 0;
}
