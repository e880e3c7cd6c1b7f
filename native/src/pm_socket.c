#define _GNU_SOURCE /* recvmmsg */
#include "pm_channel.h"
#include "pm_inbox.h"
#include "pm_secure.h"
#include <arpa/inet.h>
#include <string.h>
#include <time.h>

/* A stamp older than this, or from the future, says that the wall clock was set meanwhile. */
#define AGE_MAX_NS INT64_C(1000000000)

int pm_socket_prepare(int fd) {
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0 ? PM_OK : PM_ESYSTEM;
}

int pm_socket_receive(int fd, struct pm_inbox *inbox, int64_t wall_ns) {
    struct mmsghdr messages[PM_INBOX_MAX];
    struct iovec vectors[PM_INBOX_MAX];
    memset(messages, 0, sizeof messages);
    for (unsigned i = 0; i < PM_INBOX_MAX; i++) {
        vectors[i] = (struct iovec){.iov_base = inbox->data[i], .iov_len = PM_DATAGRAM_OCTETS};
        messages[i].msg_hdr.msg_name = &inbox->names[i];
        messages[i].msg_hdr.msg_namelen = sizeof inbox->names[i];
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_control = inbox->control[i];
        messages[i].msg_hdr.msg_controllen = PM_CONTROL_OCTETS;
    }
    int count = recvmmsg(fd, messages, PM_INBOX_MAX, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        inbox->octets[i] = messages[i].msg_len;
        inbox->flags[i] = messages[i].msg_hdr.msg_flags;
        inbox->control_octets[i] = messages[i].msg_hdr.msg_controllen;
    }
    inbox->wall_ns = wall_ns;
    return count < 0 ? 0 : count;
}

static int64_t age_of(const struct pm_inbox *inbox, int i) {
    struct msghdr header = {.msg_control = (void *)(uintptr_t)inbox->control[i], .msg_controllen = inbox->control_octets[i]};
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS ||
        c->cmsg_len < CMSG_LEN(sizeof(struct timespec))) {
        return 0;
    }
    struct timespec stamp;
    memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
    int64_t age = inbox->wall_ns - ((int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec);
    return age < 0 || age > AGE_MAX_NS ? 0 : age;
}

static bool read_name(const struct sockaddr_in6 *name, struct pm_address *a) {
    memset(a, 0, sizeof *a);
    if (name->sin6_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, name, sizeof four);
        a->family = PM_FAMILY_IPV4;
        a->port = ntohs(four.sin_port);
        memcpy(a->ip, &four.sin_addr, 4);
        return true;
    }
    if (name->sin6_family != AF_INET6) {
        return false;
    }
    a->port = ntohs(name->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&name->sin6_addr)) {
        a->family = PM_FAMILY_IPV4;
        memcpy(a->ip, name->sin6_addr.s6_addr + 12, 4);
        return true;
    }
    a->family = PM_FAMILY_IPV6;
    a->scope_id = name->sin6_scope_id;
    memcpy(a->ip, &name->sin6_addr, 16);
    return true;
}

bool pm_socket_datagram(struct pm_inbox *inbox, int i, struct pm_datagram *d) {
    if ((inbox->flags[i] & MSG_TRUNC) || !read_name(&inbox->names[i], &d->from)) {
        return false;
    }
    d->data = inbox->data[i];
    d->octets = inbox->octets[i];
    d->age_ns = age_of(inbox, i);
    return true;
}

/* True when the socket is an IPv6 one: then IPv4 addresses are written as mapped ones. */
static bool is_ipv6(int fd) {
    struct sockaddr_storage own;
    socklen_t length = sizeof own;
    return getsockname(fd, (struct sockaddr *)&own, &length) == 0 && own.ss_family == AF_INET6;
}

static bool send_v6(int fd, const struct pm_address *to, const uint8_t *data, size_t octets) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(to->port), .sin6_scope_id = to->scope_id};
    if (to->family == PM_FAMILY_IPV6) {
        memcpy(&six.sin6_addr, to->ip, 16);
    } else {
        six.sin6_addr.s6_addr[10] = six.sin6_addr.s6_addr[11] = 0xff;
        memcpy(six.sin6_addr.s6_addr + 12, to->ip, 4);
    }
    return sendto(fd, data, octets, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&six, sizeof six) == (ssize_t)octets;
}

bool pm_socket_send(int fd, const struct pm_address *to, const uint8_t *data, size_t octets) {
    if (to->family == PM_FAMILY_IPV6) {
        return send_v6(fd, to, data, octets);
    }
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(to->port)};
    memcpy(&four.sin_addr, to->ip, 4);
    if (sendto(fd, data, octets, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&four, sizeof four) == (ssize_t)octets) {
        return true;
    }
    return is_ipv6(fd) && send_v6(fd, to, data, octets);
}

bool pm_socket_send_relayed(int fd, uint16_t channel, const uint8_t *data, size_t octets) {
    uint8_t header[PM_CHANNEL_HEADER_OCTETS];
    if (fd < 0 || pm_channel_build(channel, octets, header) != PM_OK) {
        return false;
    }
    struct iovec parts[2] = {{.iov_base = header, .iov_len = sizeof header},
                             {.iov_base = (void *)(uintptr_t)data, .iov_len = octets}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(sizeof header + octets);
}

bool pm_socket_unwrap(struct pm_datagram *d) {
    uint16_t channel;
    size_t octets;
    if (pm_channel_parse(d->data, d->octets, &channel, &octets) != PM_OK) {
        d->from = pm_channel_address(0);
        return pm_packet_kind(d->data, d->octets) == PM_PACKET_STUN;
    }
    /* To the front, because decryption reads whole words. */
    memmove(d->data, d->data + PM_CHANNEL_HEADER_OCTETS, octets);
    d->octets = octets;
    d->from = pm_channel_address(channel);
    return true;
}

bool pm_address_same_host(const struct pm_address *a, const struct pm_address *b) {
    if (a->family == PM_FAMILY_RELAYED) {
        return b->family == PM_FAMILY_RELAYED && a->port == b->port; /* each channel leads to one address */
    }
    size_t octets = a->family == PM_FAMILY_IPV4 ? 4 : 16;
    return a->family != PM_FAMILY_NONE && a->family == b->family && memcmp(a->ip, b->ip, octets) == 0;
}

bool pm_address_equal(const struct pm_address *a, const struct pm_address *b) {
    return pm_address_same_host(a, b) && a->port == b->port;
}
