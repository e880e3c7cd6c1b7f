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
    uint8_t data[PM_INBOX_MAX][PM_DATAGRAM_OCTETS];
};

#endif
