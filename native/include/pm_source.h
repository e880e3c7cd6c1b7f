/* What one SSRC sends us: sequence validation (RFC 3550 appendix A.1), loss (A.3) and interarrival jitter (A.8). No clock. */
#ifndef PM_SOURCE_H
#define PM_SOURCE_H

#include "pm_types.h"

enum pm_source_result {
    PM_SOURCE_VALID = 1,
    PM_SOURCE_DOUBTFUL = 2, /* in probation, or a jump that the next packet must confirm: do not play it */
    PM_SOURCE_RESTARTED = 3 /* the sender began anew (two packets in a row after a jump): counting starts again */
};

struct pm_source {
    uint32_t ssrc;
    uint32_t clock_rate_hz;
    uint16_t max_sequence;
    uint16_t base_sequence;
    uint32_t bad_sequence; /* PM_SOURCE_NONE or the sequence that would confirm a restart */
    uint32_t cycles;       /* wraps, times 2^16 */
    unsigned probation;
    uint64_t received;
    uint64_t expected_prior;
    uint64_t received_prior;
    bool has_transit;
    uint32_t transit;
    double jitter; /* timestamp units */
};

/* Begins with the first packet's sequence. `probation` packets in sequence must follow before any is valid; 0: trusted at once. */
void pm_source_init(struct pm_source *source, uint32_t ssrc, uint16_t sequence, uint32_t clock_rate_hz, unsigned probation);

/* Judges a packet (the first one too). Duplicates and reordered packets are valid: the jitter buffer sorts them out. */
enum pm_source_result pm_source_update(struct pm_source *source, uint16_t sequence);

/* Interarrival jitter, for valid packets of audio. With another clock than before (the codec has changed) measuring begins anew. */
void pm_source_arrival(struct pm_source *source, uint32_t timestamp, uint32_t clock_rate_hz, int64_t arrival_ns);

uint32_t pm_source_highest(const struct pm_source *source);
uint64_t pm_source_expected(const struct pm_source *source);

/* Fraction lost of 256 since the last call of this function (A.3): once a report. */
uint8_t pm_source_fraction_lost(struct pm_source *source);

#endif
