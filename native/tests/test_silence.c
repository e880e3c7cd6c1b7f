/* How long the other side has given no sign of itself: sound, or reports that it hears us (RFC 3550 section 6.4.1). */
#include "check.h"
#include "pm_stream.h"
#include <string.h>

#define MS INT64_C(1000000)
#define S (1000 * MS)

static struct pm_stream stream;
static struct pm_events events;
static uint32_t left_out;                      /* of the peer's timestamps so far: pauses that it did not announce */
static unsigned seen[PM_EVENT_SOUND_DONE + 1]; /* events, by kind */
static const struct pm_address there = {.family = PM_FAMILY_IPV4, .ip = {10, 0, 0, 1}, .port = 4000};
/* Our sequence numbers wrap in the first seconds. */
enum { FIRST_SEQUENCE = 65500, OURS = 7, THEIRS = 1 };

static struct pm_stream_config usual_config(void) {
    return (struct pm_stream_config){.rtp_fd = -1,
                                     .rtcp_fd = -1,
                                     .relay_fd = -1,
                                     .remote_rtp = there,
                                     .remote_rtcp = there,
                                     .receive = {{0, PM_CODEC_PCMU}},
                                     .receive_count = 1,
                                     .send = {0, PM_CODEC_PCMU},
                                     .sends = true,
                                     .receives = true,
                                     .ptime_ms = 20,
                                     .ssrc = OURS,
                                     .first_sequence = FIRST_SEQUENCE,
                                     .delay_min_ms = 20,
                                     .delay_max_ms = 400,
                                     .cname = "panel"};
}

static void begin(void) {
    struct pm_stream_config c = usual_config();
    memset(&events, 0, sizeof events);
    memset(seen, 0, sizeof seen);
    left_out = 0;
    CHECK(pm_stream_init(&stream, &c, 0, 0, 0.5) == PM_OK);
}

/* One packet of the peer. */
static void hear(uint16_t sequence, uint8_t payload_type, int64_t at_ns) {
    uint8_t wire[PM_RTP_PACKET_MAX], payload[160] = {0xff};
    struct pm_rtp_packet p = {.payload_type = payload_type,
                              .sequence = sequence,
                              .timestamp = sequence * 160u + left_out,
                              .ssrc = THEIRS,
                              .payload = payload,
                              .payload_octets = payload_type == PM_NOISE_TYPE ? 1 : sizeof payload};
    int n = pm_rtp_build(&p, wire, sizeof wire);
    CHECK(n > 0);
    pm_stream_rtp(&stream, wire, (size_t)n, &there, at_ns, at_ns, &events);
}

/* Fetches what waits: counted by kind, and of silence the longest in milliseconds, 0 when none is told. */
static uint32_t fetch(void) {
    struct pm_event e;
    uint32_t silent_ms = 0;
    while (pm_events_pop(&events, &e)) {
        seen[e.kind]++;
        silent_ms = e.kind == PM_EVENT_SILENT && e.value > silent_ms ? e.value : silent_ms;
    }
    return silent_ms;
}

/* A second of ours, packet by packet; returns as `fetch`. */
static uint32_t speak(int64_t from_ns) {
    int16_t pcm[160] = {0};
    uint8_t wire[PM_RTP_PACKET_MAX];
    for (int64_t at_ns = from_ns; at_ns < from_ns + S; at_ns += 20 * MS) {
        CHECK(pm_stream_feed(&stream, pcm, 160) == 160);
        (void)pm_stream_packet(&stream, wire, sizeof wire, at_ns, &events);
        pm_stream_tick(&stream, at_ns, &events);
    }
    return fetch();
}

struct report {
    uint32_t about, highest;
    bool bye;
};

static void told(struct report given, int64_t at_ns) {
    uint8_t wire[PM_RTCP_PACKET_MAX];
    struct pm_rtcp_compound c = {.ssrc = THEIRS, .block_count = 1, .bye = given.bye};
    c.blocks[0] = (struct pm_rtcp_block){.ssrc = given.about, .highest_sequence = given.highest};
    int n = pm_rtcp_build(&c, wire, sizeof wire);
    CHECK(n > 0);
    pm_stream_rtcp(&stream, wire, (size_t)n, &there, at_ns, at_ns, &events);
}

/* The packet of ours that was sent last, as the peer counts it. */
static uint32_t newest(void) {
    return (uint32_t)(FIRST_SEQUENCE + stream.sent - 1);
}

static void silence_and_its_end_are_told(void) {
    begin();
    hear(1, 0, 0);
    CHECK(speak(0) == 0 && seen[PM_EVENT_FIRST_PACKET] == 1);
    CHECK(speak(S) == 1000 && speak(2 * S) == 2000 && seen[PM_EVENT_SILENT] == 2);
    hear(2, 0, 3 * S);
    CHECK(speak(3 * S) == 0 && seen[PM_EVENT_RESUMED] == 1);
}

static void who_hears_us_is_there_though_nothing_is_said(void) {
    begin();
    hear(1, 0, 0);
    uint32_t longest_ms = 0;
    for (int64_t second = 0; second < 60; second++) {
        uint32_t silent_ms = speak(second * S);
        longest_ms = silent_ms > longest_ms ? silent_ms : longest_ms;
        if (second % 5 == 4) {
            told((struct report){.about = OURS, .highest = newest() - 2}, (second + 1) * S); /* two are on their way */
        }
    }
    CHECK(longest_ms >= 4000 && longest_ms <= 5040);
    CHECK(stream.last_packet_ns == 0 && stream.last_sign_ns == 60 * S - 40 * MS);
    for (int64_t second = 60; second < 90; second++) {
        longest_ms = speak(second * S);
    }
    CHECK(longest_ms >= 29000 && longest_ms <= 30040); /* the reports have ended */
}

/* So many packets of the peer, one pause of a second among them or none, then half a minute of reports alone. Returns as `fetch`.
 */
static uint32_t stops_after(uint16_t packets, bool pauses) {
    uint32_t silent_ms = 0;
    begin();
    for (uint16_t i = 0; i < packets; i++) {
        left_out += pauses && i == packets / 2 ? 8000 : 0;
        hear(i, 0, (int64_t)(i * 160u + left_out) * MS / 8);
    }
    int64_t begun_ns = (int64_t)(packets * 160u + left_out) * MS / 8;
    for (int64_t second = 0; second < 30; second++) {
        silent_ms = speak(begun_ns + second * S);
        told((struct report){.about = OURS, .highest = newest()}, begun_ns + (second + 1) * S);
    }
    return silent_ms;
}

static void who_never_pauses_and_stops_is_gone_whatever_a_server_reports(void) {
    CHECK(stops_after(1000, false) == 30000);
    CHECK(stops_after(999, false) == 0);
    CHECK(stops_after(1000, true) == 0);
}

static void a_report_ends_a_silence_that_was_told(void) {
    begin();
    CHECK(speak(0) == 0 && speak(S) == 1000);
    told((struct report){.about = OURS, .highest = newest()}, 2 * S);
    CHECK(speak(2 * S) == 0 && seen[PM_EVENT_RESUMED] == 1);
    CHECK(speak(3 * S) == 1000);
}

/* What follows says nothing of a phone that hears us. */
static bool is_a_sign(struct report given) {
    int64_t before_ns = stream.last_sign_ns;
    told(given, before_ns + S);
    return stream.last_sign_ns != before_ns;
}

static void a_report_that_repeats_itself_or_lies_is_no_sign(void) {
    begin();
    CHECK(!is_a_sign((struct report){.about = OURS, .highest = FIRST_SEQUENCE - 1u})); /* nothing was sent, nothing was heard */
    CHECK(!is_a_sign((struct report){.about = OURS, .highest = FIRST_SEQUENCE - 10u}));
    CHECK(!is_a_sign((struct report){.about = OURS, .highest = FIRST_SEQUENCE}));
    (void)speak(0);
    uint32_t early = newest();
    CHECK(is_a_sign((struct report){.about = OURS, .highest = early}));
    (void)speak(S);
    CHECK(!is_a_sign((struct report){.about = OURS, .highest = early}));        /* again */
    CHECK(!is_a_sign((struct report){.about = OURS, .highest = early - 1}));    /* overtaken by the one before */
    CHECK(!is_a_sign((struct report){.about = OURS, .highest = newest() + 1})); /* not sent yet */
    CHECK(!is_a_sign((struct report){.about = THEIRS, .highest = newest()}));   /* of another stream */
    CHECK(!is_a_sign((struct report){OURS, newest(), .bye = true}));            /* and leaves */
    (void)speak(2 * S);
    CHECK(is_a_sign((struct report){.about = OURS, .highest = newest()}));
}

static void a_report_speaks_of_the_time_when_what_it_has_heard_was_sent(void) {
    begin();
    (void)speak(0);
    uint32_t before = newest();
    for (int64_t second = 1; second < 5; second++) {
        CHECK(speak(second * S) == (uint32_t)second * 1000);
    }
    told((struct report){.about = OURS, .highest = before}, 5 * S); /* then it was put on hold, or died, and its server reports */
    CHECK(stream.last_sign_ns == S);
}

static void cycles_are_counted_by_each_side_as_it_likes(void) {
    begin();
    (void)speak(0);
    CHECK(newest() > UINT16_MAX);
    CHECK(is_a_sign((struct report){.about = OURS, .highest = (uint16_t)newest()}));
    (void)speak(S);
    CHECK(is_a_sign((struct report){.about = OURS, .highest = newest() + 0x30000u}));
}

static void while_we_send_nothing_reports_are_no_sign(void) {
    struct pm_stream_config c = usual_config();
    begin();
    (void)speak(0);
    told((struct report){.about = OURS, .highest = newest()}, S);
    c.sends = false;
    CHECK(pm_stream_update(&stream, &c, false, S) == PM_OK);
    for (int64_t second = 1; second < 5; second++) {
        CHECK(speak(second * S) == (uint32_t)(second - 1) * 1000);
        CHECK(!is_a_sign((struct report){.about = OURS, .highest = newest()}));
    }
}

/* An announced pause of 40 s with a report after each of its first seconds; the silence that was told last, in milliseconds. */
static uint32_t pause_with(int64_t reports) {
    uint32_t silent_ms = 0;
    begin();
    hear(1, 0, 0);
    hear(2, PM_NOISE_TYPE, 20 * MS);
    for (int64_t second = 0; second < 40; second++) {
        silent_ms = speak(second * S);
        if (second < reports) {
            told((struct report){.about = OURS, .highest = newest()}, (second + 1) * S);
        }
    }
    return silent_ms;
}

static void an_announced_pause_is_silence_only_where_reports_were_and_are_no_more(void) {
    CHECK(pause_with(0) == 0 && seen[PM_EVENT_SILENT] == 0);
    CHECK(pause_with(1) == 0 && seen[PM_EVENT_SILENT] == 0);
    CHECK(pause_with(2) == 37000 && seen[PM_EVENT_SILENT] == 37);
    CHECK(pause_with(40) == 0 && seen[PM_EVENT_SILENT] == 0);
}

static void the_next_packet_begins_another_pause(void) {
    CHECK(pause_with(2) == 37000);
    hear(3, PM_NOISE_TYPE, 40 * S);
    CHECK(speak(40 * S) == 0 && seen[PM_EVENT_RESUMED] == 1);
    CHECK(speak(41 * S) == 0 && speak(42 * S) == 0);
}

const struct test silence_tests[] = {TEST(silence_and_its_end_are_told),
                                     TEST(who_hears_us_is_there_though_nothing_is_said),
                                     TEST(who_never_pauses_and_stops_is_gone_whatever_a_server_reports),
                                     TEST(a_report_ends_a_silence_that_was_told),
                                     TEST(a_report_that_repeats_itself_or_lies_is_no_sign),
                                     TEST(a_report_speaks_of_the_time_when_what_it_has_heard_was_sent),
                                     TEST(cycles_are_counted_by_each_side_as_it_likes),
                                     TEST(while_we_send_nothing_reports_are_no_sign),
                                     TEST(an_announced_pause_is_silence_only_where_reports_were_and_are_no_more),
                                     TEST(the_next_packet_begins_another_pause),
                                     {0}};
