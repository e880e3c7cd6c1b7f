/* SRTP (RFC 3711, RFC 6188, RFC 7714) by libsrtp2, as the functions of pm_secure.h. An extension module of its own.
 *
 * Everything is allocated by pm_srtp_init, with one exception: libsrtp clones its template, some 1.5 kB, when the first authentic
 * packet of a further sender (SSRC) comes. PM_SRTP_SOURCES_MAX bounds that. */
#ifndef PM_SRTP_H
#define PM_SRTP_H

#include "pm_secure.h"

enum {
    PM_SRTP_KEY_MAX = 46, /* AES-256 key and 112-bit salt */
    /* Senders accepted under one key. Nobody honest changes the SSRC so often in a call; forgetting an old one instead would let
     * its packets be replayed. */
    PM_SRTP_SOURCES_MAX = 16,
    PM_SRTP_WINDOW = 128, /* packets; RFC 3711 section 3.3.2 wants at least 64 */
    /* Authentic packets under new keys after which the ones before are forgotten: a second of reordering. */
    PM_SRTP_GRACE_PACKETS = 50
};

/* RFC 4568 section 6.2, RFC 6188 section 4, RFC 7714 section 14; in DTLS RFC 5764 section 4.1.2 and RFC 7714 section 14.2. */
enum pm_srtp_suite {
    PM_SRTP_AES_CM_128_HMAC_SHA1_80 = 1,
    PM_SRTP_AES_CM_128_HMAC_SHA1_32 = 2, /* RTCP keeps a tag of 80 bits */
    PM_SRTP_AES_256_CM_HMAC_SHA1_80 = 3,
    PM_SRTP_AES_256_CM_HMAC_SHA1_32 = 4,
    PM_SRTP_AEAD_AES_128_GCM = 5,
    PM_SRTP_AEAD_AES_256_GCM = 6
};

/* Master key and salt, one after the other. Each direction may have its own suite. */
struct pm_srtp_keys {
    uint8_t suite;
    uint8_t octets;
    uint8_t key[PM_SRTP_KEY_MAX];
};

struct pm_srtp {
    struct pm_srtp_keys send, receive;
    void *out, *in, *before; /* libsrtp sessions; `before`: receiving under the keys before these, NULL: none */
    unsigned grace;          /* packets until `before` is forgotten */
    uint32_t sources[PM_SRTP_SOURCES_MAX];
    unsigned source_count;
};

/* The key length that a suite wants, 0 for an unknown suite. */
unsigned pm_srtp_key_octets(uint8_t suite);

/* Before anything else, by one thread; again is allowed. PM_ESYSTEM: the library's self-test failed. */
int pm_srtp_library(void);

/* `ssrc` is our own. PM_EARG: unknown suite, wrong key length; PM_ESYSTEM: the library refused (no memory, suite not built in). */
int pm_srtp_init(struct pm_srtp *srtp, const struct pm_srtp_keys *send, const struct pm_srtp_keys *receive, uint32_t ssrc);

/* A further offer and answer gave `srtp` its keys: where a direction's are those of `old`, counters and replay window go on (a
 * counter that begins again under the same key would break the cipher); where they changed, packets on their way are still read.
 * Of `old` only pm_srtp_close is allowed then. Allocates nothing. */
void pm_srtp_inherit(struct pm_srtp *srtp, struct pm_srtp *old);

/* Gives everything back and wipes the keys. Allowed twice. */
void pm_srtp_close(struct pm_srtp *srtp);

/* For pm_pump_stream_secure; the context is the struct pm_srtp. */
const struct pm_secure_ops *pm_srtp_ops(void);

#endif
