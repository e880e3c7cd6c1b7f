/* RTP packets, RFC 3550 section 5. Pure functions over caller's buffers. */
#ifndef PM_RTP_H
#define PM_RTP_H

#include "pm_types.h"

enum {
    PM_RTP_HEADER_OCTETS = 12,
    PM_RTP_CSRC_MAX = 15, /* the CC field has four bits */
    /* Ethernet's 1500 less IPv6 and UDP headers: nothing larger arrives in one piece. */
    PM_RTP_PACKET_MAX = 1452,
    PM_RTP_PAYLOAD_MAX = PM_RTP_PACKET_MAX - PM_RTP_HEADER_OCTETS
};

struct pm_rtp_packet {
    bool marker;
    uint8_t payload_type;
    uint16_t sequence;
    uint32_t timestamp;
    uint32_t ssrc;
    uint8_t csrc_count;
    uint32_t csrc[PM_RTP_CSRC_MAX];
    bool has_extension;
    uint16_t extension_profile;
    const uint8_t *extension; /* whole 32-bit words; meaningful when has_extension */
    size_t extension_octets;
    const uint8_t *payload;
    size_t payload_octets;
    uint8_t padding_octets; /* 0: no padding */
};

/* Reads one packet. On PM_OK every pointer of `packet` lies inside [data, data + octets); on PM_EMALFORMED `packet` is undefined.
 */
int pm_rtp_parse(const uint8_t *data, size_t octets, struct pm_rtp_packet *packet);

/* Writes `packet`; its pointers must not overlap `out`. Returns the length, PM_EFULL when `capacity` is too small,
 * PM_EARG for a field out of range (payload type above 127, extension not of whole words). */
int pm_rtp_build(const struct pm_rtp_packet *packet, uint8_t *out, size_t capacity);

#endif
