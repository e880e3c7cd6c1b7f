/* The pump: everything between microphone, network and speaker, one call an audio period. One owner thread; nothing is allocated,
 * locked, logged or waited for after pm_pump_init.
 *
 * pm_pump_period reads every socket (bounded), renders every stream, adds tone and prompt for the speaker, and encodes and sends
 * what the microphone said. Time is an argument: see pm_types.h for the two clocks. Slots are 0 to PM_STREAMS_MAX - 1.
 *
 * All is mixed at one rate, chosen anew whenever a stream starts, changes or stops: PM_RATE_NARROW_HZ as long as every stream is
 * narrow, else PM_RATE_WIDE_HZ. Card, prompt, taps and streams of the other rate are converted at the edges. */
#ifndef PM_PUMP_H
#define PM_PUMP_H

#include "pm_echo.h"
#include "pm_inbox.h"
#include "pm_mix.h"
#include "pm_resample.h"
#include "pm_stream.h"
#include "pm_tone.h"

enum {
    PM_CARD_RATE_MAX_HZ = 48000,
    PM_CARD_PERIOD_MAX = PM_CARD_RATE_MAX_HZ / 1000 * PM_PERIOD_MAX_MS,
    /* A period, and the few samples by which conversion runs ahead or behind. */
    PM_FIFO_SLACK = 64
};

struct pm_fifo {
    size_t fill;
    int16_t samples[PM_CARD_PERIOD_MAX + PM_FIFO_SLACK];
};

struct pm_sound_route {
    bool to_speaker;
    unsigned to_streams; /* bit i: slot i */
};

struct pm_prompt {
    const int16_t *samples; /* the caller's; NULL: nothing plays */
    uint32_t rate_hz;
    size_t count;
    size_t position;
    unsigned repeats_left;
    bool endless;
};

struct pm_pump {
    bool ready;
    bool conference;
    struct pm_pump_config config;
    uint32_t mix_rate_hz;
    struct pm_resample from_card, to_card, from_prompt, heard_to_tap, said_to_tap;
    struct pm_resample to_mix[PM_STREAMS_MAX], from_mix[PM_STREAMS_MAX];
    uint64_t phase; /* remainder of the division of a period into samples */
    uint64_t chance;
    unsigned periods;
    bool used[PM_STREAMS_MAX];
    int16_t rendered[PM_STREAMS_MAX][PM_RENDER_MAX]; /* at the mix's rate, as all below */
    int16_t heard[PM_RENDER_MAX], said[PM_RENDER_MAX], tone_out[PM_RENDER_MAX], prompt_out[PM_RENDER_MAX];
    int16_t played[PM_RENDER_MAX]; /* what goes to the loudspeaker: the reference of the echo canceller */
    float volume;                  /* of the loudspeaker, by the noise of the room */
    struct pm_echo echo;
    struct pm_fifo microphone, speaker;
    struct pm_tone tone;
    struct pm_prompt prompt;
    struct pm_sound_route tone_route, prompt_route;
    struct pm_events events;
    /* From here on: what is filled before it is read. Half a megabyte, most of which a door with one call never touches. */
    struct pm_inbox inbox;
    struct pm_apart apart;
    struct pm_stream streams[PM_STREAMS_MAX];
};

/* The memory need not be cleared. PM_EARG: a rate or period that is not supported; PM_ESYSTEM: no memory for the resampler. Close
 * after PM_OK. */
int pm_pump_init(struct pm_pump *pump, const struct pm_pump_config *config);
/* Gives the resamplers back, those of the streams too. Allowed at any time, also twice. Says no goodbye: stop streams first. */
void pm_pump_close(struct pm_pump *pump);

/* Returns the slot, PM_EFULL, PM_EARG for a setting out of range, PM_ESYSTEM for a descriptor that is no socket. */
int pm_pump_stream_start(struct pm_pump *pump, const struct pm_stream_config *config, int64_t now_ns);
/* PM_ESTATE for a free slot, PM_EARG as above. The SSRC and the sockets of the start, but for that of RTCP, stay. */
int pm_pump_stream_update(struct pm_pump *pump, unsigned slot, const struct pm_stream_config *config, bool relatch, int64_t now_ns);
/* Sends a BYE and frees the slot. */
int pm_pump_stream_stop(struct pm_pump *pump, unsigned slot, int64_t now_ns, int64_t wall_ns);
int pm_pump_stream_mute(struct pm_pump *pump, unsigned slot, bool muted);

/* While hushed, what comes in is taken as ever, and is in `heard`, but the loudspeaker does not play it; a conference goes on.
 * PM_ESTATE: no stream. */
int pm_pump_stream_hush(struct pm_pump *pump, unsigned slot, bool hushed);
/* What happens to the stream's packets from the next one on (enum pm_secure_state). `ops` and `context` count with PM_SECURE_OPEN
 * alone; `context` stays the caller's, who keeps it until the stream is stopped or secured anew. PM_ESTATE for a free slot. */
int pm_pump_stream_secure(struct pm_pump *pump, unsigned slot, unsigned state, const struct pm_secure_ops *ops, void *context);
/* How the slot's stream is heard here and, returning 1, how the peer hears us by its last extended report; 0 when there was none.
 * PM_ESTATE for a free slot. */
int pm_pump_stream_voip(const struct pm_pump *pump, unsigned slot, struct pm_voip_metrics *here, struct pm_voip_metrics *there);
/* What the next extended report says of how the stream sounds. PM_ESTATE for a free slot. */
int pm_pump_stream_judge(struct pm_pump *pump, unsigned slot, const struct pm_judgement *judgement);
/* Moves the oldest datagram that is no media (STUN, DTLS; in clear the reports of a stream that shares its way) out; returns its
 * length, 0 when none waits, PM_EARG when `capacity` is less than PM_DATAGRAM_OCTETS. */
int pm_pump_apart(struct pm_pump *pump, unsigned *slot, struct pm_address *from, uint8_t *data, size_t capacity);
/* Takes a datagram that came to the slot's stream by another way than its sockets, between two periods. PM_ESTATE for a free slot,
 * PM_EARG for more than PM_DATAGRAM_OCTETS. */
int pm_pump_stream_take(struct pm_pump *pump, unsigned slot, const struct pm_address *from, const uint8_t *data, size_t octets,
                        int64_t now_ns, int64_t wall_ns);
int pm_pump_stream_stats(const struct pm_pump *pump, unsigned slot, struct pm_stream_stats *stats);
/* PM_ESTATE also when telephone-event is not agreed; else as pm_digit_out_queue. */
int pm_pump_send_digits(struct pm_pump *pump, unsigned slot, const char *digits, size_t count, unsigned duration_ms,
                        unsigned gap_ms);
int pm_pump_conference(struct pm_pump *pump, bool joined);

/* Replaces what the player plays. `samples` are read in place until the prompt ends or is stopped: the caller keeps them.
 * `rate_hz` of a prompt is PM_RATE_NARROW_HZ or PM_RATE_WIDE_HZ. */
int pm_pump_play_tone(struct pm_pump *pump, const struct pm_tone_step *steps, size_t count, unsigned repeats, bool to_speaker,
                      unsigned to_streams);
int pm_pump_play_prompt(struct pm_pump *pump, const int16_t *samples, size_t count, uint32_t rate_hz, unsigned repeats,
                        bool to_speaker, unsigned to_streams);
void pm_pump_stop_sound(struct pm_pump *pump, unsigned sound);

/* One period: `microphone` and `speaker` hold config.period_samples each. `heard` and `said`, both or neither, receive the far and
 * the near side at the tap's rate; PM_EARG when `tap_capacity` is too small for them. Returns how many events and datagrams wait
 * for pm_pump_events and pm_pump_apart. */
int pm_pump_period(struct pm_pump *pump, int64_t now_ns, int64_t wall_ns, const int16_t *microphone, int16_t *speaker,
                   int16_t *heard, int16_t *said, size_t tap_capacity, struct pm_period_result *result);

/* The card repaired an underrun or overrun, or was opened again: the echo's delay may have jumped. */
void pm_pump_disturbed(struct pm_pump *pump);
void pm_pump_echo_stats(const struct pm_pump *pump, struct pm_echo_stats *stats);

/* Moves up to `capacity` events out, oldest first; returns how many. */
size_t pm_pump_events(struct pm_pump *pump, struct pm_event *events, size_t capacity);

/* Shared by the pump's own files: what a change of streams means for the rates. PM_ESYSTEM: no memory for a resampler. */
int pm_pump_fit_rates(struct pm_pump *pump);
void pm_pump_close_rates(struct pm_pump *pump);
/* What goes in and out by the streams' sockets. PM_ESYSTEM: a descriptor is no socket. */
int pm_pump_prepare_sockets(const struct pm_stream_config *config);
void pm_pump_receive(struct pm_pump *pump, int64_t now_ns, int64_t wall_ns);
/* Encrypts and sends one packet, directly or by the relay; false when it was not sent. `packet` has room for pm_secure_seal. */
bool pm_pump_send(struct pm_stream *stream, uint8_t *packet, size_t octets, size_t capacity, bool rtcp);

#endif
