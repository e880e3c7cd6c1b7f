/* Invariants 1 and 2 of SECURITY.md: parsing stays inside the packet, and what was parsed is built again octet by octet. */
#include "pm_rtp.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets) {
    struct pm_rtp_packet p, again;
    uint8_t out[70000];
    if (pm_rtp_parse(data, octets, &p) != PM_OK) {
        return 0;
    }
    if (p.payload < data || p.payload_octets > octets || p.payload + p.payload_octets > data + octets) {
        __builtin_trap();
    }
    int n = pm_rtp_build(&p, out, sizeof out);
    if (n < 0) {
        return 0; /* longer than we ever send */
    }
    if ((size_t)n != octets || pm_rtp_parse(out, (size_t)n, &again) != PM_OK) {
        __builtin_trap();
    }
    /* Only the padding's filler, which says nothing, may differ. */
    if (memcmp(out, data, octets - p.padding_octets) != 0 || again.payload_octets != p.payload_octets) {
        __builtin_trap();
    }
    return 0;
}
