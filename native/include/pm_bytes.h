/* Network byte order by single octets: never a struct laid over the wire, so alignment and endianness cannot matter. */
#ifndef PM_BYTES_H
#define PM_BYTES_H

#include <stdint.h>

static inline uint16_t pm_load16(const uint8_t *p) {
    return (uint16_t)((uint16_t)p[0] << 8 | p[1]);
}

static inline uint32_t pm_load32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void pm_store16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void pm_store32(uint8_t *p, uint32_t v) {
    pm_store16(p, (uint16_t)(v >> 16));
    pm_store16(p + 2, (uint16_t)v);
}

#endif
