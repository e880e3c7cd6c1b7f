#include "pm_jitter.h"
#include "pm_seq.h"
#include <string.h>

/* A timestamp this far from the playing one, without a pause that explains it, is another timeline: a restarted sender. */
#define TIMELINE_JUMP_MS 3000
/* After so long without a packet the stream begins anew when it comes back. */
#define STARVED_MS 1000
/* The first packets wait at least this long as long as nothing is known about the network. */
#define FIRST_DELAY_MS 30.0
/* Longest packet: RFC 3551 section 4.2 asks receivers to accept 200 ms. */
#define PACKET_MAX_MS 200
/* Times up to here (73 years) can be subtracted and added without overflow. */
#define ARRIVAL_MAX_NS (INT64_MAX / 4)
/* Advice to those who ask for no more than that: delay may stay this far from the target, since a pitch period is up to 15 ms long.
 */
#define BELOW_TARGET_MS 4.0
#define ABOVE_TARGET_MS 14.0
/* After a packet was missed the next one shall be here when the hole behind it is played, so that concealment knows both sides:
 * worth one packet of delay as long as losses come at least this often. */
#define LOOK_AHEAD_MS 30000
#define LOOK_AHEAD_MARGIN_MS 4.0
/* Weight of one packet in the smoothed delay; the measure is nearly free of noise, only scheduling is left. */
#define DELAY_SMOOTHING 0.25

static uint32_t units_of_ms(const struct pm_jitter *j, uint32_t ms) {
    return j->config.clock_rate_hz / 1000 * ms;
}

static double ms_of_units(const struct pm_jitter *j, double units) {
    return units * 1000.0 / j->config.clock_rate_hz;
}

static struct pm_jitter_slot *at(struct pm_jitter *j, unsigned position) {
    return &j->slots[j->order[position]];
}

static const struct pm_jitter_slot *head_of(const struct pm_jitter *j) {
    return &j->slots[j->order[0]];
}

int pm_jitter_init(struct pm_jitter *j, const struct pm_jitter_config *config) {
    if (config->clock_rate_hz < 8000 || config->clock_rate_hz > 48000 || config->frame == 0 ||
        config->frame > config->clock_rate_hz / 1000 * PM_PTIME_MAX_MS || config->delay_max_ms > PM_DELAY_MAX_MS ||
        config->delay_min_ms > config->delay_max_ms) {
        return PM_EARG;
    }
    memset(j, 0, sizeof *j);
    j->config = *config;
    pm_delay_init(&j->delay, config->clock_rate_hz);
    return PM_OK;
}

double pm_jitter_target_ms(const struct pm_jitter *j) {
    double target = pm_delay_target_ms(&j->delay);
    double ahead = ms_of_units(j, j->packet_units) + pm_delay_wait_ms(&j->delay) + LOOK_AHEAD_MARGIN_MS;
    target = j->look_ahead > 0 && target < ahead ? ahead : target;
    double low = j->config.delay_min_ms, high = j->config.delay_max_ms;
    return target < low ? low : target > high ? high : target;
}

double pm_jitter_delay_ms(const struct pm_jitter *j) {
    /* While nothing is here to play the delay of what is played does not change: it is known when the packet comes. */
    return ms_of_units(j, j->delay_units - j->held);
}

double pm_jitter_excess_ms(const struct pm_jitter *j) {
    return pm_jitter_delay_ms(j) - pm_jitter_target_ms(j);
}

uint32_t pm_jitter_hole(const struct pm_jitter *j) {
    if (j->state != PM_JITTER_PLAYING || j->count == 0) {
        return 0;
    }
    int32_t gap = pm_ts_diff(head_of(j)->timestamp, j->play_timestamp);
    return gap > 0 ? (uint32_t)gap : 0;
}

static void forget_all(struct pm_jitter *j) {
    for (unsigned i = 0; i < j->count; i++) {
        at(j, i)->used = false;
    }
    j->count = 0;
    j->state = PM_JITTER_IDLE;
    j->held = 0;
    j->seen = 0;
    j->delay_known = false;
    pm_delay_init(&j->delay, j->config.clock_rate_hz);
}

static void drop_head(struct pm_jitter *j) {
    at(j, 0)->used = false;
    j->count--;
    memmove(j->order, j->order + 1, j->count);
}

/* True when the sequence was put before, as far back as the window of 64 reaches. */
static bool already_seen(struct pm_jitter *j, uint16_t sequence, bool redundant) {
    uint16_t ahead = pm_seq_distance(sequence, j->highest_sequence);
    if (j->seen == 0 || (ahead != 0 && ahead < 0x8000u)) {
        j->seen = j->seen == 0 || ahead >= 64 ? 1 : j->seen << ahead | 1;
        j->highest_sequence = sequence;
        return false;
    }
    uint16_t behind = pm_seq_distance(j->highest_sequence, sequence);
    if (behind >= 64) {
        return false; /* older than the window: its timestamp decides */
    }
    uint64_t bit = UINT64_C(1) << behind;
    bool seen = j->seen & bit;
    j->seen |= bit;
    j->reordered += !seen && !redundant;
    return seen;
}

/* Another SSRC, or a timestamp far away: what is stored belongs to the past. */
static bool begins_new_timeline(const struct pm_jitter *j, const struct pm_jitter_packet *p) {
    if (!j->ssrc_known || j->ssrc != p->ssrc) {
        return true;
    }
    int32_t limit = (int32_t)units_of_ms(j, TIMELINE_JUMP_MS);
    if (!j->delay.begun || p->after_rest) {
        return false; /* nothing came yet, or as much time has passed */
    }
    int32_t jump = pm_ts_diff(p->timestamp, j->delay.last_timestamp);
    /* Against the playing position too: late packets must not lead the reference away step by step. */
    int32_t lead = j->state == PM_JITTER_IDLE ? 0 : pm_ts_diff(p->timestamp, j->play_timestamp);
    return jump > limit || jump < -limit || lead > limit || lead < -limit;
}

static void measure(struct pm_jitter *j, const struct pm_jitter_packet *p, int64_t relative_ns) {
    /* From now until it is due, plus how much later than the fastest it is here. The same for every packet, however jittered, as
     * long as playing goes on; time held is in it until a hole is found to cover it (get). */
    double due = (double)pm_ts_diff(p->timestamp, j->play_timestamp) + j->queued;
    double delay = due + (double)relative_ns * j->config.clock_rate_hz / 1e9;
    if (j->delay_known) {
        delay = j->delay_units + (delay - j->delay_units) * DELAY_SMOOTHING;
    }
    j->delay_units = delay;
    j->delay_known = true;
}

static void prime(struct pm_jitter *j, const struct pm_jitter_packet *p, int64_t relative_ns) {
    bool known = pm_delay_is_known(&j->delay);
    double wait_ms = pm_jitter_target_ms(j);
    double first_ms = FIRST_DELAY_MS < j->config.delay_max_ms ? FIRST_DELAY_MS : 0.0;
    wait_ms = !known && wait_ms < first_ms ? first_ms : wait_ms;
    wait_ms -= (double)(known ? relative_ns : p->drained_ns - p->arrival_ns) / 1e6;
    double wait_units = wait_ms > 0.0 ? wait_ms * j->config.clock_rate_hz / 1000.0 : 0.0;
    j->play_timestamp = p->timestamp - (uint32_t)wait_units;
    j->state = PM_JITTER_PRIMING;
    j->held = 0;
    j->delay_known = false;
}

/* Where in playing order the timestamp belongs; false when the place is taken. */
static bool find_place(const struct pm_jitter *j, uint32_t timestamp, unsigned *place) {
    unsigned i = j->count;
    while (i > 0) {
        int32_t d = pm_ts_diff(timestamp, j->slots[j->order[i - 1]].timestamp);
        if (d == 0) {
            return false;
        }
        if (d > 0) {
            break;
        }
        i--;
    }
    *place = i;
    return true;
}

static void store(struct pm_jitter *j, const struct pm_jitter_packet *p, unsigned place) {
    unsigned slot = 0;
    while (j->slots[slot].used) {
        slot++; /* bounded: the caller made room */
    }
    struct pm_jitter_slot *s = &j->slots[slot];
    s->used = true;
    s->redundant = p->redundant;
    s->after_rest = p->after_rest;
    s->payload_type = p->payload_type;
    s->sequence = p->sequence;
    s->payload_octets = (uint16_t)p->payload_octets;
    s->timestamp = p->timestamp;
    s->duration = p->duration;
    j->packet_units = p->duration;
    memcpy(s->payload, p->payload, p->payload_octets);
    memmove(j->order + place + 1, j->order + place, j->count - place);
    j->order[place] = (uint8_t)slot;
    j->count++;
    j->stored++;
}

int pm_jitter_put(struct pm_jitter *j, const struct pm_jitter_packet *p) {
    if (p->payload_octets == 0 || p->payload_octets > PM_RTP_PAYLOAD_MAX || p->duration == 0 ||
        p->duration > units_of_ms(j, PACKET_MAX_MS) || p->arrival_ns < 0 || p->arrival_ns > ARRIVAL_MAX_NS ||
        p->drained_ns < p->arrival_ns || p->drained_ns > ARRIVAL_MAX_NS) {
        return PM_EARG;
    }
    int result = PM_PUT_STORED;
    if (begins_new_timeline(j, p)) {
        result = j->ssrc_known ? PM_PUT_RESTARTED : PM_PUT_STORED;
        j->restarts += j->ssrc_known;
        forget_all(j);
        j->ssrc = p->ssrc;
        j->ssrc_known = true;
    }
    unsigned place = 0;
    if (already_seen(j, p->sequence, p->redundant) || !find_place(j, p->timestamp, &place)) {
        j->duplicate += !p->redundant;
        return PM_PUT_DUPLICATE;
    }
    int64_t relative_ns = pm_delay_arrival(&j->delay, p->timestamp, p->arrival_ns, p->drained_ns);
    if (j->state == PM_JITTER_IDLE) {
        prime(j, p, relative_ns);
    }
    measure(j, p, relative_ns);
    if (j->state == PM_JITTER_PLAYING && pm_ts_diff(p->timestamp + p->duration, j->play_timestamp) <= 0) {
        j->late += !p->redundant;
        return PM_PUT_LATE;
    }
    if (j->count == PM_JITTER_SLOTS) {
        if (place == 0) {
            j->discarded++;
            return PM_PUT_LATE; /* it would itself be the oldest */
        }
        drop_head(j);
        place--;
        j->discarded++;
        j->play_timestamp = place == 0 ? p->timestamp : head_of(j)->timestamp;
        result = PM_PUT_FULL;
    }
    store(j, p, place);
    return result;
}

/* Beyond the largest delay the oldest packets go: a conversation half a second late is none. */
static void enforce_delay_max(struct pm_jitter *j) {
    uint32_t limit = units_of_ms(j, j->config.delay_max_ms + 60u);
    while (j->count > 1) {
        const struct pm_jitter_slot *tail = at(j, j->count - 1);
        int32_t span = pm_ts_diff(tail->timestamp + tail->duration, head_of(j)->timestamp);
        if (span <= (int32_t)limit) {
            return;
        }
        uint32_t skipped = head_of(j)->duration;
        drop_head(j);
        j->discarded++;
        j->held = 0;
        j->play_timestamp = head_of(j)->timestamp;
        j->delay_units -= skipped;
    }
}

static int silence(struct pm_jitter *j, uint32_t units, struct pm_jitter_frame *f) {
    f->duration = units;
    if (j->state != PM_JITTER_PRIMING) {
        return PM_GET_EMPTY;
    }
    uint32_t lead = (uint32_t)pm_ts_diff(head_of(j)->timestamp, j->play_timestamp);
    f->duration = units < lead ? units : lead;
    j->play_timestamp += f->duration;
    return PM_GET_EMPTY;
}

static int hold(struct pm_jitter *j, uint32_t units, struct pm_jitter_frame *f) {
    f->duration = units;
    j->held += units;
    j->delay_units += units;
    if (j->held > units_of_ms(j, STARVED_MS)) {
        j->state = PM_JITTER_IDLE;
        j->delay_units -= j->held;
        j->held = 0;
    }
    return PM_GET_HOLD;
}

static int hand_out(struct pm_jitter *j, struct pm_jitter_frame *f) {
    const struct pm_jitter_slot *head = head_of(j);
    f->payload = head->payload;
    f->payload_octets = head->payload_octets;
    f->timestamp = head->timestamp;
    f->skip = (uint32_t)pm_ts_diff(j->play_timestamp, head->timestamp);
    f->duration = head->duration - f->skip;
    f->payload_type = head->payload_type;
    f->redundant = head->redundant;
    j->play_timestamp = head->timestamp + head->duration;
    j->held = 0;
    double excess = pm_jitter_excess_ms(j);
    f->advice = excess > ABOVE_TARGET_MS ? PM_ADVICE_SHORTEN : excess < -BELOW_TARGET_MS ? PM_ADVICE_LENGTHEN : PM_ADVICE_KEEP;
    drop_head(j); /* the octets stay in the slot until a put reuses it */
    return PM_GET_FRAME;
}

/* The time held counts towards the hole before the first packet; what of the hole is left. */
static int32_t cover(struct pm_jitter *j, int32_t gap) {
    uint32_t covered = (uint32_t)gap < j->held ? (uint32_t)gap : j->held;
    j->play_timestamp += covered;
    j->delay_units -= covered;
    j->held = 0;
    return gap - (int32_t)covered;
}

/* A pause of the sender is as good a time as any to bring the delay to its target: nobody hears that it is shorter or longer. */
static int32_t settle(struct pm_jitter *j, int32_t gap) {
    double excess = pm_jitter_excess_ms(j) * j->config.clock_rate_hz / 1000.0;
    double most = units_of_ms(j, PM_DELAY_MAX_MS);
    int32_t by = (int32_t)(excess > gap ? gap : excess < -most ? -most : excess);
    j->play_timestamp += (uint32_t)by;
    j->delay_units -= by;
    return gap - by;
}

int pm_jitter_get_upto(struct pm_jitter *j, uint32_t units, struct pm_jitter_frame *f) {
    memset(f, 0, sizeof *f);
    if (units == 0 || units > units_of_ms(j, PACKET_MAX_MS)) {
        return PM_EARG;
    }
    f->timestamp = j->play_timestamp;
    j->look_ahead -= j->look_ahead < units ? j->look_ahead : units;
    enforce_delay_max(j);
    while (j->count > 0 && pm_ts_diff(head_of(j)->timestamp + head_of(j)->duration, j->play_timestamp) <= 0) {
        drop_head(j); /* wholly covered by an overlapping packet */
        j->discarded++;
    }
    if (j->count == 0) {
        j->state = j->state == PM_JITTER_PRIMING ? PM_JITTER_IDLE : j->state;
        return j->state == PM_JITTER_PLAYING ? hold(j, units, f) : silence(j, units, f);
    }
    int32_t gap = pm_ts_diff(head_of(j)->timestamp, j->play_timestamp);
    if (j->state == PM_JITTER_PRIMING && gap > 0) {
        return silence(j, units, f);
    }
    j->state = PM_JITTER_PLAYING;
    bool rest = head_of(j)->after_rest;
    j->look_ahead = gap > 0 && !rest ? units_of_ms(j, LOOK_AHEAD_MS) : j->look_ahead;
    gap = gap > 0 ? cover(j, gap) : gap;
    gap = gap > 0 && rest ? settle(j, gap) : gap;
    if (gap > 0) {
        f->timestamp = j->play_timestamp;
        f->duration = (uint32_t)gap < units ? (uint32_t)gap : units;
        j->play_timestamp += f->duration;
        return rest ? PM_GET_REST : PM_GET_MISSING;
    }
    return hand_out(j, f);
}

int pm_jitter_get(struct pm_jitter *j, struct pm_jitter_frame *f) {
    return pm_jitter_get_upto(j, j->config.frame, f);
}

bool pm_jitter_ready(const struct pm_jitter *j) {
    return j->state == PM_JITTER_PLAYING && j->count > 0 && pm_ts_diff(head_of(j)->timestamp, j->play_timestamp) <= 0 &&
           pm_ts_diff(head_of(j)->timestamp + head_of(j)->duration, j->play_timestamp) > 0;
}

void pm_jitter_queued(struct pm_jitter *j, uint32_t units) {
    j->queued = units;
}

void pm_jitter_stretched(struct pm_jitter *j, int32_t units) {
    j->delay_units += units;
}

void pm_jitter_stats(const struct pm_jitter *j, struct pm_jitter_stats *s) {
    uint32_t waiting = 0;
    for (unsigned i = 0; i < j->count; i++) {
        waiting += j->slots[j->order[i]].duration;
    }
    *s = (struct pm_jitter_stats){.stored = j->stored,
                                  .late = j->late,
                                  .duplicate = j->duplicate,
                                  .reordered = j->reordered,
                                  .discarded = j->discarded,
                                  .restarts = j->restarts,
                                  .waiting_packets = j->count,
                                  .waiting = waiting,
                                  .delay_ms = pm_jitter_delay_ms(j),
                                  .delay_target_ms = pm_jitter_target_ms(j)};
}
