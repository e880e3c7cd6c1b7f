/* Processor time of jitter buffer, decoding, concealment and stretching: one minute of a voice-like sound through the playout
 * chain, put and rendered each 20 ms, over several networks. Prints a line of JSON a case; asserts nothing, since a timing is never
 * a test. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include "pm_playout.h"
#include <math.h>
#include <stdio.h>
#include <time.h>

enum { PACKETS = 3000, PACKET_MAX = 320, ROUNDS = 5 };

static struct pm_playout playout;
static int16_t voice[PACKETS * PACKET_MAX];
static uint8_t octets[2 * PACKETS * PACKET_MAX];
static uint32_t chance = 1;

static uint32_t draw(uint32_t below) {
    chance = chance * 1664525u + 1013904223u;
    return (chance >> 8) % below;
}

/* Syllables of a gliding pitch with noise in it, and pauses: concealment and stretching work as they do on speech. */
static void speak(const struct pm_codec_driver *codec) {
    int count = PACKETS * (int)(codec->rate_hz / 50);
    double phase = 0.0;
    for (int i = 0; i < count; i++) {
        double t = (double)i / codec->rate_hz;
        phase += 2.0 * 3.14159265358979 * (140.0 + 30.0 * sin(t * 2.1)) / codec->rate_hz;
        double loud = fmax(0.0, sin(t * 5.0)) * (fmod(t, 3.0) < 2.4 ? 1.0 : 0.0);
        voice[i] = (int16_t)(loud * (4000.0 * sin(phase) + 2500.0 * sin(3.0 * phase) + draw(1200)) + draw(20));
    }
    (void)codec->encode(NULL, voice, (size_t)count, octets, sizeof octets);
}

static int64_t spent_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* `lost` in a thousand packets do not come; the others come up to `jitter_ms` late, in order. */
static void measure(uint8_t codec, const char *name, uint32_t lost, uint32_t jitter_ms) {
    const struct pm_codec_driver *driver = pm_codec_find(codec);
    uint32_t packet = driver->rate_hz / 50, size = codec == PM_CODEC_L16 ? 2 * packet : packet;
    const struct pm_jitter_config c = {
        .clock_rate_hz = driver->rate_hz, .frame = packet / 2, .delay_min_ms = 20, .delay_max_ms = 400};
    const struct pm_payload payload = {.payload_type = 0, .codec = codec};
    int16_t out[PACKET_MAX];
    int64_t best_ns = INT64_MAX;
    for (unsigned round = 0; round < ROUNDS; round++) {
        int next = 0;
        int64_t arrival_ns = 0;
        (void)pm_playout_init(&playout, &c, &payload, 1, NULL, 0);
        chance = 1;
        int64_t before_ns = spent_ns();
        for (int tick = 0; tick < PACKETS; tick++) {
            int64_t now_ns = tick * INT64_C(20000000) + 7000000;
            while (next < PACKETS && arrival_ns <= now_ns) {
                struct pm_jitter_packet p = {.payload = octets + (size_t)next * size,
                                             .payload_octets = size,
                                             .ssrc = 1,
                                             .timestamp = (uint32_t)next * packet,
                                             .sequence = (uint16_t)next,
                                             .arrival_ns = arrival_ns,
                                             .drained_ns = now_ns};
                if (draw(1000) >= lost) {
                    (void)pm_playout_put(&playout, &p);
                }
                next++;
                int64_t due_ns = next * INT64_C(20000000) + (jitter_ms > 0 ? draw(jitter_ms) : 0) * INT64_C(1000000);
                arrival_ns = due_ns > arrival_ns ? due_ns : arrival_ns;
            }
            (void)pm_playout_render(&playout, out, packet);
        }
        int64_t used_ns = spent_ns() - before_ns;
        best_ns = used_ns < best_ns ? used_ns : best_ns;
    }
    printf("{\"rate_hz\": %u, \"playout\": \"%s\", \"cpu_s_per_60s\": %.4f, \"concealed\": %llu}\n", driver->rate_hz, name,
           (double)best_ns / 1e9, (unsigned long long)playout.concealed);
}

int main(void) {
    const uint8_t codecs[] = {PM_CODEC_PCMU, PM_CODEC_L16};
    for (unsigned i = 0; i < 2; i++) {
        speak(pm_codec_find(codecs[i]));
        measure(codecs[i], "clean", 0, 0);
        measure(codecs[i], "loss 5 %", 50, 0);
        measure(codecs[i], "loss 10 %", 100, 0);
        measure(codecs[i], "jitter 40 ms", 0, 40);
        measure(codecs[i], "jitter 80 ms, loss 5 %", 50, 80);
    }
    return 0;
}
