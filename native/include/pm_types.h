/* Values that cross the border between the media core and its caller.
 *
 * build.py feeds this header to cffi as it stands (without its preprocessor conditionals), so the interpreter and the compiler
 * read the same declarations. Plain values only: state lives in the modules' own headers and is opaque outside.
 *
 * Clocks: `now_ns` is CLOCK_MONOTONIC and drives every interval; `wall_ns` is CLOCK_REALTIME and serves only two purposes: the
 * NTP stamp in sender reports and the age of a packet, whose kernel receive stamp is CLOCK_REALTIME too. */
#ifndef PM_TYPES_H
#define PM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two parties and a third beside a resident's phone make a conference of four; a mix of more serves no door. */
#define PM_STREAMS_MAX 4
/* An SDP answer lists a handful of codecs; eight leave room for every one this core will know. */
#define PM_PAYLOADS_MAX 8
/* telephone-event is offered once per clock rate (8, 16, 48 kHz) and some peers list it twice. */
#define PM_DIGIT_PAYLOADS_MAX 4
/* One for each clock rate of the sound. */
#define PM_RED_PAYLOADS_MAX 4
/* RFC 3550 section 6.5: an SDES item is at most 255 octets; ours is a short random name. */
#define PM_CNAME_MAX 63
/* Longest dial string that a caller may queue; a longer one is a mistake. */
#define PM_DIGITS_MAX 32
/* Steps of one tone pattern: DTMF of a full dial string needs two a digit. */
#define PM_TONE_STEPS_MAX 64
/* Samples per second inside the core. A stream has the rate of the codec that it sends, the mix has the largest of its streams: so
 * a call by telephone costs what it did when there was no other, and a wide-band one keeps what its codec carries. More than 16 kHz
 * is nothing that the speaker of a door could play. */
#define PM_RATE_NARROW_HZ 8000
#define PM_RATE_WIDE_HZ 16000
/* A packet carries 10 to 60 ms (issue of one frame to three G.711 frames of 20 ms). */
#define PM_PTIME_MIN_MS 10
#define PM_PTIME_MAX_MS 60
/* Largest playout delay that may be asked for: beyond half a second nobody converses. */
#define PM_DELAY_MAX_MS 500
/* Largest audio period of a card that the pump accepts. */
#define PM_PERIOD_MAX_MS 60

enum pm_status {
    PM_OK = 0,
    PM_EARG = -1,       /* an argument is out of its documented range */
    PM_EFULL = -2,      /* a bounded table or queue has no room */
    PM_ESTATE = -3,     /* not allowed in this state: the slot is free, the object was not initialised */
    PM_EMALFORMED = -4, /* bytes from the network break a rule of their protocol */
    PM_ESYSTEM = -5     /* a system call failed while setting up */
};

/* The first four are the core's own. The others become usable with pm_codec_install: their libraries are large, and a door that
 * never speaks them shall not pay for them. L16 above 16 kHz is left out: 20 ms of it fit in no packet. */
enum pm_codec {
    PM_CODEC_PCMU = 0,
    PM_CODEC_PCMA = 1,
    PM_CODEC_L16_NARROW = 2,
    PM_CODEC_L16 = 3,
    PM_CODEC_G722 = 4,
    PM_CODEC_OPUS = 5
};
#define PM_CODECS 6

enum pm_family { PM_FAMILY_NONE = 0, PM_FAMILY_RELAYED = 1, PM_FAMILY_IPV4 = 4, PM_FAMILY_IPV6 = 6 };

/* A transport address; with PM_FAMILY_NONE nothing is sent there. IPv4 uses the first four octets of `ip`. With PM_FAMILY_RELAYED
 * `port` is the number of a channel on the stream's relay, and stands for whoever is behind it; 0 is the relay itself. */
struct pm_address {
    uint8_t family;
    uint8_t ip[16];
    uint16_t port;
    uint32_t scope_id;
};

struct pm_payload {
    uint8_t payload_type;
    uint8_t codec;
};

/* telephone-event under one number: its clock is that of the sound beside it (RFC 4733 section 2.1). */
struct pm_digit_payload {
    uint8_t payload_type;
    uint32_t clock_rate_hz;
};

/* What the receiver asks of the encoder (RFC 7587 section 6.1); codecs without such a choice ignore it. */
struct pm_encoder_settings {
    uint32_t bitrate; /* bits per second at most; 0: the codec's own */
    bool fec;         /* send what helps against loss */
    bool dtx;         /* send less in silence */
    bool constant_bitrate;
    bool narrow; /* the receiver plays no more than 4 kHz of bandwidth */
};

/* One stream as offer and answer agreed on it. */
struct pm_stream_config {
    int rtp_fd;  /* bound UDP sockets, owned by the caller and open until the stream is stopped */
    int rtcp_fd; /* -1: no RTCP; rtp_fd: both on one port (RFC 5761) */
    /* A UDP socket connected to a relay (RFC 8656), the caller's as the others, or -1. Through its channels the stream sends to and
     * hears addresses of PM_FAMILY_RELAYED; what the relay has to say itself is kept apart. */
    int relay_fd;
    struct pm_address remote_rtp;
    struct pm_address remote_rtcp;
    struct pm_payload receive[PM_PAYLOADS_MAX];
    uint8_t receive_count;
    struct pm_payload send;
    struct pm_encoder_settings encoder;
    struct pm_digit_payload digit_receive[PM_DIGIT_PAYLOADS_MAX];
    uint8_t digit_receive_count;
    uint8_t digit_send_type;
    uint8_t red_receive_types[PM_RED_PAYLOADS_MAX]; /* RFC 2198 */
    uint8_t red_receive_count;
    uint8_t red_send_type;
    bool sends_red;    /* red_send_type is agreed; used while the peer reports loss */
    bool sends_noise;  /* comfort noise (RFC 3389) in place of silence is agreed */
    bool sends_digits; /* digit_send_type is agreed */
    bool hears_tones;  /* look for digits in the sound itself: when nothing better is agreed */
    bool sends;        /* direction sendrecv or sendonly */
    bool receives;     /* direction sendrecv or recvonly */
    uint16_t ptime_ms; /* of packets that we send: a multiple of 10 from PM_PTIME_MIN_MS to PM_PTIME_MAX_MS */
    uint32_t ssrc;
    uint32_t first_timestamp;
    uint16_t first_sequence;
    bool extended_reports; /* the peer takes the VoIP metrics of RFC 3611 */
    bool shares_way;       /* another stream takes the same way (RFC 9143): what is reported may be for it, and is kept apart too */
    uint32_t latch_ms;     /* how long symmetric RTP may move the remote address; 0: never */
    uint16_t delay_min_ms; /* bounds of the playout delay that the buffer may choose, up to PM_DELAY_MAX_MS */
    uint16_t delay_max_ms;
    char cname[PM_CNAME_MAX + 1]; /* zero-terminated */
    /* State of the codecs, pm_codec_memory octets, the caller's until the stream is stopped or an update brings another. With the
     * same pointer again an update keeps the codecs' state. */
    void *codec_memory;
    size_t codec_octets;
};

enum pm_echo_mode {
    PM_ECHO_OFF = 0,
    PM_ECHO_CANCEL = 1,     /* full duplex; falls back to half duplex by itself while the canceller finds no way */
    PM_ECHO_HALF_DUPLEX = 2 /* the microphone is shut while the far side speaks */
};

/* What stands behind the microphone. */
struct pm_echo_config {
    uint32_t rate_hz; /* 8000 or 16000 */
    uint8_t mode;
    bool short_blocks; /* periods are no multiples of 20 ms: the filter works in blocks of 10 ms, for more processor time */
    bool suppress_noise;
    bool gain_control;
};

enum pm_echo_state {
    PM_ECHO_IDLE = 0,     /* off, or the far side has not spoken yet */
    PM_ECHO_LEARNING = 1, /* holds the echo back by shutting the microphone where needed */
    PM_ECHO_CONVERGED = 2,
    PM_ECHO_HELD = 3, /* half duplex: asked for, or since there is an echo of which nothing could be learned */
    PM_ECHO_CLEAR = 4 /* full duplex: the far side has spoken for long, and the microphone shows no trace of it */
};

struct pm_echo_stats {
    uint8_t state;
    bool delay_known;
    double delay_ms; /* from loudspeaker to microphone, in steps of 10 ms, both device buffers included */
    uint32_t delay_moves;
    double echo_loss_db;  /* loudspeaker to microphone; negative: the echo is louder than what was played */
    double filter_db;     /* how much of the microphone the adaptive filter takes away while the far side speaks alone (ERLE) */
    double suppressed_db; /* the filter and everything behind it */
    double both_percent;  /* share of the far side's speech in which the visitor spoke too */
    double noise_db;      /* of the room, in dB below full scale */
    double gain_db;       /* of the gain control, now */
};

struct pm_pump_config {
    uint32_t card_rate_hz;      /* 8000, 16000, 32000, 44100 or 48000 */
    uint32_t period_samples;    /* at the card's rate, at most PM_PERIOD_MAX_MS */
    struct pm_echo_config echo; /* its rate is that of the mix, whatever stands here */
    uint8_t louder_db;          /* how much louder the loudspeaker may become by the noise of the room; 0: not at all */
    uint64_t seed;              /* chance for the RTCP interval (RFC 3550 section 6.3.1), from the caller's generator */
    uint32_t tap_rate_hz;       /* of what a period hands out for a recording: PM_RATE_NARROW_HZ or PM_RATE_WIDE_HZ, all through */
};

enum pm_event_kind {
    PM_EVENT_FIRST_PACKET = 1, /* the first valid packet of a stream arrived; at_ns is its arrival */
    PM_EVENT_FIRST_AUDIO = 2,  /* its first decoded sample is in the period just rendered */
    PM_EVENT_DIGIT_BEGIN = 3,  /* a digit is pressed; value: milliseconds so far */
    PM_EVENT_DIGIT_END = 4,    /* the same digit is let go; value: its length in milliseconds */
    PM_EVENT_SSRC_CHANGED = 5, /* value: the new SSRC */
    PM_EVENT_SILENT = 6,       /* no packet and no report of hearing us for value milliseconds; repeated each second */
    PM_EVENT_RESUMED = 7,      /* one came again; value: milliseconds of the silence */
    PM_EVENT_BYE = 8,          /* the peer's RTCP said goodbye */
    PM_EVENT_DIGITS_SENT = 9,  /* the last queued digit has been sent completely */
    PM_EVENT_LATCHED = 10,     /* symmetric RTP moved the remote address to where packets come from */
    PM_EVENT_SOUND_DONE = 11   /* the tone or prompt has ended; stream is PM_STREAMS_MAX; value: enum pm_sound */
};

enum pm_sound { PM_SOUND_TONE = 0, PM_SOUND_PROMPT = 1 };

struct pm_event {
    int64_t at_ns; /* CLOCK_MONOTONIC */
    uint32_t value;
    uint8_t kind;
    uint8_t stream;
    bool in_band; /* a digit that was heard as tones */
    char digit;   /* '0'-'9' '*' '#' 'A'-'D', 'F' for hook flash; zero with other kinds */
};

/* Frequencies in hertz; a step with both zero is silence. Levels in dB below full scale of a sine (dBov). */
struct pm_tone_step {
    uint16_t low_hz;
    uint16_t high_hz;
    uint16_t duration_ms;
    uint8_t attenuation_db;
};

/* What one period did. `events` counts those waiting to be fetched. */
struct pm_period_result {
    uint32_t events;
    uint32_t tap_samples; /* written to each tap, at the tap's rate */
    uint32_t mix_rate_hz; /* at which this period was mixed */
    uint32_t apart;       /* datagrams that are no media and wait for pm_pump_apart */
};

struct pm_stream_stats {
    /* receiving; counts since the stream began, over every source it had */
    uint64_t packets_received; /* valid RTP packets, digits included */
    uint64_t octets_received;  /* of RTP payload */
    uint64_t packets_expected; /* RFC 3550 A.3 */
    int64_t packets_lost;      /* expected - received; duplicates make it negative (RFC 3550 section 6.4.1) */
    uint64_t packets_duplicate;
    uint64_t packets_reordered;
    uint64_t packets_late;      /* came after their time to play */
    uint64_t packets_discarded; /* dropped because the buffer was full or beyond its largest delay */
    uint64_t packets_invalid;   /* malformed, or a payload type that was not agreed */
    uint64_t packets_foreign;   /* from an address other than the locked one */
    uint64_t packets_ignored;   /* arrived while the direction forbids to play them */
    uint64_t packets_refused;   /* encryption was agreed and they were not authentic, or replayed */
    uint32_t source_changes;
    double jitter_ms;   /* RFC 3550 A.8 */
    double burst_ratio; /* ITU-T G.107; 1: losses come each by itself, or there are none */
    /* playing, in samples at rate_hz unless named otherwise */
    uint32_t rate_hz;        /* at which the stream plays */
    uint64_t samples_played; /* everything rendered since the first packet */
    uint64_t samples_concealed;
    uint64_t samples_recovered; /* lost, and had from redundancy in a later packet */
    uint64_t samples_removed;   /* by accelerating */
    uint64_t samples_inserted;  /* by decelerating */
    double delay_ms;            /* arrival of the fastest packets to playing, now */
    double delay_target_ms;
    double buffered_ms; /* audio waiting, decoded or not */
    /* sending */
    uint64_t packets_sent;
    uint64_t octets_sent;
    uint64_t send_errors;
    uint64_t digits_sent;
    /* RTCP */
    uint64_t reports_sent;
    uint64_t reports_received;
    bool rtt_known;
    double rtt_ms;
    bool remote_report_known; /* the first three below come from the peer's last report about us */
    double remote_loss_fraction;
    int32_t remote_packets_lost;
    double remote_jitter_ms;
    double remote_burst_ratio; /* of all its reports so far; see pm_series */
    /* state */
    int64_t last_packet_ns; /* CLOCK_MONOTONIC; the stream's start when nothing came yet */
    bool heard;             /* at least one valid packet */
    bool latched;           /* the remote address was moved by symmetric RTP */
    struct pm_address remote_rtp;
};

/* How one side heard the other: the VoIP metrics block of RFC 3611 section 4.7, as it stands on the wire. Rates and densities are
 * of 256; levels, R factors and scores are PM_XR_UNKNOWN (127) when not measured; scores are ten times MOS. */
struct pm_voip_metrics {
    uint32_t ssrc; /* of the source that was heard */
    uint8_t loss_rate, discard_rate;
    uint8_t burst_density, gap_density; /* of packets lost or discarded within bursts, and outside */
    uint16_t burst_ms, gap_ms;          /* mean durations */
    uint16_t round_trip_ms, end_system_ms;
    uint8_t signal_dbm, noise_dbm; /* two's complement, dBm0 */
    uint8_t echo_return_loss_db;
    uint8_t gmin;
    uint8_t r_factor, r_factor_external;
    uint8_t mos_listening, mos_conversation;
    uint8_t receiver; /* concealment, kind of buffer, its rate: section 4.7.6 */
    uint16_t buffer_nominal_ms, buffer_max_ms, buffer_limit_ms;
};

/* What is known of a stream's sound beyond its packets; PM_XR_UNKNOWN each where it is not. */
struct pm_judgement {
    uint8_t r_factor, mos_listening, mos_conversation, echo_return_loss_db;
};

/* One RTP packet as the jitter buffer stores it. Times in nanoseconds of one monotonic clock. */
struct pm_jitter_packet {
    const uint8_t *payload;
    size_t payload_octets;
    uint32_t ssrc;
    uint32_t timestamp;
    uint32_t duration; /* timestamp units covered by the payload; at least 1 */
    uint16_t sequence;
    uint8_t payload_type;
    bool marker;
    bool redundant;     /* a copy that a later packet brought: when it is of no use, that is no fault of the network */
    bool after_rest;    /* the first since the sender paused on purpose: what lies before it is no loss */
    int64_t arrival_ns; /* when the network delivered it */
    int64_t drained_ns; /* when it was taken from the socket: not before arrival_ns; the next get happens then */
};

struct pm_jitter_config {
    uint32_t clock_rate_hz;
    uint32_t frame; /* timestamp units that one get plays when no packet fills it */
    uint16_t delay_min_ms;
    uint16_t delay_max_ms;
};

enum pm_jitter_put_result {
    PM_PUT_STORED = 1,
    PM_PUT_LATE = 2, /* its time to play is over */
    PM_PUT_DUPLICATE = 3,
    PM_PUT_RESTARTED = 4, /* stored as the first packet of a new timeline (new SSRC, sender restart) */
    PM_PUT_FULL = 5       /* stored, and the oldest packet given up for it */
};

enum pm_jitter_get_result {
    PM_GET_EMPTY = 0,   /* nothing to play yet, or nothing came for long: play silence */
    PM_GET_FRAME = 1,   /* a packet */
    PM_GET_MISSING = 2, /* this frame is lost and later ones are here: conceal; time goes on */
    PM_GET_HOLD = 3,    /* nothing here: conceal and wait; the packet will be played when it comes */
    PM_GET_REST = 4     /* the sender paused here: comfort noise; time goes on */
};

/* What to do about the delay with the samples just handed out. */
enum pm_jitter_advice { PM_ADVICE_KEEP = 0, PM_ADVICE_SHORTEN = 1, PM_ADVICE_LENGTHEN = 2 };

struct pm_jitter_frame {
    const uint8_t *payload; /* valid until the next put; NULL unless PM_GET_FRAME */
    size_t payload_octets;
    uint32_t timestamp;
    uint32_t duration; /* timestamp units to play now */
    uint32_t skip;     /* units at the payload's start that were already played */
    bool redundant;
    uint8_t payload_type;
    uint8_t advice;
};

struct pm_jitter_stats {
    uint64_t stored;
    uint64_t late;
    uint64_t duplicate;
    uint64_t reordered;
    uint64_t discarded;
    uint64_t restarts;
    uint32_t waiting_packets;
    uint32_t waiting; /* timestamp units of the packets waiting */
    double delay_ms;
    double delay_target_ms;
};

#endif
