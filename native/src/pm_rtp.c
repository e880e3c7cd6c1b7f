#include "pm_rtp.h"
#include "pm_bytes.h"
#include <string.h>

/* Section 5.3.1: a 16-bit profile word, the length in 32-bit words, then the words. Returns the octets taken or PM_EMALFORMED. */
static int parse_extension(const uint8_t *data, size_t octets, struct pm_rtp_packet *packet) {
    if (octets < 4) {
        return PM_EMALFORMED;
    }
    size_t body = (size_t)pm_load16(data + 2) * 4;
    if (octets - 4 < body) {
        return PM_EMALFORMED;
    }
    packet->extension_profile = pm_load16(data);
    packet->extension = data + 4;
    packet->extension_octets = body;
    return (int)(4 + body);
}

int pm_rtp_parse(const uint8_t *data, size_t octets, struct pm_rtp_packet *packet) {
    if (octets < PM_RTP_HEADER_OCTETS || data[0] >> 6 != 2) {
        return PM_EMALFORMED;
    }
    memset(packet, 0, sizeof *packet);
    bool padded = data[0] & 0x20;
    packet->has_extension = data[0] & 0x10;
    packet->csrc_count = data[0] & 0x0f;
    packet->marker = data[1] & 0x80;
    packet->payload_type = data[1] & 0x7f;
    packet->sequence = pm_load16(data + 2);
    packet->timestamp = pm_load32(data + 4);
    packet->ssrc = pm_load32(data + 8);
    const uint8_t *at = data + PM_RTP_HEADER_OCTETS;
    size_t left = octets - PM_RTP_HEADER_OCTETS;
    if (left < (size_t)packet->csrc_count * 4) {
        return PM_EMALFORMED;
    }
    for (unsigned i = 0; i < packet->csrc_count; i++, at += 4, left -= 4) {
        packet->csrc[i] = pm_load32(at);
    }
    if (packet->has_extension) {
        int taken = parse_extension(at, left, packet);
        if (taken < 0) {
            return taken;
        }
        at += taken;
        left -= (size_t)taken;
    }
    if (padded) {
        /* Section 5.1: the last octet counts the padding, itself included. */
        if (left == 0 || data[octets - 1] == 0 || data[octets - 1] > left) {
            return PM_EMALFORMED;
        }
        packet->padding_octets = data[octets - 1];
        left -= packet->padding_octets;
    }
    packet->payload = at;
    packet->payload_octets = left;
    return PM_OK;
}

int pm_rtp_build(const struct pm_rtp_packet *packet, uint8_t *out, size_t capacity) {
    if (packet->payload_type > 127 || packet->csrc_count > PM_RTP_CSRC_MAX || packet->payload_octets > PM_RTP_PAYLOAD_MAX ||
        (packet->has_extension && (packet->extension_octets % 4 != 0 || packet->extension_octets > PM_RTP_PAYLOAD_MAX))) {
        return PM_EARG;
    }
    size_t extension = packet->has_extension ? 4 + packet->extension_octets : 0;
    size_t total =
        PM_RTP_HEADER_OCTETS + (size_t)packet->csrc_count * 4 + extension + packet->payload_octets + packet->padding_octets;
    if (total > capacity) {
        return PM_EFULL;
    }
    out[0] = (uint8_t)(0x80 | (packet->padding_octets ? 0x20 : 0) | (packet->has_extension ? 0x10 : 0) | packet->csrc_count);
    out[1] = (uint8_t)((packet->marker ? 0x80 : 0) | packet->payload_type);
    pm_store16(out + 2, packet->sequence);
    pm_store32(out + 4, packet->timestamp);
    pm_store32(out + 8, packet->ssrc);
    uint8_t *at = out + PM_RTP_HEADER_OCTETS;
    for (unsigned i = 0; i < packet->csrc_count; i++, at += 4) {
        pm_store32(at, packet->csrc[i]);
    }
    if (packet->has_extension) {
        pm_store16(at, packet->extension_profile);
        pm_store16(at + 2, (uint16_t)(packet->extension_octets / 4));
        if (packet->extension_octets) {
            memcpy(at + 4, packet->extension, packet->extension_octets);
        }
        at += extension;
    }
    if (packet->payload_octets) {
        memcpy(at, packet->payload, packet->payload_octets);
        at += packet->payload_octets;
    }
    if (packet->padding_octets) {
        memset(at, 0, packet->padding_octets);
        at[packet->padding_octets - 1] = packet->padding_octets;
    }
    return (int)total;
}
