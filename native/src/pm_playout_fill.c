#include "pm_playout.h"
#include <string.h>

static int16_t *pending_end(struct pm_playout *p) {
    return p->pcm + PM_PLAYOUT_HISTORY + p->pending;
}

static void add_concealment(struct pm_playout *p, size_t n) {
    pm_conceal_extend(&p->conceal, pending_end(p), pending_end(p), n);
    p->pending += n;
}

static void count_concealed(struct pm_playout *p, size_t n) {
    p->concealed += p->excused ? 0 : n;
}

static void lose(struct pm_playout *p, size_t n) {
    add_concealment(p, n);
    count_concealed(p, n);
}

static void add_silence(struct pm_playout *p, size_t n) {
    memset(pending_end(p), 0, n * sizeof(int16_t));
    p->conceal.active = false;
    p->pending += n;
}

static void add_noise(struct pm_playout *p, size_t n) {
    pm_noise_render(&p->noise, pending_end(p), n);
    p->conceal.active = false;
    p->pending += n;
}

/* Decides what stands for the sound that is not there. `rests`: the sender has said that it pauses. */
static void begin_gap(struct pm_playout *p, bool rests) {
    size_t past = PM_CONCEAL_HISTORY_MS * p->per_ms;
    const int16_t *end = pending_end(p);
    bool quiet = pm_level_is_background(&p->level, end - past, past);
    if (quiet || rests) {
        pm_noise_listen(&p->noise, end, (unsigned)past);
    }
    p->gap = quiet || rests ? PM_GAP_NOISE : PM_GAP_VOICE;
}

static void fill_gap(struct pm_playout *p, size_t n, bool rests) {
    if (p->gap == PM_GAP_NONE) {
        begin_gap(p, rests);
    }
    if (p->gap == PM_GAP_VOICE && pm_conceal_is_over(&p->conceal)) {
        p->gap = PM_GAP_NOISE; /* as in the pause before */
    }
    (p->gap == PM_GAP_NOISE ? add_noise : add_concealment)(p, n);
}

/* Nothing is here: a packet that is late, or a sender that pauses and does not say so. */
static void wait(struct pm_playout *p, size_t n) {
    bool rests = p->talkspurt.resting;
    fill_gap(p, n, rests);
    if (!rests && !p->excused) {
        p->concealed += n;
        p->doubtful += n;
    }
}

/* Decodes a frame behind what is pending. False when its payload type is no longer agreed, or means something else by now. */
static bool decode(struct pm_playout *p, const struct pm_jitter_frame *f) {
    int16_t *at = pending_end(p);
    int count =
        pm_decoders_decode(&p->decoders, f->payload_type, f->payload, f->payload_octets, at, PM_PLAYOUT_PENDING - p->pending);
    if (count < 0 || (uint32_t)count != f->skip + f->duration) {
        return false;
    }
    if (f->skip > 0) {
        memmove(at, at + f->skip, f->duration * sizeof *at);
    }
    pm_level_follow(&p->level, at, f->duration);
    p->heard = true;
    p->due = true;
    p->gap = PM_GAP_NONE;
    p->recovered += f->redundant ? f->duration : 0;
    return true;
}

static void add_packet(struct pm_playout *p, const struct pm_jitter_frame *f) {
    if (!decode(p, f)) {
        lose(p, f->duration);
        return;
    }
    pm_conceal_merge(&p->conceal, pending_end(p), f->duration);
    p->pending += f->duration;
}

/* Fills a hole, or as much of its end, from what the packet behind it tells of it (Opus in-band redundancy). */
static bool recover(struct pm_playout *p, size_t hole, const struct pm_jitter_frame *f) {
    int16_t before[PM_CODEC_PACKET_SAMPLES];
    int count = f->skip > 0 ? PM_EARG
                            : pm_decoders_recover(&p->decoders, f->payload_type, f->payload, f->payload_octets, before,
                                                  PM_CODEC_PACKET_SAMPLES);
    if (count <= 0) {
        return false;
    }
    size_t told = hole < (size_t)count ? hole : (size_t)count;
    if (hole > told) {
        lose(p, hole - told);
    }
    int16_t *at = pending_end(p);
    memcpy(at, before + (size_t)count - told, told * sizeof *at);
    pm_conceal_merge(&p->conceal, at, told);
    p->pending += told;
    p->recovered += told;
    return true;
}

/* A hole of which `first` samples are passed already. When it is short and the packet behind it is here, both are taken at once and
 * the hole is bridged; else it is continued blindly, bit by bit, in the hope that the next packet comes meanwhile. */
static void fill_hole(struct pm_playout *p, uint32_t first) {
    struct pm_jitter_frame f;
    uint32_t rest = pm_jitter_hole(&p->jitter), hole = first + rest;
    if (hole > PM_PLAYOUT_BRIDGE_MS * p->per_ms) {
        lose(p, first);
        return;
    }
    if (rest > 0) {
        (void)pm_jitter_get_upto(&p->jitter, rest, &f);
    }
    if (!pm_jitter_ready(&p->jitter) || pm_jitter_get_upto(&p->jitter, 1, &f) != PM_GET_FRAME) {
        lose(p, hole);
        return;
    }
    if (recover(p, hole, &f)) {
        add_packet(p, &f);
        return;
    }
    int16_t *end = pending_end(p);
    p->pending += hole;
    if (decode(p, &f)) {
        pm_conceal_bridge(&p->conceal, end, end, hole, pending_end(p), f.duration);
        p->pending += f.duration;
        count_concealed(p, hole);
    } else {
        p->pending -= hole;
        lose(p, hole + f.duration);
    }
}

void pm_playout_fill(struct pm_playout *p, size_t wanted) {
    struct pm_jitter_frame f;
    uint32_t frame = p->jitter.config.frame;
    switch (pm_jitter_get_upto(&p->jitter, wanted < frame ? (uint32_t)wanted : frame, &f)) {
    case PM_GET_FRAME:
        add_packet(p, &f);
        return;
    case PM_GET_MISSING:
        fill_hole(p, f.duration);
        return;
    case PM_GET_REST:
        fill_gap(p, f.duration, true);
        return;
    case PM_GET_HOLD:
        wait(p, f.duration);
        return;
    default:
        if (p->gap == PM_GAP_NOISE || p->talkspurt.resting) {
            fill_gap(p, f.duration, true);
        } else {
            add_silence(p, f.duration);
        }
    }
}
