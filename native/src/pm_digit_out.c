#include "pm_digit_out.h"
#include "pm_bytes.h"
#include <string.h>

enum { VOLUME = 10, SEGMENT_MAX = 0xffff, GAP_MAX_MS = 10000 }; /* volume in dBm0 without its sign, section 2.3.3 */

static int code_of(char digit) {
    static const char names[] = "0123456789*#ABCD";
    if (digit >= 'a' && digit <= 'd') {
        digit = (char)(digit - 'a' + 'A');
    }
    const char *found = digit ? strchr(names, digit) : NULL;
    return found ? (int)(found - names) : PM_EARG;
}

int pm_digit_out_queue(struct pm_digit_out *out, const char *digits, size_t count, uint32_t clock_rate_hz, unsigned duration_ms,
                       unsigned gap_ms) {
    if (duration_ms < PM_DIGIT_DURATION_MIN_MS || duration_ms > PM_DIGIT_DURATION_MAX_MS || gap_ms > GAP_MAX_MS) {
        return PM_EARG;
    }
    for (size_t i = 0; i < count; i++) {
        if (code_of(digits[i]) < 0) {
            return PM_EARG;
        }
    }
    if (count > PM_DIGITS_MAX - out->count) {
        return PM_EFULL;
    }
    for (size_t i = 0; i < count; i++) {
        out->queue[out->count++] = (uint8_t)code_of(digits[i]);
    }
    out->duration = clock_rate_hz / 1000 * duration_ms;
    out->gap = clock_rate_hz / 1000 * gap_ms;
    return PM_OK;
}

static void press(struct pm_digit_out *out, uint32_t timestamp, struct pm_digit_step *step) {
    out->state = PM_DIGIT_OUT_PRESSED;
    out->start = timestamp;
    out->done = 0;
    out->segment = 0;
    step->marker = true;
}

/* The queue moves up; the pause follows the last digit too, so that a digit queued right then stays apart. */
static void let_go(struct pm_digit_out *out, struct pm_digit_step *step) {
    out->count--;
    memmove(out->queue, out->queue + 1, out->count);
    out->sent++;
    out->gap_left = out->gap;
    out->state = PM_DIGIT_OUT_GAP;
    step->finished = out->count == 0;
}

static void write_payload(const struct pm_digit_out *out, bool end, struct pm_digit_step *step) {
    step->active = true;
    step->timestamp = out->start;
    step->payload[0] = out->queue[0];
    step->payload[1] = (uint8_t)((end ? 0x80 : 0) | VOLUME);
    pm_store16(step->payload + 2, (uint16_t)out->segment);
}

void pm_digit_out_step(struct pm_digit_out *out, uint32_t timestamp, uint32_t units, struct pm_digit_step *step) {
    memset(step, 0, sizeof *step);
    if (out->state == PM_DIGIT_OUT_GAP) {
        step->gap = out->gap_left > 0;
        out->gap_left -= out->gap_left < units ? out->gap_left : units;
        if (step->gap) {
            return;
        }
        out->state = PM_DIGIT_OUT_IDLE;
    }
    if (out->state == PM_DIGIT_OUT_IDLE) {
        if (out->count == 0) {
            return;
        }
        press(out, timestamp, step);
    }
    if (out->state == PM_DIGIT_OUT_PRESSED) {
        if (out->segment + units > SEGMENT_MAX) {
            /* Section 2.5.1.3: the event is too long for the field; a new segment begins where this one ended. */
            out->done += out->segment;
            out->start += out->segment;
            out->segment = 0;
        }
        out->segment += units;
        if (out->done + out->segment >= out->duration) {
            out->state = PM_DIGIT_OUT_ENDING;
            out->ends_left = PM_DIGIT_ENDS;
        }
    }
    bool end = out->state == PM_DIGIT_OUT_ENDING;
    write_payload(out, end, step);
    if (end && --out->ends_left == 0) {
        let_go(out, step);
    }
}
