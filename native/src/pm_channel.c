#include "pm_channel.h"
#include "pm_bytes.h"

static bool is_channel(uint16_t number) {
    return number >= PM_CHANNEL_FIRST && number <= PM_CHANNEL_LAST;
}

int pm_channel_parse(const uint8_t *data, size_t length, uint16_t *number, size_t *octets) {
    if (length < PM_CHANNEL_HEADER_OCTETS || !is_channel(pm_load16(data)) ||
        length - PM_CHANNEL_HEADER_OCTETS < pm_load16(data + 2)) {
        return PM_EMALFORMED;
    }
    *number = pm_load16(data);
    *octets = pm_load16(data + 2);
    return PM_OK;
}

int pm_channel_build(uint16_t number, size_t octets, uint8_t header[PM_CHANNEL_HEADER_OCTETS]) {
    if (!is_channel(number) || octets > UINT16_MAX) {
        return PM_EARG;
    }
    pm_store16(header, number);
    pm_store16(header + 2, (uint16_t)octets);
    return PM_OK;
}

struct pm_address pm_channel_address(uint16_t number) {
    return (struct pm_address){.family = PM_FAMILY_RELAYED, .port = number};
}
