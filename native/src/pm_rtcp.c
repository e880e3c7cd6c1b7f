#include "pm_rtcp.h"
#include "pm_bytes.h"
#include <string.h>

enum { SR = 200, RR = 201, SDES = 202, BYE = 203 };
enum { BLOCK_OCTETS = 24, SENDER_INFO_OCTETS = 20, SDES_CNAME = 1 };

static void keep_block(const uint8_t *p, uint32_t own_ssrc, struct pm_rtcp_compound *out) {
    unsigned at = out->block_count;
    if (at == PM_RTCP_BLOCKS_MAX) {
        if (pm_load32(p) != own_ssrc) {
            return;
        }
        at = PM_RTCP_BLOCKS_MAX - 1;
    } else {
        out->block_count++;
    }
    struct pm_rtcp_block *block = &out->blocks[at];
    uint32_t loss = pm_load32(p + 4);
    block->ssrc = pm_load32(p);
    block->fraction_lost = (uint8_t)(loss >> 24);
    int32_t lost = (int32_t)(loss & 0xffffffu);
    block->packets_lost = lost >= 0x800000 ? lost - 0x1000000 : lost;
    block->highest_sequence = pm_load32(p + 8);
    block->jitter = pm_load32(p + 12);
    block->last_sr = pm_load32(p + 16);
    block->delay_since_sr = pm_load32(p + 20);
}

/* Body of SR or RR behind the 4-octet header. What follows the blocks is a profile's extension: skipped. */
static int parse_report(const uint8_t *p, size_t octets, unsigned count, bool sender, uint32_t own, struct pm_rtcp_compound *out) {
    size_t fixed = sender ? 4 + SENDER_INFO_OCTETS : 4;
    if (octets < fixed || octets - fixed < (size_t)count * BLOCK_OCTETS) {
        return PM_EMALFORMED;
    }
    out->ssrc = pm_load32(p);
    if (sender) {
        out->has_sender_info = true;
        out->ntp = (uint64_t)pm_load32(p + 4) << 32 | pm_load32(p + 8);
        out->rtp_timestamp = pm_load32(p + 12);
        out->packets_sent = pm_load32(p + 16);
        out->octets_sent = pm_load32(p + 20);
    }
    for (unsigned i = 0; i < count; i++) {
        keep_block(p + fixed + (size_t)i * BLOCK_OCTETS, own, out);
    }
    return PM_OK;
}

/* Section 6.5: chunks of items, each list closed by a zero octet and padded to a word. Keeps the sender's CNAME. */
static int parse_sdes(const uint8_t *p, size_t octets, unsigned count, struct pm_rtcp_compound *out) {
    size_t at = 0;
    for (unsigned chunk = 0; chunk < count; chunk++) {
        if (octets - at < 4) {
            return PM_EMALFORMED;
        }
        bool sender = pm_load32(p + at) == out->ssrc;
        at += 4;
        while (at < octets && p[at] != 0) {
            if (octets - at < 2 || octets - at - 2 < p[at + 1]) {
                return PM_EMALFORMED;
            }
            if (p[at] == SDES_CNAME && sender) {
                out->cname_octets = p[at + 1];
                memcpy(out->cname, p + at + 2, p[at + 1]);
                out->cname[p[at + 1]] = '\0';
            }
            at += 2u + p[at + 1];
        }
        if (at >= octets) {
            return PM_EMALFORMED;
        }
        at += 4 - at % 4;
    }
    return PM_OK;
}

static int parse_bye(const uint8_t *p, size_t octets, unsigned count, struct pm_rtcp_compound *out) {
    if (octets < (size_t)count * 4) {
        return PM_EMALFORMED;
    }
    out->bye = true;
    for (unsigned i = 0; i < count && out->bye_count < PM_RTCP_BYES_MAX; i++) {
        out->bye_ssrc[out->bye_count++] = pm_load32(p + (size_t)i * 4);
    }
    return PM_OK;
}

int pm_rtcp_parse(const uint8_t *data, size_t octets, uint32_t own_ssrc, struct pm_rtcp_compound *out) {
    memset(out, 0, sizeof *out);
    for (size_t at = 0; at < octets;) {
        if (octets - at < 4 || data[at] >> 6 != 2) {
            return PM_EMALFORMED;
        }
        unsigned type = data[at + 1], count = data[at] & 0x1f;
        size_t body = (size_t)pm_load16(data + at + 2) * 4;
        bool last = octets - at - 4 == body;
        if (octets - at - 4 < body || (at == 0 && type != SR && type != RR)) {
            return PM_EMALFORMED; /* A.2: the lengths add up, and a compound packet begins with a report */
        }
        const uint8_t *p = data + at + 4;
        size_t content = body;
        if (data[at] & 0x20) {
            /* Section 6.4.1: padding only in the last packet of the compound, counted in whole words. */
            if (!last || body == 0 || p[body - 1] == 0 || p[body - 1] % 4 != 0 || p[body - 1] > body) {
                return PM_EMALFORMED;
            }
            content -= p[body - 1];
        }
        int status = type == SR || type == RR ? parse_report(p, content, count, type == SR, own_ssrc, out)
                     : type == SDES           ? parse_sdes(p, content, count, out)
                     : type == BYE            ? parse_bye(p, content, count, out)
                                              : PM_OK; /* section 6.1: unknown types are ignored */
        if (status != PM_OK) {
            return status;
        }
        at += 4 + body;
    }
    return octets == 0 ? PM_EMALFORMED : PM_OK;
}

static void put_header(uint8_t *p, unsigned count, unsigned type, size_t total_octets) {
    p[0] = (uint8_t)(0x80 | count);
    p[1] = (uint8_t)type;
    pm_store16(p + 2, (uint16_t)(total_octets / 4 - 1));
}

static void put_block(uint8_t *p, const struct pm_rtcp_block *block) {
    /* Section 6.4.1: the cumulative count clamps at the ends of 24 bits (appendix A.3). */
    int32_t lost = block->packets_lost > 0x7fffff ? 0x7fffff : block->packets_lost < -0x800000 ? -0x800000 : block->packets_lost;
    pm_store32(p, block->ssrc);
    pm_store32(p + 4, (uint32_t)block->fraction_lost << 24 | ((uint32_t)lost & 0xffffffu));
    pm_store32(p + 8, block->highest_sequence);
    pm_store32(p + 12, block->jitter);
    pm_store32(p + 16, block->last_sr);
    pm_store32(p + 20, block->delay_since_sr);
}

int pm_rtcp_build(const struct pm_rtcp_compound *c, uint8_t *out, size_t capacity) {
    if (c->block_count > PM_RTCP_BLOCKS_MAX) {
        return PM_EARG;
    }
    size_t report = 8 + (c->has_sender_info ? SENDER_INFO_OCTETS : 0u) + (size_t)c->block_count * BLOCK_OCTETS;
    size_t sdes = (4u + 4 + 2 + c->cname_octets + 1 + 3) / 4 * 4; /* header, SSRC, item, closing zero, padding */
    size_t bye = c->bye ? 8 : 0;
    if (report + sdes + bye > capacity) {
        return PM_EFULL;
    }
    memset(out, 0, report + sdes + bye);
    put_header(out, c->block_count, c->has_sender_info ? SR : RR, report);
    pm_store32(out + 4, c->ssrc);
    uint8_t *p = out + 8;
    if (c->has_sender_info) {
        pm_store32(p, (uint32_t)(c->ntp >> 32));
        pm_store32(p + 4, (uint32_t)c->ntp);
        pm_store32(p + 8, c->rtp_timestamp);
        pm_store32(p + 12, c->packets_sent);
        pm_store32(p + 16, c->octets_sent);
        p += SENDER_INFO_OCTETS;
    }
    for (unsigned i = 0; i < c->block_count; i++, p += BLOCK_OCTETS) {
        put_block(p, &c->blocks[i]);
    }
    put_header(p, 1, SDES, sdes);
    pm_store32(p + 4, c->ssrc);
    p[8] = SDES_CNAME;
    p[9] = c->cname_octets;
    memcpy(p + 10, c->cname, c->cname_octets);
    p += sdes;
    if (c->bye) {
        put_header(p, 1, BYE, bye);
        pm_store32(p + 4, c->ssrc);
    }
    return (int)(report + sdes + bye);
}

uint64_t pm_rtcp_ntp(int64_t wall_ns) {
    const uint64_t seconds_1900_to_1970 = 2208988800u;
    uint64_t ns = wall_ns > 0 ? (uint64_t)wall_ns : 0;
    return (ns / 1000000000u + seconds_1900_to_1970) << 32 | ((ns % 1000000000u) << 32) / 1000000000u;
}

bool pm_rtcp_round_trip(const struct pm_rtcp_block *block, uint64_t now_ntp, uint32_t *round_trip) {
    if (block->last_sr == 0) {
        return false; /* section 6.4.1: zero says that no SR has been received */
    }
    uint32_t since = pm_rtcp_ntp_middle(now_ntp) - block->last_sr;
    /* A delay longer than the whole span, or a span of minutes, is a lie or a clock step. */
    const uint32_t span_max = 300u << 16;
    if (since > span_max || block->delay_since_sr > since) {
        return false;
    }
    *round_trip = since - block->delay_since_sr;
    return true;
}

double pm_rtcp_interval_s(const struct pm_rtcp_timing *t, double fraction) {
    /* Section 6.3.1: senders share a quarter of the bandwidth while they are at most a quarter of the members. */
    double bandwidth = t->rtcp_octets_per_s;
    unsigned n = t->members;
    if (t->senders > 0 && t->senders * 4 <= t->members) {
        bandwidth *= t->we_sent ? 0.25 : 0.75;
        n = t->we_sent ? t->senders : t->members - t->senders;
    }
    double minimum = t->initial ? 2.5 : 5.0;
    double interval = bandwidth > 0.0 ? t->average_octets * n / bandwidth : minimum;
    if (interval < minimum) {
        interval = minimum;
    }
    /* Randomised to half up to one and a half times, then compensated for timer reconsideration by e - 3/2. */
    return interval * (fraction + 0.5) / 1.21828;
}
