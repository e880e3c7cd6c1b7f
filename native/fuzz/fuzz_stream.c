/* Invariants 3 to 8 of SECURITY.md on the whole path of a stream: datagrams from several addresses on both ports, periods in
 * between, hold and updates, without sockets. */
#include "fuzz_script.h"
#include "pm_stream.h"
#include <string.h>

static struct pm_stream stream;
static struct pm_events events;
static _Alignas(PM_CODEC_ALIGN) uint8_t memory[524288];

static struct pm_address address(unsigned i) {
    return (struct pm_address){.family = PM_FAMILY_IPV4, .ip = {10, 0, 0, (uint8_t)(i % 3)}, .port = (uint16_t)(4000 + i % 3)};
}

static void period(int64_t now_ns, size_t n) {
    int16_t pcm[PM_RENDER_MAX];
    uint8_t out[PM_RTP_PACKET_MAX];
    struct pm_event event;
    struct pm_stream_stats stats;
    pm_stream_render(&stream, pcm, n, now_ns, &events);
    for (size_t done = 0; done < n;) {
        done += pm_stream_feed(&stream, pcm + done, n - done);
        (void)pm_stream_packet(&stream, out, sizeof out, now_ns, &events);
    }
    (void)pm_stream_report(&stream, out, sizeof out, false, now_ns, now_ns, 0.5);
    pm_stream_tick(&stream, now_ns, &events);
    while (pm_events_pop(&events, &event)) {
        if (event.kind == 0 || event.kind > PM_EVENT_SOUND_DONE || event.stream != 0) {
            __builtin_trap();
        }
    }
    pm_stream_stats(&stream, &stats);
    if (stream.last_sign_ns > now_ns || stats.jitter_ms < 0.0 || stats.buffered_ms < 0.0 || stats.buffered_ms > 60000.0) {
        __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets) {
    struct script s = {data, octets};
    struct pm_stream_config c = {
        .rtp_fd = 0,
        .rtcp_fd = 0,
        .relay_fd = -1,
        .remote_rtp = address(0),
        .remote_rtcp = address(0),
        .receive = {{0, PM_CODEC_PCMU}, {8, PM_CODEC_PCMA}, {96, PM_CODEC_L16}, {9, PM_CODEC_G722}, {97, PM_CODEC_OPUS}},
        .receive_count = 5,
        .digit_receive = {{101, 8000}, {102, 48000}},
        .digit_receive_count = 2,
        .digit_send_type = 101,
        .sends_digits = true,
        .sends = true,
        .receives = true,
        .ptime_ms = 20,
        .ssrc = 9,
        .latch_ms = 2000,
        .delay_min_ms = 20,
        .delay_max_ms = 300,
        .cname = "fuzz",
        .codec_memory = memory,
        .codec_octets = sizeof memory};
    (void)pm_codec_install(PM_CODEC_G722, &pm_g722_driver);
    (void)pm_codec_install(PM_CODEC_OPUS, &pm_opus_driver);
    int64_t now_ns = 0;
    memset(&events, 0, sizeof events);
    if (pm_stream_init(&stream, &c, 0, 0, 0.5) != PM_OK) {
        __builtin_trap();
    }
    while (s.left > 0) {
        uint32_t verb = take(&s, 1);
        struct pm_address from = address(verb >> 4);
        size_t length = verb % 4 < 2 ? take(&s, 1) : 0;
        length = length > s.left ? s.left : length;
        int64_t age_ns = (int64_t)(verb & 0xf) * 1000000;
        switch (verb % 4) {
        case 0:
            pm_stream_rtp(&stream, s.data, length, &from, now_ns > age_ns ? now_ns - age_ns : now_ns, now_ns, &events);
            break;
        case 1:
            pm_stream_rtcp(&stream, s.data, length, &from, now_ns, now_ns, &events);
            break;
        case 2:
            now_ns += (int64_t)take(&s, 2) * 1000000;
            period(now_ns, take(&s, 2) % (PM_RENDER_MAX + 1));
            break;
        default:
            c.receives = verb & 16;
            c.sends = verb & 32;
            c.ptime_ms = verb & 64 ? 40 : 20;
            c.send = c.receive[(verb >> 2) % 5];
            c.remote_rtp = address(verb >> 6);
            (void)pm_stream_update(&stream, &c, verb & 4, now_ns);
            (void)pm_digit_out_queue(&stream.digit_out, "1#", 2, stream.codec->clock_rate_hz, 100, 50);
        }
        s.data += length;
        s.left -= length;
    }
    pm_stream_close(&stream);
    return 0;
}
