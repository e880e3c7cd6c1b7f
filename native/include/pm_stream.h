/* One stream of a call: RTP and RTCP in and out as octets and addresses, samples on the other side. No socket and no clock, so
 * everything a peer can do to it can be done to it in a test or by a fuzzer. */
#ifndef PM_STREAM_H
#define PM_STREAM_H

#include "pm_digit_in.h"
#include "pm_digit_out.h"
#include "pm_events.h"
#include "pm_inband.h"
#include "pm_playout.h"
#include "pm_red.h"
#include "pm_rtcp.h"
#include "pm_secure.h"
#include "pm_series.h"
#include "pm_source.h"
#include "pm_xr.h"

/* Where packets may come from, RFC 3550 leaves open; this is ours. `signalled` is what offer and answer say. Until `window_end_ns`
 * two packets in sequence from elsewhere move the stream there, unless packets from the signalled address have come: then it is
 * locked. */
struct pm_latch {
    struct pm_address signalled;
    struct pm_address remote; /* where we send, and the only source that is heard once locked */
    int64_t window_end_ns;
    bool confirmed; /* packets came from the signalled address */
    bool moved;     /* remote is not the signalled address */
    bool has_candidate;
    struct pm_address candidate;
    uint16_t candidate_sequence;
};

/* RTCP state, RFC 3550 section 6.3 and 6.4. */
struct pm_report {
    struct pm_address remote;
    int64_t due_ns;
    bool initial;
    double average_octets;
    uint64_t sent_before[2]; /* packets sent at the last two reports: SR while one of the two intervals had any */
    bool has_sr;
    uint32_t last_sr;
    int64_t last_sr_ns;
    uint64_t sent, received;
    bool rtt_known, remote_known;
    double rtt_ms, remote_loss_fraction, remote_jitter_ms;
    int32_t remote_packets_lost;
    uint16_t heard_sequence; /* of ours: the highest that the peer has told to have heard */
    unsigned hearings;       /* how often it has told of more since its own last packet */
    struct pm_series remote_losses;
    struct pm_judgement judgement; /* of what we hear, for extended reports */
    bool remote_voip_known;
    struct pm_voip_metrics remote_voip; /* how the peer hears us */
};

/* What is sent while nobody speaks, when comfort noise is agreed (RFC 3389). */
struct pm_pause {
    struct pm_level level;
    unsigned quiet_ms; /* so long nobody has spoken */
    unsigned told_ms;  /* so long ago the level was told */
    uint8_t told;      /* the level that was told last */
};

/* The packet before this one, for a copy of it (RFC 2198). */
struct pm_copy {
    int64_t wanted_until_ns; /* the peer has reported loss */
    bool known;
    uint32_t timestamp;
    uint8_t payload_type;
    uint16_t octets;
    uint8_t payload[PM_RED_OCTETS_MAX];
};

struct pm_stream {
    struct pm_stream_config config;
    const struct pm_codec_driver *codec; /* that we send */
    void *encoder;                       /* its state */
    uint32_t rate_hz;                    /* of samples in and out: that of the codec that we send */
    uint8_t slot;
    bool muted;  /* the microphone is left out of what this stream is given */
    bool hushed; /* the loudspeaker does not play it: something else has to be heard */
    struct pm_latch latch;
    struct pm_report report;
    struct pm_secure secure;
    /* in */
    struct pm_playout playout;
    struct pm_digit_in digit_in;
    struct pm_inband inband;
    struct pm_source source;
    bool has_source;
    struct pm_source contender; /* another SSRC: heard once two of its packets came in sequence */
    bool has_contender;
    struct pm_burst burst;
    uint64_t expected_before, received_before; /* of the sources before this one */
    uint64_t received, octets_received, invalid, foreign, ignored;
    uint32_t source_changes;
    int64_t last_packet_ns, last_sign_ns;
    unsigned silent_s; /* whole seconds without a sign already told */
    bool told_first_audio;
    /* out */
    struct pm_digit_out digit_out;
    uint16_t sequence;
    uint32_t timestamp; /* of the first sample in `samples` */
    bool marker;        /* on the next audio packet: sound begins after a pause (RFC 3551 section 4.1) */
    size_t fill;
    int16_t samples[PM_MS_MAX(PM_PTIME_MAX_MS)];
    struct pm_pause pause;
    struct pm_copy copy;
    uint64_t sent, octets_sent, send_errors;
};

/* Octets of codec memory that a stream of these settings needs; 0 for codecs without state, and for those that are not known. */
size_t pm_stream_memory(const struct pm_stream_config *config);

/* PM_EARG for a setting out of the range that pm_types.h documents, a codec that is not known or too little memory for it.
 * `fraction` in [0, 1) randomises the first report. Close after PM_OK. */
int pm_stream_init(struct pm_stream *stream, const struct pm_stream_config *config, uint8_t slot, int64_t now_ns, double fraction);

/* Gives back what decoding holds. Allowed at any time after init. */
void pm_stream_close(struct pm_stream *stream);

/* A new offer and answer: addresses, direction, payload types, packet time, RTCP's socket. SSRC, counters, the sockets of RTP and
 * of the relay stay. */
int pm_stream_update(struct pm_stream *stream, const struct pm_stream_config *config, bool relatch, int64_t now_ns);

/* One RTP packet from the RTP socket, in clear. */
void pm_stream_rtp(struct pm_stream *stream, const uint8_t *data, size_t octets, const struct pm_address *from, int64_t arrival_ns,
                   int64_t now_ns, struct pm_events *events);

/* n samples for the listener, silence while the direction forbids; n up to PM_RENDER_MAX. */
void pm_stream_render(struct pm_stream *stream, int16_t *out, size_t n, int64_t now_ns, struct pm_events *events);

/* Takes samples for the peer until a packet is full; returns how many. */
size_t pm_stream_feed(struct pm_stream *stream, const int16_t *samples, size_t n);
/* Builds the packet when one is full: returns its length, or 0 when none is due (not full, or nothing may be sent). */
size_t pm_stream_packet(struct pm_stream *stream, uint8_t *out, size_t capacity, int64_t now_ns, struct pm_events *events);

/* One compound RTCP packet, in clear: from its own socket, or from the RTP socket (RFC 5761). */
void pm_stream_rtcp(struct pm_stream *stream, const uint8_t *data, size_t octets, const struct pm_address *from, int64_t now_ns,
                    int64_t wall_ns, struct pm_events *events);
/* Builds a report when one is due, or the last one with a BYE. Returns its length, or 0. */
size_t pm_stream_report(struct pm_stream *stream, uint8_t *out, size_t capacity, bool bye, int64_t now_ns, int64_t wall_ns,
                        double fraction);

/* How we hear the peer, as an extended report tells it. */
void pm_stream_voip(const struct pm_stream *stream, struct pm_voip_metrics *metrics);
/* Where reports go. */
const struct pm_address *pm_stream_report_to(const struct pm_stream *stream);

/* Tells of silence and of digits whose end was lost: once a period. Silence is time without a sign of the peer: neither a packet
 * nor a report that more of what we send has arrived. A pause that was announced is none, unless the peer has reported in it; of
 * who never pauses reports do not count. */
void pm_stream_tick(struct pm_stream *stream, int64_t now_ns, struct pm_events *events);

void pm_stream_stats(const struct pm_stream *stream, struct pm_stream_stats *stats);

/* Shared by the stream's own files. */
/* Samples as units of the RTP timestamps that we send. */
static inline uint32_t pm_stream_units(const struct pm_stream *stream, size_t samples) {
    return (uint32_t)((uint64_t)samples * stream->codec->clock_rate_hz / stream->rate_hz);
}
void pm_latch_open(struct pm_latch *latch, const struct pm_address *signalled, int64_t window_end_ns);
/* Whether a packet from there may be heard; may move the latch, then `*moved` is set. */
bool pm_latch_admits(struct pm_latch *latch, const struct pm_address *from, uint16_t sequence, int64_t now_ns, bool *moved);
void pm_report_init(struct pm_report *report, int64_t now_ns, double fraction);
/* The peer was there at that time. */
void pm_stream_sign(struct pm_stream *stream, int64_t at_ns, struct pm_events *events);

#endif
