/* Extended reports, RFC 3611: the VoIP metrics block (section 4.7) in and out, and the bursts of loss that it tells of. No clock.
 */
#ifndef PM_XR_H
#define PM_XR_H

#include "pm_types.h"

enum {
    PM_XR_GMIN = 16,     /* received packets in a row that end a burst: section 4.7.2 recommends it */
    PM_XR_UNKNOWN = 127, /* of levels, R factors and scores: not measured (sections 4.7.4 and 4.7.5) */
    PM_XR_OCTETS = 44,   /* an XR packet with one VoIP metrics block */
    /* Packets that wait for their fate: what is this far behind the newest is lost. A second of 20 ms packets. */
    PM_BURST_WINDOW = 48
};

/* Which packets were lost or came too late to be played, in the order of their sequence. */
struct pm_burst {
    bool began;
    uint16_t next;       /* the oldest sequence number whose fate is open */
    unsigned span;       /* how many from `next` to the newest, both included */
    uint64_t here, late; /* bit i: next + i has come, and was too late */
    uint64_t packets;    /* whose fate is known */
    uint64_t lost, discarded;
    uint64_t runs;                      /* of packets that were not played, one after the other */
    unsigned quiet;                     /* packets received since the last loss, up to PM_XR_GMIN */
    uint64_t open_packets, open_losses; /* of what may become a burst; 0: nothing */
    uint64_t bursts, burst_packets, burst_losses;
};

void pm_burst_init(struct pm_burst *burst);
/* A packet of the source that is heard, as it came; `late`: it was not played. Duplicates and stragglers change nothing. */
void pm_burst_packet(struct pm_burst *burst, uint16_t sequence, bool late);
/* The sender begins a new sequence; what was counted stays. */
void pm_burst_restart(struct pm_burst *burst);

/* Fills loss, discard, burst and gap as of now; every other field is zero. `packet_ms` is the length of a packet. */
void pm_burst_metrics(const struct pm_burst *burst, unsigned packet_ms, struct pm_voip_metrics *metrics);

/* Burst ratio of ITU-T G.107: the mean length of runs of packets that were not played, over what it is when as many are lost each
 * by itself. 1 where there is no loss, and at least; the model knows none above 8. */
double pm_burst_ratio(const struct pm_burst *burst);

/* Writes an XR packet of `ssrc` with one block; its length, or PM_EFULL. */
int pm_xr_build(uint32_t ssrc, const struct pm_voip_metrics *metrics, uint8_t *out, size_t capacity);
/* Looks through a compound packet that pm_rtcp_parse accepted for a block about `source`, the last one counts. */
bool pm_xr_find(const uint8_t *compound, size_t octets, uint32_t source, struct pm_voip_metrics *metrics);

#endif
