/* Invariants 1 and 3 of SECURITY.md for extended reports, and the arithmetic of bursts on any order of packets. */
#include "fuzz_script.h"
#include "pm_rtcp.h"
#include "pm_xr.h"
#include <string.h>

static void count(const uint8_t *data, size_t octets) {
    struct script s = {data, octets};
    struct pm_burst b;
    struct pm_voip_metrics m;
    pm_burst_init(&b);
    uint16_t sequence = (uint16_t)take(&s, 2);
    while (s.left > 0) {
        uint32_t verb = take(&s, 1);
        sequence = verb == 255 ? (uint16_t)take(&s, 2) : (uint16_t)(sequence + (verb & 15) - 4);
        pm_burst_packet(&b, sequence, verb & 16);
        if (b.span > PM_BURST_WINDOW || b.lost + b.discarded > b.packets || b.burst_packets > b.packets ||
            b.burst_losses > b.burst_packets) {
            __builtin_trap();
        }
    }
    pm_burst_metrics(&b, 20, &m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets) {
    struct pm_rtcp_compound c;
    struct pm_voip_metrics m, again;
    uint8_t out[PM_XR_OCTETS];
    if (pm_rtcp_parse(data, octets, 9, &c) == PM_OK && pm_xr_find(data, octets, 9, &m) &&
        (pm_xr_build(1, &m, out, sizeof out) != PM_XR_OCTETS || !pm_xr_find(out, sizeof out, 9, &again) ||
         again.mos_listening != m.mos_listening || again.buffer_limit_ms != m.buffer_limit_ms)) {
        __builtin_trap();
    }
    (void)pm_xr_find(data, octets, 9, &m); /* what was not checked before must do no harm either */
    count(data, octets);
    return 0;
}
