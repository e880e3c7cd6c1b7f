#include "pm_secure.h"

bool pm_secure_open(struct pm_secure *s, uint8_t *packet, size_t *octets, bool rtcp) {
    bool ok =
        s->state == PM_SECURE_PLAIN || (s->state == PM_SECURE_OPEN && s->ops->unprotect(s->context, packet, octets, rtcp) == PM_OK);
    s->refused += !ok;
    return ok;
}

bool pm_secure_seal(struct pm_secure *s, uint8_t *packet, size_t *octets, size_t capacity, bool rtcp) {
    if (s->state == PM_SECURE_PLAIN) {
        return true;
    }
    return s->state == PM_SECURE_OPEN && *octets + PM_SECURE_TRAILER_MAX <= capacity &&
           s->ops->protect(s->context, packet, octets, capacity, rtcp) == PM_OK;
}

enum pm_packet_kind pm_packet_kind(const uint8_t *data, size_t octets) {
    if (octets < 2) {
        return PM_PACKET_NONE;
    }
    if (data[0] <= 3) {
        return PM_PACKET_STUN;
    }
    if (data[0] >= 20 && data[0] <= 63) {
        return PM_PACKET_DTLS;
    }
    if (data[0] < 128 || data[0] > 191) {
        return PM_PACKET_NONE;
    }
    /* RFC 5761 section 4: payload types 64 to 95 are not used for RTP, for with the marker bit they look like RTCP. */
    return (data[1] & 0x7f) >= 64 && (data[1] & 0x7f) <= 95 ? PM_PACKET_RTCP : PM_PACKET_RTP;
}
