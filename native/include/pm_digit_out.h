/* Digits sent as RFC 4733 telephone-events: a bounded queue, one payload a packet interval. No clock: one step is one packet
 * interval. */
#ifndef PM_DIGIT_OUT_H
#define PM_DIGIT_OUT_H

#include "pm_types.h"

enum {
    PM_DIGIT_ENDS = 3, /* section 2.5.1.4: the end packet is sent three times */
    PM_DIGIT_PAYLOAD_OCTETS = 4,
    PM_DIGIT_DURATION_MIN_MS = 40, /* ITU-T Q.24: shorter presses need not be recognised */
    PM_DIGIT_DURATION_MAX_MS = 60000
};

enum pm_digit_out_state { PM_DIGIT_OUT_IDLE = 0, PM_DIGIT_OUT_PRESSED, PM_DIGIT_OUT_ENDING, PM_DIGIT_OUT_GAP };

struct pm_digit_out {
    enum pm_digit_out_state state;
    uint8_t queue[PM_DIGITS_MAX]; /* event codes; the first is the one being sent */
    unsigned count;
    uint32_t duration; /* of each digit, timestamp units */
    uint32_t gap;      /* after each digit */
    uint32_t start;    /* timestamp of the running segment */
    uint32_t done;     /* units of the running digit before this segment */
    uint32_t segment;  /* units of the running segment */
    unsigned ends_left;
    uint32_t gap_left;
    uint64_t sent;
};

struct pm_digit_step {
    bool active;   /* a payload is due; audio is not sent in its place */
    bool gap;      /* between digits: audio is replaced by silence, so that in-band echoes of the digit cannot blur the pause */
    bool marker;   /* section 2.5.1.1: on the first packet of an event */
    bool finished; /* with this step the queue ran empty */
    uint32_t timestamp;
    uint8_t payload[PM_DIGIT_PAYLOAD_OCTETS];
};

/* Queues characters 0-9 * # A-D. PM_EARG for another character or a duration out of bounds (gap: 0 to 10 s), PM_EFULL when they do
 * not all fit: then none is queued. The durations hold for everything queued. */
int pm_digit_out_queue(struct pm_digit_out *out, const char *digits, size_t count, uint32_t clock_rate_hz, unsigned duration_ms,
                       unsigned gap_ms);

/* One packet interval of `units` timestamp units that begins at `timestamp`. */
void pm_digit_out_step(struct pm_digit_out *out, uint32_t timestamp, uint32_t units, struct pm_digit_step *step);

#endif
