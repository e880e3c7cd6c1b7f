/* RTCP, RFC 3550 section 6: compound packets in and out, and the arithmetic of reports. Pure functions. */
#ifndef PM_RTCP_H
#define PM_RTCP_H

#include "pm_types.h"

enum {
    PM_RTCP_PACKET_MAX = 1452, /* as RTP: one unfragmented datagram */
    /* A compound packet may hold 31 blocks a report; beyond these we only need the one about ourselves, which is picked while
       reading. */
    PM_RTCP_BLOCKS_MAX = 8,
    PM_RTCP_BYES_MAX = 8
};

/* One report block, section 6.4.1. Times are the wire's own: `last_sr` the middle 32 bits of an NTP stamp, delay in 1/65536 s. */
struct pm_rtcp_block {
    uint32_t ssrc;
    uint8_t fraction_lost; /* of 256 */
    int32_t packets_lost;  /* 24 bits signed on the wire */
    uint32_t highest_sequence;
    uint32_t jitter; /* timestamp units */
    uint32_t last_sr;
    uint32_t delay_since_sr;
};

struct pm_rtcp_compound {
    uint32_t ssrc; /* of the packet's sender */
    bool has_sender_info;
    uint64_t ntp; /* 32.32 seconds since 1900 */
    uint32_t rtp_timestamp;
    uint32_t packets_sent;
    uint32_t octets_sent;
    unsigned block_count;
    struct pm_rtcp_block blocks[PM_RTCP_BLOCKS_MAX];
    uint8_t cname_octets; /* 0: none */
    char cname[256];
    bool bye; /* the packet carries a BYE */
    unsigned bye_count;
    uint32_t bye_ssrc[PM_RTCP_BYES_MAX];
};

/* Reads a compound packet after the validity checks of appendix A.2. Of report blocks, those about `own_ssrc` are kept first when
 * there are more than PM_RTCP_BLOCKS_MAX. On PM_EMALFORMED `compound` is undefined. */
int pm_rtcp_parse(const uint8_t *data, size_t octets, uint32_t own_ssrc, struct pm_rtcp_compound *compound);

/* Writes SR (with sender info) or RR, the blocks, SDES with the CNAME, and a BYE for `ssrc` when `bye` is set (section 6.1).
 * Returns the length or PM_EFULL. bye_ssrc is not read. */
int pm_rtcp_build(const struct pm_rtcp_compound *compound, uint8_t *out, size_t capacity);

/* NTP stamp of a CLOCK_REALTIME reading, section 4. */
uint64_t pm_rtcp_ntp(int64_t wall_ns);

/* Middle 32 bits of an NTP stamp. */
static inline uint32_t pm_rtcp_ntp_middle(uint64_t ntp) {
    return (uint32_t)(ntp >> 16);
}

/* Round trip in 1/65536 s from a block about us, section 6.4.1 figure 2. False when the peer has seen no report of ours or lies. */
bool pm_rtcp_round_trip(const struct pm_rtcp_block *block, uint64_t now_ntp, uint32_t *round_trip);

struct pm_rtcp_timing {
    unsigned members;
    unsigned senders;
    double rtcp_octets_per_s; /* the session's RTCP bandwidth: 5 % of the media's */
    double average_octets;    /* of RTCP packets, headers included */
    bool we_sent;
    bool initial;
};

/* Seconds until the next report, section 6.3.1: minimum 5 s (halved before the first), randomised by `fraction` in [0, 1). */
double pm_rtcp_interval_s(const struct pm_rtcp_timing *timing, double fraction);

#endif
