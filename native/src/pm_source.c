#include "pm_source.h"
#include "pm_seq.h"
#include <string.h>

/* The constants of appendix A.1. */
enum { MAX_DROPOUT = 3000, MAX_MISORDER = 100, NO_BAD_SEQUENCE = 0x10000 };

static void restart(struct pm_source *source, uint16_t sequence) {
    source->base_sequence = sequence;
    source->max_sequence = sequence;
    source->bad_sequence = NO_BAD_SEQUENCE;
    source->cycles = 0;
    source->received = 0;
    source->expected_prior = 0;
    source->received_prior = 0;
    source->has_transit = false;
}

void pm_source_init(struct pm_source *source, uint32_t ssrc, uint16_t sequence, uint32_t clock_rate_hz, unsigned probation) {
    memset(source, 0, sizeof *source);
    restart(source, sequence);
    source->ssrc = ssrc;
    source->clock_rate_hz = clock_rate_hz;
    source->probation = probation;
    source->max_sequence = (uint16_t)(sequence - 1);
    source->cycles = sequence == 0 ? 0u - 0x10000u : 0; /* the first packet is no wrap */
}

enum pm_source_result pm_source_update(struct pm_source *source, uint16_t sequence) {
    uint16_t delta = pm_seq_distance(sequence, source->max_sequence);
    if (source->probation > 0) {
        /* A source is valid once enough packets came in sequence. */
        source->probation = delta == 1 ? source->probation - 1 : 1;
        source->max_sequence = sequence;
        if (source->probation > 0) {
            return PM_SOURCE_DOUBTFUL;
        }
        restart(source, sequence);
        source->received = 1;
        return PM_SOURCE_VALID;
    }
    if (delta < MAX_DROPOUT) {
        /* In order, with a permissible gap. */
        if (sequence < source->max_sequence) {
            source->cycles += 0x10000u;
        }
        source->max_sequence = sequence;
    } else if (delta <= 0x10000 - MAX_MISORDER) {
        /* A very large jump: two sequential packets say that the other side restarted without telling us. */
        if (sequence != source->bad_sequence) {
            source->bad_sequence = (sequence + 1u) & 0xffffu;
            return PM_SOURCE_DOUBTFUL;
        }
        restart(source, sequence);
        source->received = 1;
        return PM_SOURCE_RESTARTED;
    } /* else: duplicate or reordered */
    source->received++;
    return PM_SOURCE_VALID;
}

void pm_source_arrival(struct pm_source *source, uint32_t timestamp, uint32_t clock_rate_hz, int64_t arrival_ns) {
    if (clock_rate_hz != source->clock_rate_hz) {
        source->jitter *= (double)clock_rate_hz / source->clock_rate_hz;
        source->clock_rate_hz = clock_rate_hz;
        source->has_transit = false;
    }
    /* Only differences count, so the arrival may be reduced modulo 2^32 units; the split keeps the product inside 64 bits. */
    int64_t rate = source->clock_rate_hz;
    int64_t units = arrival_ns / 1000000000 * rate + arrival_ns % 1000000000 * rate / 1000000000;
    uint32_t transit = (uint32_t)units - timestamp;
    if (source->has_transit) {
        int32_t d = pm_ts_diff(transit, source->transit);
        double size = d < 0 ? -(double)d : (double)d;
        source->jitter += (size - source->jitter) / 16.0;
    }
    source->has_transit = true;
    source->transit = transit;
}

uint32_t pm_source_highest(const struct pm_source *source) {
    return source->cycles + source->max_sequence;
}

uint64_t pm_source_expected(const struct pm_source *source) {
    return source->received == 0 ? 0 : (uint64_t)pm_source_highest(source) - source->base_sequence + 1;
}

uint8_t pm_source_fraction_lost(struct pm_source *source) {
    uint64_t expected = pm_source_expected(source);
    uint64_t expected_interval = expected - source->expected_prior;
    uint64_t received_interval = source->received - source->received_prior;
    source->expected_prior = expected;
    source->received_prior = source->received;
    if (expected_interval == 0 || received_interval >= expected_interval) {
        return 0;
    }
    uint64_t fraction = ((expected_interval - received_interval) << 8) / expected_interval;
    return fraction > 255 ? 255 : (uint8_t)fraction;
}
