#include "pm_digit_in.h"
#include "pm_bytes.h"
#include "pm_seq.h"
#include <string.h>

/* Update packets come every 20 to 50 ms; so long without one and without an end, the end packets are lost. */
#define END_LOST_NS INT64_C(300000000)
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

/* Section 2.5.1.3: an event longer than the duration field goes on as a new segment that begins where the last one ended. Some
 * senders move the timestamp with every update instead: the next packet in sequence, unmarked and longer, is the same press too. */
static bool continues(const struct pm_digit_in *in, const struct pm_digit_packet *p, uint8_t code, uint16_t duration) {
    if (!in->pressed || code != in->code || p->marker) {
        return false;
    }
    if (in->duration > 0xf000u) { /* the last segment was as good as full */
        int32_t beyond = pm_ts_diff(p->timestamp, in->timestamp + in->duration);
        return beyond >= 0 && beyond <= 0x1000;
    }
    return pm_seq_distance(p->sequence, in->sequence) == 1 && duration > in->duration;
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
    if (ahead < 0 && ahead > -(int32_t)(RESTART_S * in->clock_rate_hz)) {
        return 0; /* late packet of a digit that is over */
    }
    if (ahead == 0 && in->known) {
        if (!in->pressed || code != in->code) {
            return 0; /* the end packet again (section 2.5.1.4: sent three times) */
        }
        in->duration = duration > in->duration ? duration : in->duration;
    } else if (continues(in, p, code, duration)) {
        bool segment = in->duration > 0xf000u;
        in->before += segment ? (uint32_t)pm_ts_diff(p->timestamp, in->timestamp) : 0;
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
