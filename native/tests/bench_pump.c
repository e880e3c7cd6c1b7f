/* Processor time of the pump: two pumps over loopback sockets, one minute of call each way, at several card rates. Prints a line of
 * JSON a case; asserts nothing, since a timing is never a test. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include "pm_pump.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct pm_pump pumps[2];

static int64_t read_clock(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int open_socket(struct pm_address *own) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || getsockname(fd, (struct sockaddr *)&a, &length) != 0) {
        perror("socket");
        return -1;
    }
    *own = (struct pm_address){.family = PM_FAMILY_IPV4, .port = ntohs(a.sin_port)};
    memcpy(own->ip, &a.sin_addr, 4);
    return fd;
}

static void measure(uint32_t rate_hz, unsigned period_ms, const char *name, uint8_t codec) {
    static _Alignas(PM_CODEC_ALIGN) uint8_t memory[2][524288];
    struct pm_address own[4];
    struct pm_stream_config configs[2];
    int16_t microphone[PM_CARD_PERIOD_MAX], speaker[PM_CARD_PERIOD_MAX];
    struct pm_period_result result;
    unsigned periods = 60000 / period_ms, n = rate_hz * period_ms / 1000;
    int fds[4];
    for (unsigned i = 0; i < 4; i++) {
        fds[i] = open_socket(&own[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        configs[i] = (struct pm_stream_config){.rtp_fd = fds[2 * i],
                                               .rtcp_fd = fds[2 * i + 1],
                                               .relay_fd = -1,
                                               .remote_rtp = own[2 - 2 * i],
                                               .remote_rtcp = own[3 - 2 * i],
                                               .receive = {{96, codec}},
                                               .receive_count = 1,
                                               .send = {96, codec},
                                               .encoder = {.fec = true},
                                               .codec_memory = memory[i],
                                               .codec_octets = sizeof memory[i],
                                               .sends = true,
                                               .receives = true,
                                               .ptime_ms = 20,
                                               .ssrc = i + 1,
                                               .latch_ms = 5000,
                                               .delay_min_ms = 20,
                                               .delay_max_ms = 400,
                                               .cname = "bench"};
        struct pm_pump_config pc = {.card_rate_hz = rate_hz, .period_samples = n, .seed = i + 1, .tap_rate_hz = 8000};
        if (pm_pump_init(&pumps[i], &pc) != PM_OK || pm_pump_stream_start(&pumps[i], &configs[i], 0) != 0) {
            fprintf(stderr, "set-up failed\n");
            return;
        }
    }
    uint32_t noise = 1;
    for (unsigned i = 0; i < n; i++) {
        noise = noise * 1664525u + 1013904223u;
        microphone[i] = (int16_t)((noise >> 16 & 0xfff) - 0x800);
    }
    int64_t used_ns = 0;
    int64_t wall_ns = read_clock(CLOCK_REALTIME);
    for (unsigned k = 1; k <= periods; k++) {
        int64_t now_ns = (int64_t)k * period_ms * 1000000;
        int64_t before_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID);
        (void)pm_pump_period(&pumps[0], now_ns, wall_ns, microphone, speaker, NULL, NULL, 0, &result);
        used_ns += read_clock(CLOCK_PROCESS_CPUTIME_ID) - before_ns;
        (void)pm_pump_period(&pumps[1], now_ns, wall_ns, microphone, speaker, NULL, NULL, 0, &result);
    }
    printf("{\"codec\": \"%s\", \"card_rate_hz\": %u, \"period_ms\": %u, \"ns_per_period\": %lld, \"cpu_s_per_60s_call\": %.4f}\n",
           name, rate_hz, period_ms, (long long)(used_ns / periods), (double)used_ns / 1e9);
    for (unsigned i = 0; i < 4; i++) {
        close(fds[i]);
    }
    pm_pump_close(&pumps[0]);
    pm_pump_close(&pumps[1]);
}

int main(void) {
    static const uint32_t rates[] = {8000, 16000, 32000, 44100, 48000};
    for (unsigned i = 0; i < 5; i++) {
        measure(rates[i], 10, "PCMU", PM_CODEC_PCMU);
        measure(rates[i], 20, "PCMU", PM_CODEC_PCMU);
    }
    (void)pm_codec_install(PM_CODEC_G722, &pm_g722_driver);
    (void)pm_codec_install(PM_CODEC_OPUS, &pm_opus_driver);
    measure(16000, 20, "L16", PM_CODEC_L16);
    measure(16000, 20, "G722", PM_CODEC_G722);
    measure(16000, 20, "opus", PM_CODEC_OPUS);
    measure(48000, 20, "opus", PM_CODEC_OPUS);
    return 0;
}
