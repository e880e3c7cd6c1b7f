#include "pm_pump.h"
#include <string.h>

/* Converts from `from_hz` to `to_hz` from now on; where it does so already, it goes on undisturbed. On failure the old conversion
 * stays. */
static int convert_from(struct pm_resample *resample, uint32_t from_hz, uint32_t to_hz) {
    struct pm_resample fresh;
    if (resample->from_hz == from_hz && resample->to_hz == to_hz) {
        return PM_OK;
    }
    int status = pm_resample_init(&fresh, from_hz, to_hz);
    if (status == PM_OK) {
        pm_resample_close(resample);
        *resample = fresh;
    }
    return status;
}

/* A conversion's output varies by a sample or two from period to period, and so does a period's length at 44.1 kHz: start with that
 * much silence in hand. */
static void restart_fifos(struct pm_pump *p) {
    uint32_t card_hz = p->config.card_rate_hz;
    bool even = card_hz == p->mix_rate_hz && (uint64_t)p->config.period_samples * PM_RATE_NARROW_HZ % card_hz == 0;
    p->microphone.fill = even ? 0 : 2 * (size_t)(p->mix_rate_hz / PM_RATE_NARROW_HZ);
    p->speaker.fill = even ? 0 : 2 * (size_t)(card_hz / PM_RATE_NARROW_HZ + 1);
    memset(p->microphone.samples, 0, p->microphone.fill * sizeof *p->microphone.samples);
    memset(p->speaker.samples, 0, p->speaker.fill * sizeof *p->speaker.samples);
    p->phase = 0;
}

/* Wide as soon as one stream is. */
static uint32_t wanted_rate_hz(const struct pm_pump *p) {
    for (unsigned i = 0; i < PM_STREAMS_MAX; i++) {
        if (p->used[i] && p->streams[i].rate_hz == PM_RATE_WIDE_HZ) {
            return PM_RATE_WIDE_HZ;
        }
    }
    return PM_RATE_NARROW_HZ;
}

static int change_mix(struct pm_pump *p, uint32_t mix_hz) {
    struct {
        struct pm_resample *resample;
        uint32_t from_hz, to_hz;
    } edges[] = {
        {&p->from_card, p->config.card_rate_hz, mix_hz},   {&p->to_card, mix_hz, p->config.card_rate_hz},
        {&p->heard_to_tap, mix_hz, p->config.tap_rate_hz}, {&p->said_to_tap, mix_hz, p->config.tap_rate_hz},
        {&p->from_prompt, p->prompt.rate_hz, mix_hz},
    };
    for (unsigned i = 0; i < sizeof edges / sizeof *edges; i++) {
        int status = convert_from(edges[i].resample, edges[i].from_hz, edges[i].to_hz);
        if (status != PM_OK) {
            return status;
        }
    }
    struct pm_echo_config echo = p->config.echo;
    echo.rate_hz = mix_hz;
    echo.short_blocks = (uint64_t)p->config.period_samples * 50 % p->config.card_rate_hz != 0;
    pm_echo_close(&p->echo);
    int status = pm_echo_init(&p->echo, &echo);
    if (status != PM_OK) {
        return status;
    }
    p->mix_rate_hz = mix_hz;
    restart_fifos(p);
    return PM_OK;
}

static int fit_stream(struct pm_pump *p, unsigned slot) {
    uint32_t own_hz = p->used[slot] ? p->streams[slot].rate_hz : p->mix_rate_hz;
    int status = convert_from(&p->to_mix[slot], own_hz, p->mix_rate_hz);
    return status == PM_OK ? convert_from(&p->from_mix[slot], p->mix_rate_hz, own_hz) : status;
}

int pm_pump_fit_rates(struct pm_pump *p) {
    uint32_t mix_hz = wanted_rate_hz(p);
    int status = mix_hz == p->mix_rate_hz ? PM_OK : change_mix(p, mix_hz);
    for (unsigned i = 0; status == PM_OK && i < PM_STREAMS_MAX; i++) {
        status = fit_stream(p, i);
    }
    return status;
}

void pm_pump_close_rates(struct pm_pump *p) {
    struct pm_resample *edges[] = {&p->from_card, &p->to_card, &p->heard_to_tap, &p->said_to_tap, &p->from_prompt};
    for (unsigned i = 0; i < sizeof edges / sizeof *edges; i++) {
        pm_resample_close(edges[i]);
    }
    for (unsigned i = 0; i < PM_STREAMS_MAX; i++) {
        pm_resample_close(&p->to_mix[i]);
        pm_resample_close(&p->from_mix[i]);
    }
}
