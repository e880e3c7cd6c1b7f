/* Redundant audio, RFC 2198: a packet that carries the one before it once more. Pure functions over the caller's buffers. */
#ifndef PM_RED_H
#define PM_RED_H

#include "pm_types.h"

enum {
    PM_RED_BLOCKS_MAX = 4, /* three generations: with more the delay would exceed what a conversation bears */
    PM_RED_OFFSET_MAX = (1 << 14) - 1,
    PM_RED_OCTETS_MAX = (1 << 10) - 1, /* of a block that is not the last */
    PM_RED_HEADER_OCTETS = 4
};

struct pm_red_block {
    uint8_t payload_type;
    uint32_t timestamp_offset; /* before the packet's timestamp; 0 for the last block, the primary */
    const uint8_t *payload;
    size_t octets;
};

/* Cuts a payload into its blocks, oldest first; the last is the primary. Returns their number, or PM_EMALFORMED. Pointers lie
 * inside the payload. Of more than PM_RED_BLOCKS_MAX blocks the oldest are left out. Empty blocks are allowed: some senders fill up
 * with them. */
int pm_red_parse(const uint8_t *payload, size_t octets, struct pm_red_block blocks[PM_RED_BLOCKS_MAX]);

/* Writes `count` blocks, the primary last. Returns the length, PM_EFULL when `capacity` is too small, PM_EARG for a field out of
 * range. */
int pm_red_build(const struct pm_red_block *blocks, size_t count, uint8_t *out, size_t capacity);

#endif
