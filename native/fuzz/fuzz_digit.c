/* Invariants 1 and 6 of SECURITY.md: whatever telephone-events come, begins and ends alternate and only known characters are told.
 */
#include "fuzz_script.h"
#include "pm_digit_in.h"
#include <string.h>

static void note(const struct pm_event *e, bool *pressed) {
    bool begin = e->kind == PM_EVENT_DIGIT_BEGIN;
    if (begin == *pressed || e->digit == '\0' || strchr("0123456789*#ABCDF", e->digit) == NULL) {
        __builtin_trap();
    }
    *pressed = begin;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets) {
    struct script s = {data, octets};
    struct pm_digit_in in;
    bool pressed = false;
    int64_t now_ns = 0;
    pm_digit_in_init(&in);
    while (s.left > 0) {
        struct pm_event events[PM_DIGIT_IN_EVENTS];
        uint32_t kind = take(&s, 1);
        size_t length = kind & 1 ? take(&s, 1) % 8 : 4;
        if (length > s.left) {
            break;
        }
        struct pm_digit_packet p = {.payload = s.data,
                                    .payload_octets = length,
                                    .clock_rate_hz = kind & 4 ? 48000 : 8000,
                                    .marker = kind & 2,
                                    .arrival_ns = now_ns};
        s.data += length;
        s.left -= length;
        p.timestamp = take(&s, kind & 4 ? 4 : 2);
        p.sequence = (uint16_t)take(&s, 2);
        now_ns += (int64_t)take(&s, 1) * 1000000;
        int count = pm_digit_in_packet(&in, &p, events);
        if (count > PM_DIGIT_IN_EVENTS || (count < 0 && length >= 4)) {
            __builtin_trap();
        }
        for (int i = 0; i < count; i++) {
            note(&events[i], &pressed);
        }
        if (pm_digit_in_idle(&in, now_ns, events)) {
            note(&events[0], &pressed);
        }
    }
    return 0;
}
