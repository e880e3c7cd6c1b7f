#include "pm_codec.h"

/* Written only by pm_codec_install, before any stream could ask for the codec. */
static const struct pm_codec_driver *drivers[PM_CODECS] = {
    [PM_CODEC_PCMU] = &pm_g711_mu_driver,
    [PM_CODEC_PCMA] = &pm_g711_a_driver,
    [PM_CODEC_L16_NARROW] = &pm_l16_narrow_driver,
    [PM_CODEC_L16] = &pm_l16_driver,
};

const struct pm_codec_driver *pm_codec_find(uint8_t codec) {
    return codec < PM_CODECS ? drivers[codec] : NULL;
}

int pm_codec_install(unsigned codec, const struct pm_codec_driver *driver) {
    if (codec >= PM_CODECS || driver == NULL || !pm_is_core_rate(driver->rate_hz)) {
        return PM_EARG;
    }
    drivers[codec] = driver;
    return PM_OK;
}
