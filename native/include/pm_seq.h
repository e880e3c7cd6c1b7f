/* Arithmetic on the circles of RTP: 16-bit sequence numbers and 32-bit timestamps (RFC 3550 section 5.1; order as in RFC 1982). */
#ifndef PM_SEQ_H
#define PM_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/* How far `newer` is ahead of `older`, 0 to 65535. */
static inline uint16_t pm_seq_distance(uint16_t newer, uint16_t older) {
    return (uint16_t)(newer - older);
}

/* Whether `a` comes before `b`. Exactly half a circle apart, neither does: RFC 1982 section 3.2 leaves that case undefined, we
 * answer no. */
static inline bool pm_seq_lt(uint16_t a, uint16_t b) {
    uint16_t ahead = pm_seq_distance(b, a);
    return ahead != 0 && ahead < 0x8000u;
}

/* a - b as a signed number, -2^31 to 2^31 - 1. Written without a conversion that C leaves to the implementation. */
static inline int32_t pm_ts_diff(uint32_t a, uint32_t b) {
    uint32_t ahead = a - b;
    return ahead < 0x80000000u ? (int32_t)ahead : -(int32_t)(UINT32_MAX - ahead) - 1;
}

#endif
