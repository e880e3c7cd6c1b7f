/* What the interpreter may call. The values are those of include/pm_types.h, which build.py puts in front of this file.
 * State is opaque: the interpreter can size it and hand it back, nothing else. Contracts stand in the modules' headers. */

struct pm_pump { ...; };
struct pm_jitter { ...; };
struct pm_playout { ...; };
struct pm_echo { ...; };
struct pm_codec_driver;
struct pm_secure_ops; /* made by another module */

#define PM_DATAGRAM_OCTETS ...
#define PM_SECURE_PLAIN ...
#define PM_SECURE_CLOSED ...
#define PM_SECURE_OPEN ...

int pm_pump_init(struct pm_pump *pump, const struct pm_pump_config *config);
void pm_pump_close(struct pm_pump *pump);
int pm_pump_stream_start(struct pm_pump *pump, const struct pm_stream_config *config, int64_t now_ns);
int pm_pump_stream_update(struct pm_pump *pump, unsigned slot, const struct pm_stream_config *config, bool relatch, int64_t now_ns);
int pm_pump_stream_stop(struct pm_pump *pump, unsigned slot, int64_t now_ns, int64_t wall_ns);
int pm_pump_stream_mute(struct pm_pump *pump, unsigned slot, bool muted);
int pm_pump_stream_hush(struct pm_pump *pump, unsigned slot, bool hushed);
int pm_pump_stream_secure(struct pm_pump *pump, unsigned slot, unsigned state, const struct pm_secure_ops *ops, void *context);
int pm_pump_stream_voip(const struct pm_pump *pump, unsigned slot, struct pm_voip_metrics *here, struct pm_voip_metrics *there);
int pm_pump_stream_judge(struct pm_pump *pump, unsigned slot, const struct pm_judgement *judgement);
int pm_pump_apart(struct pm_pump *pump, unsigned *slot, struct pm_address *from, uint8_t *data, size_t capacity);
int pm_pump_stream_take(struct pm_pump *pump, unsigned slot, const struct pm_address *from, const uint8_t *data, size_t octets,
                        int64_t now_ns, int64_t wall_ns);
int pm_pump_stream_stats(const struct pm_pump *pump, unsigned slot, struct pm_stream_stats *stats);
int pm_pump_send_digits(struct pm_pump *pump, unsigned slot, const char *digits, size_t count, unsigned duration_ms, unsigned gap_ms);
int pm_pump_conference(struct pm_pump *pump, bool joined);
int pm_pump_play_tone(struct pm_pump *pump, const struct pm_tone_step *steps, size_t count, unsigned repeats, bool to_speaker,
                      unsigned to_streams);
int pm_pump_play_prompt(struct pm_pump *pump, const int16_t *samples, size_t count, uint32_t rate_hz, unsigned repeats,
                        bool to_speaker, unsigned to_streams);
void pm_pump_stop_sound(struct pm_pump *pump, unsigned sound);
/* `microphone` is const int16_t *; bytes of Python go into a pointer to void as they are, without an object that wraps them. */
int pm_pump_period(struct pm_pump *pump, int64_t now_ns, int64_t wall_ns, const void *microphone, int16_t *speaker, int16_t *heard,
                   int16_t *said, size_t tap_capacity, struct pm_period_result *result);
void pm_pump_disturbed(struct pm_pump *pump);
void pm_pump_echo_stats(const struct pm_pump *pump, struct pm_echo_stats *stats);
size_t pm_pump_events(struct pm_pump *pump, struct pm_event *events, size_t capacity);

int pm_jitter_init(struct pm_jitter *jitter, const struct pm_jitter_config *config);
int pm_jitter_put(struct pm_jitter *jitter, const struct pm_jitter_packet *packet);
int pm_jitter_get(struct pm_jitter *jitter, struct pm_jitter_frame *frame);
void pm_jitter_stats(const struct pm_jitter *jitter, struct pm_jitter_stats *stats);

size_t pm_stream_memory(const struct pm_stream_config *config);
struct pm_tone_finder;
struct pm_inband { ...; };
void pm_inband_install(const struct pm_tone_finder *finder);
size_t pm_inband_memory(void);
int pm_inband_init(struct pm_inband *inband, uint32_t rate_hz, void *memory);
void pm_inband_close(struct pm_inband *inband);
int pm_inband_hear(struct pm_inband *inband, const int16_t *samples, size_t n, int64_t now_ns, struct pm_event *events);
int pm_codec_install(unsigned codec, const struct pm_codec_driver *driver);
size_t pm_decoders_memory(const struct pm_payload *payloads, size_t count);
int pm_playout_init(struct pm_playout *playout, const struct pm_jitter_config *config, const struct pm_payload *payloads, size_t count,
                    void *memory, size_t octets);
void pm_playout_close(struct pm_playout *playout);
int pm_playout_put(struct pm_playout *playout, const struct pm_jitter_packet *packet);
int pm_playout_rest(struct pm_playout *playout, const struct pm_jitter_packet *packet);
int pm_playout_render(struct pm_playout *playout, int16_t *out, size_t samples);
void pm_playout_stats(const struct pm_playout *playout, struct pm_stream_stats *stats);

int pm_g711_decode(uint8_t codec, const uint8_t *octets, size_t count, int16_t *samples, size_t capacity);
int pm_g711_encode(uint8_t codec, const int16_t *samples, size_t count, uint8_t *octets, size_t capacity);
uint16_t pm_seq_distance(uint16_t newer, uint16_t older);
bool pm_seq_lt(uint16_t a, uint16_t b);
int32_t pm_ts_diff(uint32_t a, uint32_t b);

int pm_echo_init(struct pm_echo *echo, const struct pm_echo_config *config);
void pm_echo_close(struct pm_echo *echo);
void pm_echo_run(struct pm_echo *echo, const int16_t *far, int16_t *near, size_t n);
void pm_echo_disturbed(struct pm_echo *echo);
void pm_echo_stats(const struct pm_echo *echo, struct pm_echo_stats *stats);

/* The system's own, sys/mman.h: keeps what the audio thread touches in memory. */
int mlockall(int flags);
/* The C library's own, malloc.h. */
int malloc_trim(size_t keep_octets);
