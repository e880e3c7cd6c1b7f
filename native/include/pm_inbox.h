/* Receive buffers of pm_socket.h: apart, because they need the system's headers and a feature macro. */
#ifndef PM_INBOX_H
#define PM_INBOX_H

#include "pm_socket.h"
#include <netinet/in.h>
#include <sys/socket.h>

enum { PM_CONTROL_OCTETS = 64 }; /* one time stamp with its header */

struct pm_inbox {
    int64_t wall_ns;
    unsigned octets[PM_INBOX_MAX];
    int flags[PM_INBOX_MAX];
    size_t control_octets[PM_INBOX_MAX];
    struct sockaddr_in6 names[PM_INBOX_MAX]; /* large enough for both families */
    _Alignas(16) uint8_t control[PM_INBOX_MAX][PM_CONTROL_OCTETS];
    _Alignas(8) uint8_t data[PM_INBOX_MAX][PM_DATAGRAM_OCTETS]; /* libsrtp reads whole words */
};

enum { PM_APART_MAX = 16 }; /* a handshake's flight is six datagrams at most; checks of connectivity come a few a second */

/* Datagrams that came to a media socket and are no media: STUN and DTLS, waiting to be fetched. The newest are dropped when full:
 * both protocols repeat what was lost. */
struct pm_apart {
    unsigned first, count;
    struct {
        uint8_t slot;
        struct pm_address from;
        size_t octets;
        uint8_t data[PM_DATAGRAM_OCTETS];
    } ring[PM_APART_MAX];
};

void pm_apart_keep(struct pm_apart *apart, uint8_t slot, const struct pm_datagram *datagram);
/* See pm_pump_apart. */
int pm_apart_take(struct pm_apart *apart, unsigned *slot, struct pm_address *from, uint8_t *data, size_t capacity);

#endif
