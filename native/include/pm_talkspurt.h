/* Where a sender pauses, and by how much its clock jumps: what RTP says between the lines of sequence numbers, timestamps and
 * arrivals. No clock.
 *
 * A sender that pauses when nobody speaks counts on in its timestamps and not in its sequence numbers (RFC 3550 section 5.1): time
 * that no lost packet explains is a pause, and no loss. Some leave their timestamps where they were, or jump to others when the
 * sound comes from somewhere else (a voice after music on hold). Such a packet is put where it would be by its arrival, or it would
 * be taken for one that is seconds late or early. */
#ifndef PM_TALKSPURT_H
#define PM_TALKSPURT_H

#include "pm_types.h"

struct pm_talkspurt {
    uint32_t rate_hz; /* of positions */
    bool known;
    bool jumped;  /* the latest packet was moved to where it belongs by its arrival */
    bool resting; /* the latest that came says that the sender pauses */
    bool paused;  /* it has, at least once */
    unsigned packets;
    uint32_t ssrc;
    uint16_t sequence; /* of the latest packet that came in order */
    uint32_t end;      /* position behind it */
    int64_t arrival_ns;
    uint32_t pause,
        begin;      /* positions: where the latest pause began, and the first packet behind it that has come; the same: none */
    uint32_t moved; /* added to every position of this source: by so much its clock has jumped */
};

void pm_talkspurt_init(struct pm_talkspurt *talkspurt, uint32_t rate_hz);

/* Takes a packet of sound whose timestamp is a position at rate_hz; moves it where the clock has jumped, and says in it whether it
 * is the first after a pause. `pauses`: its payload announces another. Returns whether it is the latest of its source. */
bool pm_talkspurt_follow(struct pm_talkspurt *talkspurt, struct pm_jitter_packet *packet, bool pauses);

/* The sender says that it pauses from the packet's position on. Returns whether that is the latest word. */
bool pm_talkspurt_rest(struct pm_talkspurt *talkspurt, const struct pm_jitter_packet *packet);

#endif
