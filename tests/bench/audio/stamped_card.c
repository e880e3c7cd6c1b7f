/* A sound card for measuring, as an ALSA plug-in (ioplug): paced by CLOCK_MONOTONIC, silent at its microphone, and every sample that it
 * plays is written down with the instant at which it leaves the card.
 *
 * The log is a sequence of records, each of four int64: kind, run, value, frames. Kind 1 tells when a run of the card began
 * (value: CLOCK_MONOTONIC nanoseconds, frames 0); kind 2 is followed by `frames` 16-bit samples that begin at position `value` of the
 * run. A run ends at an underrun or a stop. */
#define _GNU_SOURCE /* timerfd with clock_gettime */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { RATE_HZ = 8000, RECORD_START = 1, RECORD_SAMPLES = 2 };

struct card {
    snd_pcm_ioplug_t io;
    FILE *log;
    int timer;
    bool running;
    int64_t run;
    int64_t start_ns;
    int64_t moved; /* frames written or read since prepare */
};

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t elapsed(const struct card *c) {
    return c->running ? (now_ns() - c->start_ns) * RATE_HZ / 1000000000 : 0;
}

static void record(struct card *c, int64_t kind, int64_t value, int64_t frames) {
    const int64_t head[4] = {kind, c->run, value, frames};
    if (c->log != NULL) {
        fwrite(head, sizeof head, 1, c->log);
    }
}

static int prepare(snd_pcm_ioplug_t *io) {
    struct card *c = io->private_data;
    c->running = false;
    c->moved = 0;
    c->run++;
    return 0;
}

static int start(snd_pcm_ioplug_t *io) {
    struct card *c = io->private_data;
    /* Twice a period, from now on: who waits for room or sound is woken soon after it is there. */
    int64_t half_ns = (int64_t)io->period_size * 1000000000 / RATE_HZ / 4;
    struct itimerspec every = {.it_interval.tv_nsec = half_ns, .it_value.tv_nsec = half_ns};
    timerfd_settime(c->timer, 0, &every, NULL);
    c->start_ns = now_ns();
    c->running = true;
    record(c, RECORD_START, c->start_ns, 0);
    return 0;
}

static int stop(snd_pcm_ioplug_t *io) {
    struct card *c = io->private_data;
    c->running = false;
    if (c->log != NULL) {
        fflush(c->log);
    }
    return 0;
}

static snd_pcm_sframes_t pointer(snd_pcm_ioplug_t *io) {
    struct card *c = io->private_data;
    int64_t gone = elapsed(c);
    bool failed = io->stream == SND_PCM_STREAM_PLAYBACK ? gone > c->moved : gone - c->moved > (int64_t)io->buffer_size;
    return failed ? -EPIPE : gone % (int64_t)io->buffer_size;
}

static snd_pcm_sframes_t transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas, snd_pcm_uframes_t offset,
                                  snd_pcm_uframes_t size) {
    struct card *c = io->private_data;
    int16_t *samples = (int16_t *)((char *)areas->addr + areas->first / 8) + offset;
    if (io->stream == SND_PCM_STREAM_PLAYBACK) {
        record(c, RECORD_SAMPLES, c->moved, (int64_t)size);
        if (c->log != NULL) {
            fwrite(samples, sizeof *samples, size, c->log);
        }
    } else {
        memset(samples, 0, size * sizeof *samples);
    }
    c->moved += (int64_t)size;
    return (snd_pcm_sframes_t)size;
}

static int poll_revents(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned count, unsigned short *events) {
    struct card *c = io->private_data;
    uint64_t expired;
    (void)fds;
    (void)count;
    if (read(c->timer, &expired, sizeof expired) < 0) {
        expired = 0; /* nothing has: the room is looked at all the same */
    }
    int64_t gone = elapsed(c);
    bool playback = io->stream == SND_PCM_STREAM_PLAYBACK;
    int64_t available = playback ? (int64_t)io->buffer_size - (c->moved - gone) : gone - c->moved;
    *events = available >= (int64_t)io->period_size ? (playback ? POLLOUT : POLLIN) : 0;
    return 0;
}

static int close_card(snd_pcm_ioplug_t *io) {
    struct card *c = io->private_data;
    if (c->log != NULL) {
        fclose(c->log);
    }
    close(c->timer);
    free(c);
    return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {.prepare = prepare,
                                                    .start = start,
                                                    .stop = stop,
                                                    .pointer = pointer,
                                                    .transfer = transfer,
                                                    .poll_revents = poll_revents,
                                                    .close = close_card};

static int constrain(snd_pcm_ioplug_t *io) {
    const unsigned access[] = {SND_PCM_ACCESS_RW_INTERLEAVED}, format[] = {SND_PCM_FORMAT_S16_LE};
    int status = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 1, access);
    status = status < 0 ? status : snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 1, format);
    status = status < 0 ? status : snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, 1, 1);
    status = status < 0 ? status : snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE, RATE_HZ, RATE_HZ);
    status = status < 0 ? status : snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 2 * 40, 2 * 960);
    return status < 0 ? status : snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, 16);
}

SND_PCM_PLUGIN_DEFINE_FUNC(stamped) {
    const char *path = NULL;
    snd_config_iterator_t i, next;
    (void)root;
    snd_config_for_each(i, next, conf) {
        snd_config_t *entry = snd_config_iterator_entry(i);
        const char *id;
        if (snd_config_get_id(entry, &id) == 0 && strcmp(id, "log") == 0) {
            snd_config_get_string(entry, &path);
        }
    }
    struct card *c = calloc(1, sizeof *c);
    if (c == NULL || path == NULL) {
        free(c);
        return -EINVAL;
    }
    c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    c->log = stream == SND_PCM_STREAM_PLAYBACK ? fopen(path, "ab") : NULL;
    c->io.version = SND_PCM_IOPLUG_VERSION;
    c->io.name = "card that stamps what it plays";
    c->io.callback = &callbacks;
    c->io.private_data = c;
    c->io.poll_fd = c->timer;
    c->io.poll_events = POLLIN;
    int status = snd_pcm_ioplug_create(&c->io, name, stream, mode);
    status = status < 0 ? status : constrain(&c->io);
    *pcmp = c->io.pcm;
    return status;
}

SND_PCM_PLUGIN_SYMBOL(stamped);
