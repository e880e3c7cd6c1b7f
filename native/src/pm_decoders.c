#include "pm_decoders.h"
#include <string.h>

static size_t aligned(size_t octets) {
    return (octets + PM_CODEC_ALIGN - 1) / PM_CODEC_ALIGN * PM_CODEC_ALIGN;
}

static size_t octets_of(const struct pm_codec_driver *driver) {
    return driver != NULL && driver->decoder_octets != NULL ? aligned(driver->decoder_octets()) : 0;
}

size_t pm_decoders_memory(const struct pm_payload *payloads, size_t count) {
    bool counted[PM_CODECS] = {false};
    size_t octets = 0;
    for (size_t i = 0; i < count; i++) {
        if (payloads[i].codec < PM_CODECS && !counted[payloads[i].codec]) {
            counted[payloads[i].codec] = true;
            octets += octets_of(pm_codec_find(payloads[i].codec));
        }
    }
    return octets > 0 ? octets + PM_CODEC_ALIGN : 0; /* wherever the caller's memory begins */
}

/* Gives every codec its state, one behind the other. */
static int place_states(struct pm_decoders *d, uint8_t *memory, size_t octets) {
    size_t skip = memory == NULL ? 0 : (size_t)(-(uintptr_t)memory % PM_CODEC_ALIGN);
    size_t left = octets > skip ? octets - skip : 0;
    uint8_t *at = memory == NULL ? NULL : memory + skip;
    for (unsigned i = 0; i < PM_CODECS; i++) {
        const struct pm_codec_driver *driver = d->of_codec[i].driver;
        size_t wanted = octets_of(driver);
        if (wanted == 0) {
            continue;
        }
        if (wanted > left || driver->decoder_init(at, d->rate_hz) != PM_OK) {
            return PM_EARG;
        }
        d->of_codec[i].state = at;
        at += wanted;
        left -= wanted;
    }
    return PM_OK;
}

static bool are_known(const struct pm_payload *payloads, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (payloads[i].payload_type > 127 || pm_codec_find(payloads[i].codec) == NULL) {
            return false;
        }
    }
    return true;
}

static int prepare_converter(struct pm_decoders *d) {
    bool needed = false;
    for (unsigned i = 0; i < PM_CODECS; i++) {
        const struct pm_codec_driver *driver = d->of_codec[i].driver;
        needed = needed || (driver != NULL && !driver->any_rate && driver->rate_hz != d->rate_hz);
    }
    if (!needed || d->convert.state != NULL) {
        return PM_OK;
    }
    uint32_t other_hz = d->rate_hz == PM_RATE_WIDE_HZ ? PM_RATE_NARROW_HZ : PM_RATE_WIDE_HZ;
    return pm_resample_init(&d->convert, other_hz, d->rate_hz);
}

int pm_decoders_init(struct pm_decoders *d, const struct pm_payload *payloads, size_t count, uint32_t rate_hz, void *memory,
                     size_t octets) {
    if (count > PM_PAYLOADS_MAX || !pm_is_core_rate(rate_hz) || !are_known(payloads, count)) {
        return PM_EARG;
    }
    struct pm_decoder before[PM_CODECS];
    memcpy(before, d->of_codec, sizeof before);
    memset(d->of_codec, 0, sizeof d->of_codec);
    for (size_t i = 0; i < count; i++) {
        d->payloads[i] = payloads[i];
        d->of_codec[payloads[i].codec].driver = pm_codec_find(payloads[i].codec);
    }
    d->count = count;
    bool same = memory == d->memory && rate_hz == d->rate_hz;
    for (unsigned i = 0; i < PM_CODECS; i++) {
        same = same && before[i].driver == d->of_codec[i].driver;
    }
    if (rate_hz != d->rate_hz) {
        pm_decoders_close(d); /* its converter leads to the old rate */
    }
    d->rate_hz = rate_hz;
    if (same) {
        memcpy(d->of_codec, before, sizeof before);
        return PM_OK;
    }
    d->memory = memory;
    int status = place_states(d, memory, octets);
    status = status == PM_OK ? prepare_converter(d) : status;
    if (status != PM_OK) {
        d->count = 0; /* deaf, but sound */
    }
    return status;
}

void pm_decoders_close(struct pm_decoders *d) {
    pm_resample_close(&d->convert);
}

const struct pm_decoder *pm_decoders_find(const struct pm_decoders *d, uint8_t payload_type) {
    for (size_t i = 0; i < d->count; i++) {
        if (d->payloads[i].payload_type == payload_type) {
            return &d->of_codec[d->payloads[i].codec];
        }
    }
    return NULL;
}

/* The rate of what the driver writes. */
static uint32_t output_hz(const struct pm_decoders *d, const struct pm_codec_driver *driver) {
    return driver->any_rate ? d->rate_hz : driver->rate_hz;
}

int pm_decoders_samples(const struct pm_decoders *d, uint8_t payload_type, const uint8_t *payload, size_t octets) {
    const struct pm_decoder *decoder = pm_decoders_find(d, payload_type);
    if (decoder == NULL) {
        return PM_EARG;
    }
    uint32_t own_hz = output_hz(d, decoder->driver);
    int own = decoder->driver->samples(payload, octets, own_hz);
    if (own <= 0 || (uint32_t)own > own_hz / 1000 * PM_CODEC_PACKET_MS) {
        return PM_EMALFORMED;
    }
    int samples = (int)((int64_t)own * d->rate_hz / own_hz);
    return samples > 0 ? samples : PM_EMALFORMED;
}

int pm_decoders_decode(struct pm_decoders *d, uint8_t payload_type, const uint8_t *payload, size_t octets, int16_t *out,
                       size_t capacity) {
    int wanted = pm_decoders_samples(d, payload_type, payload, octets);
    if (wanted < 0 || (size_t)wanted > capacity) {
        return wanted < 0 ? wanted : PM_EARG;
    }
    const struct pm_decoder *decoder = pm_decoders_find(d, payload_type);
    if (output_hz(d, decoder->driver) == d->rate_hz) {
        return decoder->driver->decode(decoder->state, payload, octets, out, capacity);
    }
    int16_t own[PM_CODEC_PACKET_SAMPLES];
    int count = decoder->driver->decode(decoder->state, payload, octets, own, PM_CODEC_PACKET_SAMPLES);
    if (count < 0) {
        return count;
    }
    pm_resample_exactly(&d->convert, own, (size_t)count, out, (size_t)wanted);
    return wanted;
}

int pm_decoders_recover(struct pm_decoders *d, uint8_t payload_type, const uint8_t *payload, size_t octets, int16_t *out,
                        size_t capacity) {
    const struct pm_decoder *decoder = pm_decoders_find(d, payload_type);
    if (decoder == NULL || decoder->driver->recover == NULL || output_hz(d, decoder->driver) != d->rate_hz) {
        return PM_EARG;
    }
    int wanted = pm_decoders_samples(d, payload_type, payload, octets);
    if (wanted < 0 || (size_t)wanted > capacity) {
        return wanted < 0 ? wanted : PM_EARG;
    }
    return decoder->driver->recover(decoder->state, payload, octets, out, (size_t)wanted);
}
