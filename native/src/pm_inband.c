#include "pm_inband.h"
#include <string.h>

enum {
    PIECE = PM_RATE_NARROW_HZ / 100,
    PIECES_MAX = PM_PERIOD_MAX_MS / 10 + 1,
    /* From the moment when the finder is sure, which is 25 ms into the tone. ITU-T Q.24: 40 ms are a digit; phones send 70 and
     * more. Speech hits both tones for moments. */
    PRESS_LEAST = 20 * PM_RATE_NARROW_HZ / 1000,
    SURE_AFTER_MS = 25
};

/* Written only by pm_inband_install, before any stream could ask for it. */
static const struct pm_tone_finder *finder;

void pm_inband_install(const struct pm_tone_finder *installed) {
    finder = installed;
}

size_t pm_inband_memory(void) {
    return finder != NULL ? finder->octets() : 0;
}

int pm_inband_init(struct pm_inband *b, uint32_t rate_hz, void *memory) {
    memset(b, 0, sizeof *b);
    if (finder == NULL || memory == NULL || !pm_is_core_rate(rate_hz) || finder->init(memory) != PM_OK) {
        return PM_EARG;
    }
    b->state = memory;
    b->rate_hz = rate_hz;
    int status = pm_resample_init(&b->narrow, rate_hz, PM_RATE_NARROW_HZ);
    b->on = status == PM_OK;
    return status;
}

void pm_inband_close(struct pm_inband *b) {
    pm_resample_close(&b->narrow);
    b->on = false;
}

static struct pm_event make_event(const struct pm_inband *b, enum pm_event_kind kind, int64_t now_ns) {
    return (struct pm_event){.at_ns = now_ns,
                             .kind = (uint8_t)kind,
                             .in_band = true,
                             .digit = b->digit,
                             .value = b->held / (PM_RATE_NARROW_HZ / 1000) + SURE_AFTER_MS};
}

/* One piece of sound at whose end `digit` sounds. Returns the number of events. */
static int follow(struct pm_inband *b, char digit, size_t n, int64_t now_ns, struct pm_event *events) {
    int count = 0;
    if (digit != b->digit) {
        if (b->told) {
            events[count++] = make_event(b, PM_EVENT_DIGIT_END, now_ns);
        }
        b->digit = digit;
        b->held = 0;
        b->told = false;
    }
    b->held += digit != 0 ? (uint32_t)n : 0;
    if (digit != 0 && !b->told && b->held >= PRESS_LEAST) {
        b->told = true;
        events[count++] = make_event(b, PM_EVENT_DIGIT_BEGIN, now_ns);
    }
    return count;
}

int pm_inband_hear(struct pm_inband *b, const int16_t *samples, size_t n, int64_t now_ns,
                   struct pm_event events[PM_INBAND_EVENTS]) {
    int16_t narrow[PIECES_MAX * PIECE];
    int count = 0;
    size_t narrow_n = b->on ? n * PM_RATE_NARROW_HZ / b->rate_hz : 0;
    if (narrow_n == 0 || narrow_n > sizeof narrow / sizeof *narrow) {
        return 0;
    }
    pm_resample_exactly(&b->narrow, samples, n, narrow, narrow_n);
    for (size_t at = 0; at < narrow_n; at += PIECE) {
        size_t part = narrow_n - at < PIECE ? narrow_n - at : PIECE;
        char digit = finder->feed(b->state, narrow + at, part);
        struct pm_event found[PM_INBAND_EVENTS];
        int more = follow(b, digit, part, now_ns, found);
        for (int i = 0; i < more && count < PM_INBAND_EVENTS; i++) {
            events[count++] = found[i];
        }
    }
    return count;
}
