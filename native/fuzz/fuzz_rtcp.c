/* Invariants 1, 2 and 3 of SECURITY.md for compound packets, and the arithmetic on lying reports. */
#include "pm_rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets) {
    struct pm_rtcp_compound c, again;
    uint8_t out[PM_RTCP_PACKET_MAX];
    uint32_t trip;
    if (pm_rtcp_parse(data, octets, 9, &c) != PM_OK) {
        return 0;
    }
    if (c.block_count > PM_RTCP_BLOCKS_MAX || c.bye_count > PM_RTCP_BYES_MAX) {
        __builtin_trap();
    }
    for (unsigned i = 0; i < c.block_count; i++) {
        if (pm_rtcp_round_trip(&c.blocks[i], c.ntp, &trip) && trip > 300u << 16) {
            __builtin_trap();
        }
    }
    int n = pm_rtcp_build(&c, out, sizeof out);
    if (n <= 0 || pm_rtcp_parse(out, (size_t)n, 9, &again) != PM_OK || again.block_count != c.block_count || again.ssrc != c.ssrc ||
        again.cname_octets != c.cname_octets) {
        __builtin_trap();
    }
    return 0;
}
