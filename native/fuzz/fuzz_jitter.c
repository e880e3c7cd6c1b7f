/* Invariants 3, 4 and 5 of SECURITY.md: any script of put and get keeps the buffer's order and bounds, and every get moves on. */
#include "fuzz_script.h"
#include "pm_playout.h"
#include "pm_seq.h"

static struct pm_playout playout;
static _Alignas(PM_CODEC_ALIGN) uint8_t memory[262144];

static void check(const struct pm_jitter *j) {
    unsigned used = 0;
    for (unsigned i = 0; i < PM_JITTER_SLOTS; i++) {
        used += j->slots[i].used;
    }
    if (j->count > PM_JITTER_SLOTS || used != j->count) {
        __builtin_trap();
    }
    for (unsigned i = 1; i < j->count; i++) {
        if (pm_ts_diff(j->slots[j->order[i]].timestamp, j->slots[j->order[i - 1]].timestamp) <= 0) {
            __builtin_trap();
        }
    }
}

static void put(struct script *s, int64_t *now_ns, uint32_t *timestamp, uint16_t *sequence) {
    static uint8_t payload[PM_RTP_PAYLOAD_MAX], noise[12];
    static const uint8_t types[] = {8, 96, 9, 97};
    uint32_t kind = take(s, 1);
    *now_ns += (int64_t)take(s, 1) * 1000000;
    *timestamp += kind & 1 ? take(s, 4) : 160;
    *sequence = (uint16_t)(*sequence + (kind & 2 ? take(s, 2) : 1));
    struct pm_jitter_packet p = {.payload = payload,
                                 .payload_octets = kind & 4 ? take(s, 2) % (sizeof payload + 2) : 160,
                                 .ssrc = kind & 8 ? take(s, 1) : 1,
                                 .timestamp = *timestamp - (kind & 16 ? take(s, 2) : 0),
                                 .sequence = *sequence,
                                 .payload_type = kind & 32 ? types[take(s, 1) % 4] : 0,
                                 .arrival_ns = kind & 64 ? (int64_t)take(s, 4) << 30 : *now_ns,
                                 .drained_ns = *now_ns};
    if (p.payload_type == 97) { /* what Opus makes of a packet is in its first octets */
        payload[0] = (uint8_t)take(s, 1);
        payload[1] = (uint8_t)take(s, 1);
        payload[2] = (uint8_t)take(s, 1);
    }
    if (p.drained_ns < p.arrival_ns && kind & 128) {
        p.drained_ns = p.arrival_ns;
    }
    uint32_t more = kind & 128 ? take(s, 1) : 0;
    p.marker = more & 1;
    p.redundant = more & 2;
    playout.excused = more & 4; /* a digit is pressed */
    if (more & 8) {             /* comfort noise: its level and spectrum */
        for (unsigned i = 0; i < sizeof noise; i++) {
            noise[i] = (uint8_t)take(s, 1);
        }
        p.payload = noise;
        p.payload_octets %= sizeof noise + 1;
        (void)pm_playout_rest(&playout, &p);
    } else {
        (void)pm_playout_put(&playout, &p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets) {
    struct script s = {data, octets};
    const struct pm_payload payloads[] = {
        {0, PM_CODEC_PCMU}, {8, PM_CODEC_PCMA}, {96, PM_CODEC_L16}, {9, PM_CODEC_G722}, {97, PM_CODEC_OPUS}};
    (void)pm_codec_install(PM_CODEC_G722, &pm_g722_driver);
    (void)pm_codec_install(PM_CODEC_OPUS, &pm_opus_driver);
    const uint16_t delay_min_ms = (uint16_t)(take(&s, 1) % 200);
    int64_t now_ns = 0;
    uint32_t timestamp = take(&s, 4);
    uint16_t sequence = (uint16_t)take(&s, 2);
    int16_t out[PM_RENDER_MAX];
    struct pm_jitter_frame frame;
    const uint32_t rate_hz = timestamp & 1 ? PM_RATE_WIDE_HZ : PM_RATE_NARROW_HZ;
    const struct pm_jitter_config c = {rate_hz, rate_hz / 100, delay_min_ms, 400};
    if (pm_playout_init(&playout, &c, payloads, 5, memory, sizeof memory) != PM_OK) {
        __builtin_trap();
    }
    while (s.left > 0) {
        switch (take(&s, 1) % 4) {
        case 0:
        case 1:
            put(&s, &now_ns, &timestamp, &sequence);
            break;
        case 2:
            if (pm_playout_render(&playout, out, take(&s, 2) % (PM_RENDER_MAX + 1)) != PM_OK) {
                __builtin_trap();
            }
            break;
        default:
            if (pm_jitter_get(&playout.jitter, &frame) < 0 || frame.duration == 0) {
                __builtin_trap();
            }
        }
        check(&playout.jitter);
        if (playout.pending > PM_PLAYOUT_PENDING) {
            __builtin_trap();
        }
    }
    pm_playout_close(&playout);
    return 0;
}
