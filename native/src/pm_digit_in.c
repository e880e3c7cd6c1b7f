#include "pm_digit_in.h"
#include "pm_bytes.h"
#include "pm_seq.h"
#include <string.h>

/* Update packets come every 20 to 50 ms; so long without one and without an end, the end packets are lost. */
#define END_LOST_NS INT64_C(300000000)
/* A segment ends when its duration is as good as the largest that the field holds (section 2.5.1.3); the next one begins there. */
#define SEGMENT_LEAST 0xf000
#define SEGMENT_MOST 0x11000
/* So many packets in a row may be lost without a press becoming two. */
#define LOST_MAX 8
/* A timestamp further back than this is not a late packet but a sender that began anew. */
#define RESTART_S 10

static const char names[] = "0123456789*#ABCDF"; /* section 3.2, table 3; 16 is hook flash */

void pm_digit_in_init(struct pm_digit_in *in) {
    memset(in, 0, sizeof *in);
}

static struct pm_event make_event(const struct pm_digit_in *in, enum pm_event_kind kind, int64_t at_ns) {
    uint64_t ms = (in->before + in->duration) * 1000 / in->clock_rate_hz;
    return (struct pm_event){
        .at_ns = at_ns, .kind = (uint8_t)kind, .digit = names[in->code], .value = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms};
}

/* Section 2.5.1.3: an event longer than the duration field goes on as a new segment that begins where the last one ended, whether
 * or not the last packets of that one came. */
static bool is_next_segment(const struct pm_digit_in *in, const struct pm_digit_packet *p) {
    int32_t ahead = pm_ts_diff(p->timestamp, in->timestamp);
    return ahead >= SEGMENT_LEAST && ahead <= SEGMENT_MOST;
}

/* Some senders move the timestamp with every update instead. Then it moves no faster than the duration grows; a second press begins
 * later than that, behind the end of the first. */
static bool is_moved_update(const struct pm_digit_in *in, const struct pm_digit_packet *p, uint16_t duration) {
    uint16_t later = pm_seq_distance(p->sequence, in->sequence);
    if (later == 0 || later > LOST_MAX || duration <= in->duration) {
        return false;
    }
    return later == 1 || pm_ts_diff(p->timestamp, in->timestamp) <= duration - in->duration;
}

/* Whether the same key is still down, though the timestamp is another. */
static bool continues(const struct pm_digit_in *in, const struct pm_digit_packet *p, uint8_t code, uint16_t duration) {
    return in->pressed && code == in->code && !p->marker && (is_next_segment(in, p) || is_moved_update(in, p, duration));
}

/* Some senders give two presses in a row one timestamp: another digit, begun by a marker behind the end of the first, is new. */
static bool reuses_timestamp(const struct pm_digit_in *in, const struct pm_digit_packet *p, uint8_t code) {
    return !in->pressed && code != in->code && p->marker && pm_seq_lt(in->sequence, p->sequence);
}

int pm_digit_in_packet(struct pm_digit_in *in, const struct pm_digit_packet *p, struct pm_event events[PM_DIGIT_IN_EVENTS]) {
    if (p->payload_octets < 4) {
        return PM_EMALFORMED;
    }
    uint8_t code = p->payload[0];
    bool end = p->payload[1] & 0x80;
    uint16_t duration = pm_load16(p->payload + 2);
    if (code >= sizeof names - 1) {
        return 0;
    }
    int count = 0;
    int32_t ahead = in->known ? pm_ts_diff(p->timestamp, in->timestamp) : 1;
    if (ahead < 0 && p->clock_rate_hz == in->clock_rate_hz && ahead > -(int32_t)(RESTART_S * in->clock_rate_hz)) {
        return 0; /* late packet of a digit that is over */
    }
    if (ahead == 0 && in->known && !reuses_timestamp(in, p, code)) {
        if (!in->pressed || code != in->code) {
            return 0; /* the end packet again (section 2.5.1.4: sent three times) */
        }
        in->duration = duration > in->duration ? duration : in->duration;
    } else if (continues(in, p, code, duration)) {
        in->before += is_next_segment(in, p) ? (uint32_t)ahead : 0;
        in->timestamp = p->timestamp;
        in->duration = duration;
    } else {
        if (in->pressed) {
            in->pressed = false; /* its end packets are lost */
            events[count++] = make_event(in, PM_EVENT_DIGIT_END, p->arrival_ns);
        }
        in->known = in->pressed = true;
        in->clock_rate_hz = p->clock_rate_hz;
        in->code = code;
        in->timestamp = p->timestamp;
        in->duration = duration;
        in->before = 0;
        in->sequence = p->sequence;
        events[count++] = make_event(in, PM_EVENT_DIGIT_BEGIN, p->arrival_ns);
    }
    in->sequence = pm_seq_lt(in->sequence, p->sequence) ? p->sequence : in->sequence;
    in->last_ns = p->arrival_ns;
    if (end) {
        in->pressed = false;
        events[count++] = make_event(in, PM_EVENT_DIGIT_END, p->arrival_ns);
    }
    return count;
}

int pm_digit_in_idle(struct pm_digit_in *in, int64_t now_ns, struct pm_event *event) {
    if (!in->pressed || now_ns - in->last_ns < END_LOST_NS) {
        return 0;
    }
    in->pressed = false;
    *event = make_event(in, PM_EVENT_DIGIT_END, now_ns);
    return 1;
}
