/* DTMF, ITU-T Q.23 and Q.24, by libspandsp. */
#include "pm_inband.h"
#include <spandsp.h>
#include <spandsp/expose.h>

struct detector {
    dtmf_rx_state_t state;
    char now;
};

static void on_change(void *user, int code, int level, int delay) {
    struct detector *d = user;
    (void)level;
    (void)delay;
    d->now = (char)code;
}

static size_t octets(void) {
    return sizeof(struct detector);
}

static int init(void *state) {
    struct detector *d = state;
    d->now = 0;
    if (dtmf_rx_init(&d->state, NULL, NULL) == NULL) {
        return PM_EARG;
    }
    dtmf_rx_set_realtime_callback(&d->state, on_change, d);
    return PM_OK;
}

static char feed(void *state, const int16_t *samples, size_t n) {
    struct detector *d = state;
    (void)dtmf_rx(&d->state, samples, (int)n);
    return d->now;
}

const struct pm_tone_finder pm_dtmf_finder = {.octets = octets, .init = init, .feed = feed};
