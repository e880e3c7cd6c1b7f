/* What encrypts a stream's packets, seen from the pump: two functions and a context. Who fills them in (pm_srtp.c, in an extension
 * module of its own) brings the library along, so that a door whose calls are plain never loads one.
 *
 * The context belongs to the caller, who keeps it alive until the stream is stopped or secured anew. */
#ifndef PM_SECURE_H
#define PM_SECURE_H

#include "pm_types.h"

enum {
    /* Largest growth of a packet: a tag of 16 octets (RFC 7714 section 13) and, in RTCP, the index of 4 (RFC 3711 section 3.4). */
    PM_SECURE_TRAILER_MAX = 20
};

struct pm_secure_ops {
    /* Encrypts in place and appends the tag. `capacity` is at least *octets + PM_SECURE_TRAILER_MAX. Negative: send nothing. */
    int (*protect)(void *context, uint8_t *packet, size_t *octets, size_t capacity, bool rtcp);
    /* Checks and decrypts in place. Negative: the packet is forged, replayed or broken, and nothing has changed but counters. */
    int (*unprotect)(void *context, uint8_t *packet, size_t *octets, bool rtcp);
};

enum pm_secure_state {
    PM_SECURE_PLAIN = 0,  /* nothing was agreed: packets pass as they are */
    PM_SECURE_CLOSED = 1, /* agreed, and no keys yet: nothing passes either way */
    PM_SECURE_OPEN = 2
};

struct pm_secure {
    enum pm_secure_state state;
    const struct pm_secure_ops *ops;
    void *context;
    uint64_t refused; /* packets that were not authentic, were replayed, or came without keys */
};

/* Whether the packet may be read, in clear from here on; counts what may not. */
bool pm_secure_open(struct pm_secure *secure, uint8_t *packet, size_t *octets, bool rtcp);
/* Whether the packet may be sent, as it is now. */
bool pm_secure_seal(struct pm_secure *secure, uint8_t *packet, size_t *octets, size_t capacity, bool rtcp);

enum pm_packet_kind { PM_PACKET_NONE = 0, PM_PACKET_STUN = 1, PM_PACKET_DTLS = 2, PM_PACKET_RTP = 3, PM_PACKET_RTCP = 4 };

/* What a datagram is by its first octets (RFC 7983 section 7; RTP from RTCP by RFC 5761 section 4). */
enum pm_packet_kind pm_packet_kind(const uint8_t *data, size_t octets);

#endif
