#include "pm_series.h"
#include <math.h>

/* A longer stretch is a receiver that began anew: half an hour of 20 ms packets without a report. */
#define STRETCH_MAX 100000u
/* Fewer stretches scatter by chance as much as runs make them. */
#define REPORTS_MIN 6
#define LOSSES_MIN 10.0
/* G.107 table 3: what the model was made for. */
#define BURST_RATIO_MAX 8.0

void pm_series_add(struct pm_series *s, uint32_t highest, int32_t lost) {
    uint32_t packets = highest - s->highest;
    int64_t here = (int64_t)lost - s->lost;
    bool follows = s->began && packets > 0 && packets < STRETCH_MAX;
    s->began = true;
    s->highest = highest;
    s->lost = lost;
    if (!follows) {
        return;
    }
    /* Duplicates may make a count sink; a report may say what it likes. */
    double of = (double)packets, losses = here > 0 ? fmin((double)here, of) : 0.0;
    s->reports++;
    s->packets += of;
    s->losses += losses;
    s->packets_2 += of * of;
    s->losses_2 += losses * losses;
    s->both += of * losses;
}

double pm_series_burst_ratio(const struct pm_series *s) {
    if (s->reports < REPORTS_MIN || s->losses < LOSSES_MIN || s->losses >= s->packets) {
        return 1.0;
    }
    double share = s->losses / s->packets;
    double scatter = s->losses_2 - 2.0 * share * s->both + share * share * s->packets_2;
    double by_chance = share * (1.0 - share) * s->packets * (double)(s->reports - 1) / (double)s->reports;
    double ratio = (scatter / by_chance + 1.0) / 2.0;
    return ratio < 1.0 ? 1.0 : ratio > BURST_RATIO_MAX ? BURST_RATIO_MAX : ratio;
}
