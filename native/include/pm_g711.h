/* ITU-T G.711: A-law and mu-law, by table. Pure functions. */
#ifndef PM_G711_H
#define PM_G711_H

#include "pm_types.h"

/* Both return the number of values written, or PM_EARG for an unknown codec or a count above `capacity`. */
int pm_g711_decode(uint8_t codec, const uint8_t *octets, size_t count, int16_t *samples, size_t capacity);
int pm_g711_encode(uint8_t codec, const int16_t *samples, size_t count, uint8_t *octets, size_t capacity);

#endif
