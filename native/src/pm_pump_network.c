#include "pm_pump.h"
#include "pm_socket.h"
#include <string.h>

/* Where a stream's packets come from. */
enum way { WAY_RTP, WAY_RTCP, WAY_RELAY };

int pm_pump_prepare_sockets(const struct pm_stream_config *c) {
    bool ok = pm_socket_prepare(c->rtp_fd) == PM_OK && (c->rtcp_fd < 0 || pm_socket_prepare(c->rtcp_fd) == PM_OK) &&
              (c->relay_fd < 0 || pm_socket_prepare(c->relay_fd) == PM_OK);
    return ok ? PM_OK : PM_ESYSTEM;
}

int pm_pump_apart(struct pm_pump *p, unsigned *slot, struct pm_address *from, uint8_t *data, size_t capacity) {
    return pm_apart_take(&p->apart, slot, from, data, capacity);
}

static void take_datagram(struct pm_pump *p, struct pm_stream *s, struct pm_datagram *d, bool rtcp, int64_t now_ns,
                          int64_t wall_ns) {
    enum pm_packet_kind kind = pm_packet_kind(d->data, d->octets);
    if (kind == PM_PACKET_STUN || kind == PM_PACKET_DTLS) {
        pm_apart_keep(&p->apart, s->slot, d);
        return;
    }
    rtcp = rtcp || kind == PM_PACKET_RTCP;
    if (!pm_secure_open(&s->secure, d->data, &d->octets, rtcp)) {
        return;
    }
    if (rtcp) {
        if (s->config.shares_way) {
            pm_apart_keep(&p->apart, s->slot, d);
        }
        pm_stream_rtcp(s, d->data, d->octets, &d->from, now_ns - d->age_ns, wall_ns - d->age_ns, &p->events);
    } else {
        pm_stream_rtp(s, d->data, d->octets, &d->from, now_ns - d->age_ns, now_ns, &p->events);
    }
}

int pm_pump_stream_take(struct pm_pump *p, unsigned slot, const struct pm_address *from, const uint8_t *data, size_t octets,
                        int64_t now_ns, int64_t wall_ns) {
    if (slot >= PM_STREAMS_MAX || !p->used[slot]) {
        return PM_ESTATE;
    }
    if (octets > PM_DATAGRAM_OCTETS) {
        return PM_EARG;
    }
    struct pm_datagram d = {.data = p->inbox.data[0], .octets = octets, .from = *from};
    memcpy(d.data, data, octets);
    take_datagram(p, &p->streams[slot], &d, false, now_ns, wall_ns);
    return PM_OK;
}

/* Reads one socket until it is empty, a bound is reached, or a short batch says that it is. */
static void drain(struct pm_pump *p, struct pm_stream *s, int fd, enum way way, int64_t now_ns, int64_t wall_ns) {
    int count = PM_INBOX_MAX;
    for (int round = 0; round < PM_DRAIN_ROUNDS && count == PM_INBOX_MAX; round++) {
        count = pm_socket_receive(fd, &p->inbox, wall_ns);
        for (int i = 0; i < count; i++) {
            struct pm_datagram d;
            if (pm_socket_datagram(&p->inbox, i, &d) && (way != WAY_RELAY || pm_socket_unwrap(&d))) {
                take_datagram(p, s, &d, way == WAY_RTCP, now_ns, wall_ns);
            } else {
                s->invalid++;
            }
        }
    }
}

void pm_pump_receive(struct pm_pump *p, int64_t now_ns, int64_t wall_ns) {
    /* Reports are rare and in no hurry: one look in ten periods spares a system call in each. */
    bool look_for_reports = p->periods++ % 10 == 0;
    for (unsigned i = 0; i < PM_STREAMS_MAX; i++) {
        if (!p->used[i]) {
            continue;
        }
        const struct pm_stream_config *c = &p->streams[i].config;
        drain(p, &p->streams[i], c->rtp_fd, WAY_RTP, now_ns, wall_ns);
        if (look_for_reports && c->rtcp_fd >= 0 && c->rtcp_fd != c->rtp_fd) {
            drain(p, &p->streams[i], c->rtcp_fd, WAY_RTCP, now_ns, wall_ns);
        }
        if (c->relay_fd >= 0) {
            drain(p, &p->streams[i], c->relay_fd, WAY_RELAY, now_ns, wall_ns);
        }
    }
}

bool pm_pump_send(struct pm_stream *s, uint8_t *packet, size_t octets, size_t capacity, bool rtcp) {
    if (!pm_secure_seal(&s->secure, packet, &octets, capacity, rtcp)) {
        return false;
    }
    const struct pm_address *to = rtcp ? pm_stream_report_to(s) : &s->latch.remote;
    if (to->family == PM_FAMILY_RELAYED) {
        return pm_socket_send_relayed(s->config.relay_fd, to->port, packet, octets);
    }
    return pm_socket_send(rtcp ? s->config.rtcp_fd : s->config.rtp_fd, to, packet, octets);
}
