/* The whole harness: a test is a function, a failed expectation names itself and ends the program. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(expression)                                                                                                          \
    do {                                                                                                                           \
        if (!(expression)) {                                                                                                       \
            fprintf(stderr, "%s:%d: %s: expected %s\n", __FILE__, __LINE__, __func__, #expression);                                \
            exit(1);                                                                                                               \
        }                                                                                                                          \
    } while (0)

struct test {
    const char *name;
    void (*run)(void);
};

/* The formatter's releases differ here. */
/* clang-format off */
#define TEST(function) { #function, function }
/* clang-format on */

extern const struct test seq_tests[], rtp_tests[], rtcp_tests[], source_tests[], jitter_tests[], playout_tests[], g711_tests[],
    digit_tests[], tone_tests[], stream_tests[], pump_tests[], codec_tests[], pause_tests[], echo_tests[], srtp_tests[],
    dtls_tests[], certificate_tests[], xr_tests[], series_tests[], relay_tests[], talkspurt_tests[], silence_tests[];

#endif
