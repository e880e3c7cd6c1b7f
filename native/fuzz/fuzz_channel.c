/* Invariants 1 and 2 of SECURITY.md on what comes from a relay: it stays inside the datagram, its header is built again octet by
 * octet, and what is not of a channel is STUN or nothing. */
#include "pm_channel.h"
#include "pm_secure.h"
#include "pm_socket.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets) {
    uint8_t header[PM_CHANNEL_HEADER_OCTETS],
        *copy = malloc(octets + 1); /* exactly as long: the sanitizer sees every step beyond */
    uint16_t number = 0;
    size_t within = 0;
    if (copy == NULL) {
        return 0;
    }
    copy = realloc(copy, octets > 0 ? octets : 1);
    if (octets > 0) {
        memcpy(copy, data, octets);
    }
    struct pm_datagram d = {.data = copy, .octets = octets};
    bool accepted = pm_socket_unwrap(&d);
    if (pm_channel_parse(data, octets, &number, &within) == PM_OK) {
        if (pm_channel_build(number, within, header) != PM_OK || memcmp(header, data, sizeof header) != 0 || !accepted ||
            d.octets != within || within > octets - PM_CHANNEL_HEADER_OCTETS || d.from.port != number ||
            memcmp(d.data, data + PM_CHANNEL_HEADER_OCTETS, within) != 0) {
            __builtin_trap();
        }
    } else if (d.octets != octets || d.from.port != 0 || (accepted && pm_packet_kind(data, octets) != PM_PACKET_STUN)) {
        __builtin_trap();
    }
    if (d.from.family != PM_FAMILY_RELAYED || !pm_address_same_host(&d.from, &d.from)) {
        __builtin_trap();
    }
    free(copy);
    return 0;
}
