/* Invariants 1 and 2 of SECURITY.md on RFC 2198: blocks lie inside the payload, and built again, without those that were left out,
 * they are read alike. */
#include "fuzz_script.h"
#include "pm_red.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets) {
    struct pm_red_block blocks[PM_RED_BLOCKS_MAX], again[PM_RED_BLOCKS_MAX];
    uint8_t out[8192];
    int count = pm_red_parse(data, octets, blocks);
    if (count < 0 || octets > 4096) {
        return 0;
    }
    for (int i = 0; i < count; i++) {
        if (blocks[i].payload < data || blocks[i].octets > (size_t)(data + octets - blocks[i].payload)) {
            __builtin_trap();
        }
    }
    int length = pm_red_build(blocks, (size_t)count, out, sizeof out);
    if (length < 0 || pm_red_parse(out, (size_t)length, again) != count) {
        __builtin_trap();
    }
    for (int i = 0; i < count; i++) {
        if (again[i].payload_type != blocks[i].payload_type || again[i].timestamp_offset != blocks[i].timestamp_offset ||
            again[i].octets != blocks[i].octets || memcmp(again[i].payload, blocks[i].payload, blocks[i].octets) != 0) {
            __builtin_trap();
        }
    }
    return 0;
}
