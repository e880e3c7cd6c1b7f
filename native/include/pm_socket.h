/* The only module that talks to the kernel: datagrams in, with their receive time, and out. Nothing here blocks. */
#ifndef PM_SOCKET_H
#define PM_SOCKET_H

#include "pm_types.h"

enum {
    PM_INBOX_MAX = 8,         /* datagrams a system call */
    PM_DRAIN_ROUNDS = 8,      /* calls a period: 64 packets, ten times what a 60 ms period of 10 ms packets brings */
    PM_DATAGRAM_OCTETS = 1500 /* larger ones are cut by the kernel, marked, and ignored */
};

struct pm_inbox; /* receive buffers and their descriptors, complete in pm_inbox.h */

struct pm_datagram {
    uint8_t *data; /* may be decrypted in place */
    size_t octets;
    struct pm_address from;
    int64_t age_ns; /* time since the kernel received it */
};

/* Asks for receive stamps. PM_ESYSTEM when `fd` is no socket. */
int pm_socket_prepare(int fd);

/* Reads up to PM_INBOX_MAX datagrams; returns how many, 0 when none waits or the socket is broken. `wall_ns` is CLOCK_REALTIME now.
 */
int pm_socket_receive(int fd, struct pm_inbox *inbox, int64_t wall_ns);
/* Datagram i of the last receive; false when it is to be ignored (cut short, foreign family). */
bool pm_socket_datagram(struct pm_inbox *inbox, int i, struct pm_datagram *datagram);

/* Sends one datagram; false when the kernel did not take it. */
bool pm_socket_send(int fd, const struct pm_address *to, const uint8_t *data, size_t octets);
/* Sends one through a channel of the relay that `fd` is connected to; false also when there is no such channel. */
bool pm_socket_send_relayed(int fd, uint16_t channel, const uint8_t *data, size_t octets);
/* Finds out where the datagram, which came from the relay, comes from: takes its channel's header off and names the channel as its
 * address, or names the relay itself for what is STUN. False when it is to be ignored. */
bool pm_socket_unwrap(struct pm_datagram *datagram);

bool pm_address_equal(const struct pm_address *a, const struct pm_address *b);
bool pm_address_same_host(const struct pm_address *a, const struct pm_address *b);

#endif
