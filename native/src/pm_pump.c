#include "pm_pump.h"
#include <string.h>

static double next_fraction(struct pm_pump *p) {
    /* xorshift64*: chance for spreading reports, nothing that must be secret. */
    p->chance ^= p->chance >> 12;
    p->chance ^= p->chance << 25;
    p->chance ^= p->chance >> 27;
    return (double)((p->chance * UINT64_C(2685821657736338717)) >> 11) / 9007199254740992.0;
}

static bool is_card_rate(uint32_t hz) {
    return hz == 8000 || hz == 16000 || hz == 32000 || hz == 44100 || hz == 48000;
}

int pm_pump_init(struct pm_pump *p, const struct pm_pump_config *config) {
    memset(p, 0, offsetof(struct pm_pump, inbox));
    p->apart.first = p->apart.count = 0;
    if (!is_card_rate(config->card_rate_hz) || config->period_samples == 0 ||
        (uint64_t)config->period_samples * 1000 > (uint64_t)config->card_rate_hz * PM_PERIOD_MAX_MS ||
        !pm_is_core_rate(config->tap_rate_hz) || config->echo.mode > PM_ECHO_HALF_DUPLEX) {
        return PM_EARG;
    }
    p->config = *config;
    p->prompt.rate_hz = PM_RATE_NARROW_HZ;
    p->volume = 1.0f;
    p->chance = config->seed != 0 ? config->seed : 1; /* the generator's one fixed point */
    if (pm_pump_fit_rates(p) != PM_OK) {
        pm_pump_close(p);
        return PM_ESYSTEM;
    }
    p->ready = true;
    return PM_OK;
}

void pm_pump_close(struct pm_pump *p) {
    for (unsigned i = 0; i < PM_STREAMS_MAX; i++) {
        if (p->used[i]) {
            pm_stream_close(&p->streams[i]);
            p->used[i] = false;
        }
    }
    pm_pump_close_rates(p);
    pm_echo_close(&p->echo);
    p->ready = false;
}

static struct pm_stream *stream_of(struct pm_pump *p, unsigned slot) {
    return slot < PM_STREAMS_MAX && p->used[slot] ? &p->streams[slot] : NULL;
}

static void free_slot(struct pm_pump *p, unsigned slot) {
    pm_stream_close(&p->streams[slot]);
    p->used[slot] = false;
    (void)pm_pump_fit_rates(p); /* without memory the rates stay as they were, which fit too */
}

int pm_pump_stream_start(struct pm_pump *p, const struct pm_stream_config *config, int64_t now_ns) {
    unsigned slot = 0;
    if (!p->ready) {
        return PM_ESTATE;
    }
    while (slot < PM_STREAMS_MAX && p->used[slot]) {
        slot++;
    }
    if (slot == PM_STREAMS_MAX) {
        return PM_EFULL;
    }
    int status = pm_stream_init(&p->streams[slot], config, (uint8_t)slot, now_ns, next_fraction(p));
    if (status != PM_OK) {
        return status;
    }
    p->used[slot] = true;
    if (pm_pump_prepare_sockets(config) != PM_OK || pm_pump_fit_rates(p) != PM_OK) {
        free_slot(p, slot);
        return PM_ESYSTEM;
    }
    return (int)slot;
}

int pm_pump_stream_update(struct pm_pump *p, unsigned slot, const struct pm_stream_config *config, bool relatch, int64_t now_ns) {
    struct pm_stream *s = stream_of(p, slot);
    int status = s ? pm_stream_update(s, config, relatch, now_ns) : PM_ESTATE;
    return status == PM_OK ? pm_pump_fit_rates(p) : status;
}

int pm_pump_stream_stop(struct pm_pump *p, unsigned slot, int64_t now_ns, int64_t wall_ns) {
    struct pm_stream *s = stream_of(p, slot);
    if (s == NULL) {
        return PM_ESTATE;
    }
    _Alignas(8) uint8_t packet[PM_RTCP_PACKET_MAX + PM_SECURE_TRAILER_MAX];
    size_t octets = pm_stream_report(s, packet, PM_RTCP_PACKET_MAX, true, now_ns, wall_ns, 0.0);
    if (octets > 0) {
        (void)pm_pump_send(s, packet, octets, sizeof packet, true);
    }
    free_slot(p, slot);
    return PM_OK;
}

int pm_pump_stream_mute(struct pm_pump *p, unsigned slot, bool muted) {
    struct pm_stream *s = stream_of(p, slot);
    if (s == NULL) {
        return PM_ESTATE;
    }
    s->muted = muted;
    return PM_OK;
}

int pm_pump_stream_hush(struct pm_pump *p, unsigned slot, bool hushed) {
    struct pm_stream *s = stream_of(p, slot);
    if (s == NULL) {
        return PM_ESTATE;
    }
    s->hushed = hushed;
    return PM_OK;
}

int pm_pump_stream_secure(struct pm_pump *p, unsigned slot, unsigned state, const struct pm_secure_ops *ops, void *context) {
    struct pm_stream *s = stream_of(p, slot);
    if (s == NULL) {
        return PM_ESTATE;
    }
    if (state > PM_SECURE_OPEN || (state == PM_SECURE_OPEN && ops == NULL)) {
        return PM_EARG;
    }
    s->secure.state = state;
    s->secure.ops = ops;
    s->secure.context = context;
    return PM_OK;
}

int pm_pump_stream_voip(const struct pm_pump *p, unsigned slot, struct pm_voip_metrics *here, struct pm_voip_metrics *there) {
    if (slot >= PM_STREAMS_MAX || !p->used[slot]) {
        return PM_ESTATE;
    }
    pm_stream_voip(&p->streams[slot], here);
    *there = p->streams[slot].report.remote_voip;
    return p->streams[slot].report.remote_voip_known;
}

int pm_pump_stream_judge(struct pm_pump *p, unsigned slot, const struct pm_judgement *judgement) {
    struct pm_stream *s = stream_of(p, slot);
    if (s == NULL) {
        return PM_ESTATE;
    }
    s->report.judgement = *judgement;
    return PM_OK;
}

int pm_pump_stream_stats(const struct pm_pump *p, unsigned slot, struct pm_stream_stats *stats) {
    if (slot >= PM_STREAMS_MAX || !p->used[slot]) {
        return PM_ESTATE;
    }
    pm_stream_stats(&p->streams[slot], stats);
    return PM_OK;
}

int pm_pump_send_digits(struct pm_pump *p, unsigned slot, const char *digits, size_t count, unsigned duration_ms, unsigned gap_ms) {
    struct pm_stream *s = stream_of(p, slot);
    if (s == NULL || !s->config.sends_digits) {
        return PM_ESTATE;
    }
    return pm_digit_out_queue(&s->digit_out, digits, count, s->codec->clock_rate_hz, duration_ms, gap_ms);
}

int pm_pump_conference(struct pm_pump *p, bool joined) {
    p->conference = joined;
    return PM_OK;
}

int pm_pump_play_tone(struct pm_pump *p, const struct pm_tone_step *steps, size_t count, unsigned repeats, bool to_speaker,
                      unsigned to_streams) {
    int status = pm_tone_start(&p->tone, steps, count, repeats);
    if (status == PM_OK) {
        p->tone_route = (struct pm_sound_route){.to_speaker = to_speaker, .to_streams = to_streams};
    }
    return status;
}

int pm_pump_play_prompt(struct pm_pump *p, const int16_t *samples, size_t count, uint32_t rate_hz, unsigned repeats,
                        bool to_speaker, unsigned to_streams) {
    struct pm_resample convert;
    if (count == 0 || !pm_is_core_rate(rate_hz)) {
        return PM_EARG;
    }
    if (pm_resample_init(&convert, rate_hz, p->mix_rate_hz) != PM_OK) {
        return PM_ESYSTEM;
    }
    pm_resample_close(&p->from_prompt);
    p->from_prompt = convert;
    p->prompt = (struct pm_prompt){
        .samples = samples, .rate_hz = rate_hz, .count = count, .repeats_left = repeats, .endless = repeats == 0};
    p->prompt_route = (struct pm_sound_route){.to_speaker = to_speaker, .to_streams = to_streams};
    return PM_OK;
}

void pm_pump_stop_sound(struct pm_pump *p, unsigned sound) {
    if (sound == PM_SOUND_TONE) {
        pm_tone_stop(&p->tone);
    } else if (sound == PM_SOUND_PROMPT) {
        p->prompt.samples = NULL;
    }
}

void pm_pump_disturbed(struct pm_pump *p) {
    pm_echo_disturbed(&p->echo);
}

void pm_pump_echo_stats(const struct pm_pump *p, struct pm_echo_stats *stats) {
    pm_echo_stats(&p->echo, stats);
}

size_t pm_pump_events(struct pm_pump *p, struct pm_event *events, size_t capacity) {
    size_t count = 0;
    while (count < capacity && pm_events_pop(&p->events, &events[count])) {
        count++;
    }
    return count;
}

static void send_audio(struct pm_pump *p, unsigned slot, const int16_t *samples, size_t n, int64_t now_ns) {
    struct pm_stream *s = &p->streams[slot];
    _Alignas(8) uint8_t packet[PM_RTP_PACKET_MAX + PM_SECURE_TRAILER_MAX];
    int16_t own[PM_RENDER_MAX];
    if (s->rate_hz != p->mix_rate_hz) {
        size_t own_n = n * s->rate_hz / p->mix_rate_hz;
        pm_resample_exactly(&p->from_mix[slot], samples, n, own, own_n);
        samples = own;
        n = own_n;
    }
    for (size_t done = 0; done < n;) { /* bounded: each turn takes samples or, when none fit, sends a packet and makes room */
        done += pm_stream_feed(s, samples + done, n - done);
        size_t octets = pm_stream_packet(s, packet, PM_RTP_PACKET_MAX, now_ns, &p->events);
        if (octets > 0 && !pm_pump_send(s, packet, octets, sizeof packet, false)) {
            s->send_errors++;
        }
    }
}

static void send_reports(struct pm_pump *p, struct pm_stream *s, int64_t now_ns, int64_t wall_ns) {
    _Alignas(8) uint8_t packet[PM_RTCP_PACKET_MAX + PM_SECURE_TRAILER_MAX];
    if (now_ns < s->report.due_ns) {
        return;
    }
    size_t octets = pm_stream_report(s, packet, PM_RTCP_PACKET_MAX, false, now_ns, wall_ns, next_fraction(p));
    if (octets > 0 && !pm_pump_send(s, packet, octets, sizeof packet, true)) {
        s->send_errors++;
    }
}

static void render_prompt(struct pm_pump *p, int16_t *out, size_t n, int64_t now_ns) {
    struct pm_prompt *prompt = &p->prompt;
    while (n > 0 && prompt->samples != NULL) {
        size_t left = prompt->count - prompt->position;
        size_t part = left < n ? left : n;
        memcpy(out, prompt->samples + prompt->position, part * sizeof *out);
        prompt->position += part;
        out += part;
        n -= part;
        if (prompt->position == prompt->count) {
            prompt->position = 0;
            if (!prompt->endless && --prompt->repeats_left == 0) {
                prompt->samples = NULL;
                pm_events_push(&p->events, (struct pm_event){.at_ns = now_ns,
                                                             .kind = PM_EVENT_SOUND_DONE,
                                                             .stream = PM_STREAMS_MAX,
                                                             .value = PM_SOUND_PROMPT});
            }
        }
    }
    memset(out, 0, n * sizeof *out);
}

static void render_sounds(struct pm_pump *p, size_t n, int64_t now_ns) {
    if (p->tone.playing && pm_tone_render(&p->tone, p->tone_out, n, p->mix_rate_hz)) {
        pm_events_push(
            &p->events,
            (struct pm_event){.at_ns = now_ns, .kind = PM_EVENT_SOUND_DONE, .stream = PM_STREAMS_MAX, .value = PM_SOUND_TONE});
    }
    if (p->prompt.samples != NULL) {
        int16_t own[PM_RENDER_MAX];
        size_t own_n = n * p->prompt.rate_hz / p->mix_rate_hz;
        render_prompt(p, own, own_n, now_ns);
        pm_resample_exactly(&p->from_prompt, own, own_n, p->prompt_out, n);
    }
}

/* Which players sounded in this period: asked before rendering, since they may end within it. */
struct sounding {
    bool tone, prompt;
};

static void add_sounds(const struct pm_pump *p, struct sounding on, bool speaker, unsigned slot, int16_t *into, size_t n) {
    if (on.tone && (speaker ? p->tone_route.to_speaker : p->tone_route.to_streams >> slot & 1u)) {
        pm_mix_add(into, p->tone_out, n);
    }
    if (on.prompt && (speaker ? p->prompt_route.to_speaker : p->prompt_route.to_streams >> slot & 1u)) {
        pm_mix_add(into, p->prompt_out, n);
    }
}

static void take(struct pm_fifo *fifo, int16_t *out, size_t n) {
    size_t taken = fifo->fill < n ? fifo->fill : n;
    memcpy(out, fifo->samples, taken * sizeof *out);
    memset(out + taken, 0, (n - taken) * sizeof *out);
    fifo->fill -= taken;
    memmove(fifo->samples, fifo->samples + taken, fifo->fill * sizeof *fifo->samples);
}

static void give(struct pm_fifo *fifo, struct pm_resample *through, const int16_t *samples, size_t n) {
    size_t room = sizeof fifo->samples / sizeof *fifo->samples - fifo->fill;
    fifo->fill += pm_resample_run(through, samples, n, fifo->samples + fifo->fill, room);
}

static void render_stream(struct pm_pump *p, unsigned slot, size_t n, int64_t now_ns) {
    struct pm_stream *s = &p->streams[slot];
    if (s->rate_hz == p->mix_rate_hz) {
        pm_stream_render(s, p->rendered[slot], n, now_ns, &p->events);
        return;
    }
    int16_t own[PM_RENDER_MAX];
    size_t own_n = n * s->rate_hz / p->mix_rate_hz;
    pm_stream_render(s, own, own_n, now_ns, &p->events);
    pm_resample_exactly(&p->to_mix[slot], own, own_n, p->rendered[slot], n);
}

/* Louder in a louder street, a hundredth of a decibel or two at a time. */
static void fit_volume(struct pm_pump *p, size_t n) {
    if (p->config.louder_db == 0) {
        return;
    }
    float before = p->volume;
    p->volume = pm_gain_toward(before, pm_gain_for_noise(p->echo.residual.noise_power, (float)p->config.louder_db));
    pm_gain_ramp(p->played, n, before, p->volume);
}

static void play(struct pm_pump *p, struct sounding on, int16_t *speaker, size_t n, int64_t now_ns) {
    memset(p->heard, 0, n * sizeof *p->heard);
    memset(p->played, 0, n * sizeof *p->played);
    for (unsigned i = 0; i < PM_STREAMS_MAX; i++) {
        if (p->used[i]) {
            render_stream(p, i, n, now_ns);
            pm_mix_add(p->heard, p->rendered[i], n);
            if (!p->streams[i].hushed) {
                pm_mix_add(p->played, p->rendered[i], n);
            }
        }
    }
    add_sounds(p, on, true, 0, p->played, n);
    fit_volume(p, n);
    give(&p->speaker, &p->to_card, p->played, n);
    take(&p->speaker, speaker, p->config.period_samples);
}

static bool is_any_used(const struct pm_pump *p) {
    bool any = false;
    for (unsigned i = 0; i < PM_STREAMS_MAX; i++) {
        any = any || p->used[i];
    }
    return any;
}

static void speak(struct pm_pump *p, struct sounding on, const int16_t *microphone, size_t n, int64_t now_ns, int64_t wall_ns) {
    int16_t out[PM_RENDER_MAX];
    give(&p->microphone, &p->from_card, microphone, p->config.period_samples);
    take(&p->microphone, p->said, n);
    if (is_any_used(p)) {
        pm_echo_run(&p->echo, p->played, p->said, n);
    }
    for (unsigned i = 0; i < PM_STREAMS_MAX; i++) {
        struct pm_stream *s = &p->streams[i];
        if (!p->used[i]) {
            continue;
        }
        memcpy(out, p->said, n * sizeof *out);
        if (s->muted) {
            memset(out, 0, n * sizeof *out);
        }
        for (unsigned other = 0; p->conference && other < PM_STREAMS_MAX; other++) {
            if (other != i && p->used[other]) {
                pm_mix_add(out, p->rendered[other], n);
            }
        }
        add_sounds(p, on, false, i, out, n);
        send_audio(p, i, out, n, now_ns);
        send_reports(p, s, now_ns, wall_ns);
        pm_stream_tick(s, now_ns, &p->events);
    }
}

int pm_pump_period(struct pm_pump *p, int64_t now_ns, int64_t wall_ns, const int16_t *microphone, int16_t *speaker, int16_t *heard,
                   int16_t *said, size_t tap_capacity, struct pm_period_result *result) {
    if (!p->ready) {
        return PM_ESTATE;
    }
    /* Counted at the lowest rate, so that every other one has a whole number of samples as well. */
    uint64_t wanted = p->phase + (uint64_t)p->config.period_samples * PM_RATE_NARROW_HZ;
    size_t narrow = (size_t)(wanted / p->config.card_rate_hz);
    size_t n = narrow * p->mix_rate_hz / PM_RATE_NARROW_HZ, tap_n = narrow * p->config.tap_rate_hz / PM_RATE_NARROW_HZ;
    if ((heard != NULL || said != NULL) && (heard == NULL || said == NULL || tap_capacity < tap_n)) {
        return PM_EARG;
    }
    p->phase = wanted % p->config.card_rate_hz;
    struct sounding on = {.tone = p->tone.playing, .prompt = p->prompt.samples != NULL};
    pm_pump_receive(p, now_ns, wall_ns);
    render_sounds(p, n, now_ns);
    play(p, on, speaker, n, now_ns);
    speak(p, on, microphone, n, now_ns, wall_ns);
    if (heard != NULL) {
        pm_resample_exactly(&p->heard_to_tap, p->heard, n, heard, tap_n);
        pm_resample_exactly(&p->said_to_tap, p->said, n, said, tap_n);
    }
    *result = (struct pm_period_result){.events = p->events.count,
                                        .apart = p->apart.count,
                                        .tap_samples = heard != NULL ? (uint32_t)tap_n : 0,
                                        .mix_rate_hz = p->mix_rate_hz};
    return (int)(p->events.count + p->apart.count);
}
