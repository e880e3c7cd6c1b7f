/* Digits heard as RFC 4733 telephone-events: one press counts once, whatever is lost, repeated or reordered. No clock. */
#ifndef PM_DIGIT_IN_H
#define PM_DIGIT_IN_H

#include "pm_types.h"

enum { PM_DIGIT_IN_EVENTS = 3 }; /* one packet can end one digit, and begin and end another */

struct pm_digit_in {
    uint32_t clock_rate_hz; /* of the running digit */
    bool pressed;
    bool known; /* an event has been heard: the fields below mean something */
    uint8_t code;
    uint16_t sequence;  /* of its newest packet */
    uint16_t duration;  /* of its newest segment */
    uint32_t timestamp; /* of its newest segment */
    uint64_t before;    /* units of its earlier segments (section 2.5.1.3) */
    int64_t last_ns;
};

struct pm_digit_packet {
    const uint8_t *payload;
    size_t payload_octets;
    uint32_t timestamp;
    uint32_t clock_rate_hz; /* of its timestamp and duration, 8000 to 48000 */
    uint16_t sequence;
    bool marker;
    int64_t arrival_ns;
};

void pm_digit_in_init(struct pm_digit_in *in);

/* Returns the number of events written (PM_EVENT_DIGIT_BEGIN or _END; the slot is left to the caller), or PM_EMALFORMED for a
 * payload shorter than four octets. Events other than 0-16 are not digits and are ignored. */
int pm_digit_in_packet(struct pm_digit_in *in, const struct pm_digit_packet *packet, struct pm_event events[PM_DIGIT_IN_EVENTS]);

/* Ends a digit whose packets stopped coming. Returns the number of events written, 0 or 1. */
int pm_digit_in_idle(struct pm_digit_in *in, int64_t now_ns, struct pm_event *event);

#endif
