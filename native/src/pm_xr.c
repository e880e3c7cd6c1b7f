#include "pm_xr.h"
#include "pm_bytes.h"
#include <string.h>

enum { XR = 207, VOIP_METRICS = 7, BLOCK_OCTETS = 36, HEADER_OCTETS = 4 };
/* As in pm_source.c: a larger jump is a restart. */
enum { DROPOUT_MAX = 3000 };
/* G.107 table 3: what the model was made for. */
#define BURST_RATIO_MAX 8.0

void pm_burst_init(struct pm_burst *b) {
    memset(b, 0, sizeof *b);
    b->quiet = PM_XR_GMIN; /* section 4.7.2: before the first packet all is taken to be well */
}

static void close_burst(struct pm_burst *b) {
    /* A single loss with enough around it belongs to the gap. */
    if (b->open_losses > 1) {
        b->bursts++;
        b->burst_packets += b->open_packets;
        b->burst_losses += b->open_losses;
    }
    b->open_packets = b->open_losses = 0;
}

/* The fate of the oldest packet is sealed. */
static void seal(struct pm_burst *b) {
    bool here = b->here & 1, late = b->late & 1;
    b->here >>= 1;
    b->late >>= 1;
    b->next++;
    b->span--;
    b->packets++;
    b->lost += !here;
    b->discarded += here && late;
    if (here && !late) {
        b->quiet += b->quiet < PM_XR_GMIN;
        if (b->quiet == PM_XR_GMIN) {
            close_burst(b);
        }
        return;
    }
    b->runs += b->quiet > 0;
    b->open_packets += 1 + (b->open_losses > 0 ? b->quiet : 0);
    b->open_losses++;
    b->quiet = 0;
}

void pm_burst_packet(struct pm_burst *b, uint16_t sequence, bool late) {
    if (!b->began) {
        b->began = true;
        b->next = sequence;
        b->span = 0;
    }
    uint16_t ahead = (uint16_t)(sequence - b->next);
    if (ahead >= 0x8000) {
        return; /* its fate was sealed */
    }
    if (ahead >= DROPOUT_MAX) {
        pm_burst_restart(b);
        pm_burst_packet(b, sequence, late);
        return;
    }
    while (ahead >= PM_BURST_WINDOW) {
        b->span += b->span == 0; /* a hole wider than the window */
        seal(b);
        ahead--;
    }
    b->span = ahead + 1u > b->span ? ahead + 1u : b->span;
    if (!(b->here >> ahead & 1)) {
        b->here |= UINT64_C(1) << ahead;
        b->late |= (uint64_t)late << ahead;
    }
}

static void seal_all(struct pm_burst *b) {
    while (b->span > 0) {
        seal(b);
    }
}

void pm_burst_restart(struct pm_burst *b) {
    seal_all(b);
    b->began = false;
}

static uint8_t fraction(uint64_t part, uint64_t whole) {
    uint64_t value = whole > 0 ? part * 256 / whole : 0;
    return value > 255 ? 255 : (uint8_t)value;
}

static uint16_t mean_ms(uint64_t packets, uint64_t periods, unsigned packet_ms) {
    uint64_t value = periods > 0 ? packets * packet_ms / periods : 0;
    return value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

void pm_burst_metrics(const struct pm_burst *b, unsigned packet_ms, struct pm_voip_metrics *m) {
    struct pm_burst end = *b;
    seal_all(&end);
    close_burst(&end); /* section 4.7.2: after the report all is taken to be well */
    uint64_t unplayed = end.lost + end.discarded, gap_packets = end.packets - end.burst_packets;
    memset(m, 0, sizeof *m);
    m->gmin = PM_XR_GMIN;
    m->loss_rate = fraction(end.lost, end.packets);
    m->discard_rate = fraction(end.discarded, end.packets);
    m->burst_density = fraction(end.burst_losses, end.burst_packets);
    m->gap_density = fraction(unplayed - end.burst_losses, gap_packets);
    m->burst_ms = mean_ms(end.burst_packets, end.bursts, packet_ms);
    m->gap_ms = mean_ms(gap_packets, end.bursts + 1, packet_ms);
}

double pm_burst_ratio(const struct pm_burst *b) {
    struct pm_burst end = *b;
    seal_all(&end);
    if (end.runs == 0) {
        return 1.0;
    }
    /* Lost with a probability p each by itself, a run is 1 / (1 - p) long. */
    double unplayed = (double)(end.lost + end.discarded), played = 1.0 - unplayed / (double)end.packets;
    double ratio = unplayed / (double)end.runs * played;
    return ratio < 1.0 ? 1.0 : ratio > BURST_RATIO_MAX ? BURST_RATIO_MAX : ratio;
}

int pm_xr_build(uint32_t ssrc, const struct pm_voip_metrics *m, uint8_t *out, size_t capacity) {
    if (capacity < PM_XR_OCTETS) {
        return PM_EFULL;
    }
    memset(out, 0, PM_XR_OCTETS);
    out[0] = 0x80;
    out[1] = XR;
    pm_store16(out + 2, PM_XR_OCTETS / 4 - 1);
    pm_store32(out + 4, ssrc);
    uint8_t *p = out + 8;
    p[0] = VOIP_METRICS;
    pm_store16(p + 2, BLOCK_OCTETS / 4 - 1);
    pm_store32(p + 4, m->ssrc);
    memcpy(p + 8, (const uint8_t[]){m->loss_rate, m->discard_rate, m->burst_density, m->gap_density}, 4);
    pm_store16(p + 12, m->burst_ms);
    pm_store16(p + 14, m->gap_ms);
    pm_store16(p + 16, m->round_trip_ms);
    pm_store16(p + 18, m->end_system_ms);
    memcpy(p + 20, (const uint8_t[]){m->signal_dbm, m->noise_dbm, m->echo_return_loss_db, m->gmin}, 4);
    memcpy(p + 24, (const uint8_t[]){m->r_factor, m->r_factor_external, m->mos_listening, m->mos_conversation}, 4);
    p[28] = m->receiver;
    pm_store16(p + 30, m->buffer_nominal_ms);
    pm_store16(p + 32, m->buffer_max_ms);
    pm_store16(p + 34, m->buffer_limit_ms);
    return PM_XR_OCTETS;
}

static void read_block(const uint8_t *p, struct pm_voip_metrics *m) {
    *m = (struct pm_voip_metrics){.ssrc = pm_load32(p + 4),
                                  .loss_rate = p[8],
                                  .discard_rate = p[9],
                                  .burst_density = p[10],
                                  .gap_density = p[11],
                                  .burst_ms = pm_load16(p + 12),
                                  .gap_ms = pm_load16(p + 14),
                                  .round_trip_ms = pm_load16(p + 16),
                                  .end_system_ms = pm_load16(p + 18),
                                  .signal_dbm = p[20],
                                  .noise_dbm = p[21],
                                  .echo_return_loss_db = p[22],
                                  .gmin = p[23],
                                  .r_factor = p[24],
                                  .r_factor_external = p[25],
                                  .mos_listening = p[26],
                                  .mos_conversation = p[27],
                                  .receiver = p[28],
                                  .buffer_nominal_ms = pm_load16(p + 30),
                                  .buffer_max_ms = pm_load16(p + 32),
                                  .buffer_limit_ms = pm_load16(p + 34)};
}

/* The blocks of one XR packet, behind the SSRC of its sender. A block that is cut short ends the look (section 3). */
static bool find_in(const uint8_t *p, size_t octets, uint32_t source, struct pm_voip_metrics *m) {
    bool found = false;
    while (octets >= HEADER_OCTETS) {
        size_t block = HEADER_OCTETS + (size_t)pm_load16(p + 2) * 4;
        if (block > octets) {
            break;
        }
        if (p[0] == VOIP_METRICS && block == BLOCK_OCTETS && pm_load32(p + 4) == source) {
            read_block(p, m);
            found = true;
        }
        p += block;
        octets -= block;
    }
    return found;
}

bool pm_xr_find(const uint8_t *compound, size_t octets, uint32_t source, struct pm_voip_metrics *m) {
    bool found = false;
    for (size_t at = 0; octets - at >= 8;) {
        size_t packet = HEADER_OCTETS + (size_t)pm_load16(compound + at + 2) * 4;
        if (packet > octets - at) {
            break;
        }
        if (compound[at + 1] == XR && packet >= 8) {
            found |= find_in(compound + at + 8, packet - 8, source, m);
        }
        at += packet;
    }
    return found;
}
