/* ChannelData of TURN (RFC 8656 section 12.4): what a datagram bears on its way between us and a relay. Pure functions. */
#ifndef PM_CHANNEL_H
#define PM_CHANNEL_H

#include "pm_types.h"

enum {
    PM_CHANNEL_HEADER_OCTETS = 4,
    PM_CHANNEL_FIRST = 0x4000, /* section 12: numbers beyond the last one are reserved */
    PM_CHANNEL_LAST = 0x4fff
};

/* Reads one datagram. On PM_OK `octets` from `data + PM_CHANNEL_HEADER_OCTETS` on are what came through the channel, and lie inside
 * the datagram; what follows them is padding. PM_EMALFORMED: it is something else, or shorter than it says (section 12.6). */
int pm_channel_parse(const uint8_t *data, size_t length, uint16_t *number, size_t *octets);

/* Writes the header of `octets` to be sent through the channel; PM_EARG for a number that no channel has, or too much. */
int pm_channel_build(uint16_t number, size_t octets, uint8_t header[PM_CHANNEL_HEADER_OCTETS]);

/* Who is behind a channel, as an address; number 0 is the relay itself. */
struct pm_address pm_channel_address(uint16_t number);

#endif
