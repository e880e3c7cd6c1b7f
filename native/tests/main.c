#include "check.h"

int main(void) {
    const struct test *suites[] = {seq_tests,  rtp_tests,   rtcp_tests, source_tests, jitter_tests, playout_tests,
                                   g711_tests, digit_tests, tone_tests, stream_tests, pump_tests,   codec_tests};
    unsigned count = 0;
    for (unsigned i = 0; i < sizeof suites / sizeof *suites; i++) {
        for (const struct test *t = suites[i]; t->run != NULL; t++, count++) {
            t->run();
        }
    }
    printf("%u tests passed\n", count);
    return 0;
}
