#include "pm_red.h"
#include "pm_bytes.h"
#include <string.h>

/* Section 3: a header of four octets with its first bit set announces a redundant block, one of one octet without it the primary.
 */
static bool is_redundant(uint8_t octet) {
    return octet & 0x80;
}

/* How many headers of four octets lie in front; PM_EMALFORMED when no header of one octet follows them. */
static int count_headers(const uint8_t *payload, size_t octets) {
    int count = 0;
    size_t at = 0;
    while (at < octets && is_redundant(payload[at])) {
        if (octets - at < PM_RED_HEADER_OCTETS) {
            return PM_EMALFORMED;
        }
        at += PM_RED_HEADER_OCTETS;
        count++;
    }
    return at < octets ? count : PM_EMALFORMED;
}

int pm_red_parse(const uint8_t *payload, size_t octets, struct pm_red_block blocks[PM_RED_BLOCKS_MAX]) {
    int redundant = count_headers(payload, octets);
    if (redundant < 0) {
        return redundant;
    }
    size_t at = (size_t)redundant * PM_RED_HEADER_OCTETS + 1;
    int skipped = redundant < PM_RED_BLOCKS_MAX ? 0 : redundant - (PM_RED_BLOCKS_MAX - 1);
    for (int i = 0; i < redundant; i++) {
        const uint8_t *header = payload + (size_t)i * PM_RED_HEADER_OCTETS;
        uint32_t fields = pm_load32(header);
        size_t length = fields & PM_RED_OCTETS_MAX;
        if (octets - at < length) {
            return PM_EMALFORMED;
        }
        if (i >= skipped) {
            blocks[i - skipped] = (struct pm_red_block){.payload_type = header[0] & 0x7f,
                                                        .timestamp_offset = fields >> 10 & PM_RED_OFFSET_MAX,
                                                        .payload = payload + at,
                                                        .octets = length};
        }
        at += length;
    }
    uint8_t primary = payload[(size_t)redundant * PM_RED_HEADER_OCTETS];
    blocks[redundant - skipped] =
        (struct pm_red_block){.payload_type = primary & 0x7f, .payload = payload + at, .octets = octets - at};
    return redundant - skipped + 1;
}

int pm_red_build(const struct pm_red_block *blocks, size_t count, uint8_t *out, size_t capacity) {
    if (count == 0 || count > PM_RED_BLOCKS_MAX) {
        return PM_EARG;
    }
    size_t total = (count - 1) * PM_RED_HEADER_OCTETS + 1;
    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        if (blocks[i].payload_type > 127 ||
            (!last && (blocks[i].timestamp_offset > PM_RED_OFFSET_MAX || blocks[i].octets > PM_RED_OCTETS_MAX))) {
            return PM_EARG;
        }
        total += blocks[i].octets;
        if (total > capacity) {
            return PM_EFULL;
        }
    }
    uint8_t *at = out;
    for (size_t i = 0; i + 1 < count; i++, at += PM_RED_HEADER_OCTETS) {
        pm_store32(at, 0x80000000u | (uint32_t)blocks[i].payload_type << 24 | blocks[i].timestamp_offset << 10 |
                           (uint32_t)blocks[i].octets);
    }
    *at++ = blocks[count - 1].payload_type;
    for (size_t i = 0; i < count; i++) {
        if (blocks[i].octets > 0) {
            memcpy(at, blocks[i].payload, blocks[i].octets);
            at += blocks[i].octets;
        }
    }
    return (int)total;
}
