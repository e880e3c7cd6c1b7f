/* The handshake of DTLS-SRTP (RFC 5763, RFC 5764) by OpenSSL, datagrams in and datagrams out: no socket, and no clock but OpenSSL's
 * own for repeating a flight. An extension module of its own; everything here runs where there is time, never on the audio thread.
 */
#ifndef PM_DTLS_H
#define PM_DTLS_H

#include "pm_srtp.h"

enum {
    PM_DTLS_DATAGRAM_MAX = 1200, /* fits every path to the Internet, tunnels included */
    PM_DTLS_HASH_MAX = 64,
    /* Octets of ours that wait to be fetched: a flight with a certificate is about 1 kB; ten of them are a fault. */
    PM_DTLS_WAITING_MAX = 16384
};

/* A self-signed certificate and its key (RFC 5763 section 5: nobody needs to vouch for it, the fingerprint does). */
struct pm_dtls_identity {
    void *certificate, *key;
    uint8_t fingerprint[32]; /* SHA-256 */
};

enum pm_dtls_state { PM_DTLS_RUNNING = 0, PM_DTLS_DONE = 1, PM_DTLS_FAILED = 2 };

enum pm_dtls_hash { PM_DTLS_SHA256 = 0, PM_DTLS_SHA384 = 1, PM_DTLS_SHA512 = 2 };

struct pm_dtls {
    void *context, *ssl;
    void *in, *out; /* memory BIOs, owned by the ssl */
    uint8_t state;
    bool client;
};

/* PM_ESYSTEM: no memory or no randomness. */
int pm_dtls_identity_make(struct pm_dtls_identity *identity);
void pm_dtls_identity_free(struct pm_dtls_identity *identity);

/* `identity` must outlive it. PM_ESYSTEM as above. A client sends its first flight with pm_dtls_step. */
int pm_dtls_init(struct pm_dtls *dtls, const struct pm_dtls_identity *identity, bool client);
void pm_dtls_free(struct pm_dtls *dtls);

/* One datagram of the other side (NULL: none, only go on). Returns enum pm_dtls_state. What is no DTLS, or a record that is not
 * authentic, changes nothing (RFC 6347 section 4.1.2.7). */
int pm_dtls_step(struct pm_dtls *dtls, const uint8_t *datagram, size_t octets);

/* Moves the next datagram to be sent out: whole records, as many as fit. Returns its length, 0: none. PM_EARG: capacity below
 * PM_DTLS_DATAGRAM_MAX. */
int pm_dtls_take(struct pm_dtls *dtls, uint8_t *out, size_t capacity);

/* Milliseconds until pm_dtls_expire is due; -1: nothing waits. */
int pm_dtls_timeout_ms(struct pm_dtls *dtls);
/* Repeats the last flight if its time is over (RFC 6347 section 4.2.4). */
int pm_dtls_expire(struct pm_dtls *dtls);

/* When done: the hash of the other side's certificate. Returns its length, PM_ESTATE before, PM_EARG for an unknown hash. */
int pm_dtls_fingerprint(const struct pm_dtls *dtls, unsigned hash, uint8_t *out, size_t capacity);
/* When done: the keys of both directions (RFC 5764 section 4.2). PM_ESTATE before, or when no SRTP profile was agreed. */
int pm_dtls_keys(const struct pm_dtls *dtls, struct pm_srtp_keys *send, struct pm_srtp_keys *receive);

#endif
