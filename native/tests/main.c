#include "check.h"
#include "pm_codec.h"
#include "pm_inband.h"

int main(void) {
    const struct test *suites[] = {seq_tests,    rtp_tests,   rtcp_tests,      source_tests, jitter_tests,      playout_tests,
                                   g711_tests,   digit_tests, tone_tests,      stream_tests, pump_tests,        codec_tests,
                                   pause_tests,  echo_tests,  srtp_tests,      dtls_tests,   certificate_tests, xr_tests,
                                   series_tests, relay_tests, talkspurt_tests, silence_tests};
    unsigned count = 0;
    pm_inband_install(&pm_dtmf_finder);
    CHECK(pm_codec_install(PM_CODEC_G722, &pm_g722_driver) == PM_OK && pm_codec_install(PM_CODEC_OPUS, &pm_opus_driver) == PM_OK);
    for (unsigned i = 0; i < sizeof suites / sizeof *suites; i++) {
        for (const struct test *t = suites[i]; t->run != NULL; t++, count++) {
            t->run();
        }
    }
    printf("%u tests passed\n", count);
    return 0;
}
