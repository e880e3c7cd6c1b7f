#include "pm_level.h"

enum { BLOCK_MS = 5 };

/* About -60 dB below full scale: nothing that anyone hears. */
#define SILENT_POWER 1000.0F
/* A pause lies within 6 dB of the background, and 20 dB below the voice. */
#define ABOVE_FLOOR 4.0F
#define BELOW_LOUD 0.01F
/* The floor is the least of many blocks: the mean of a street's noise lies up to 10 dB above it. */
#define MEAN_ABOVE_FLOOR 10.0F
/* Per block: the loudest sinks by 2 dB/s, the floor rises by 3 dB/s, so that a sentence without a pause does not lift it much. */
#define LOUD_FALLS 0.9977F
#define FLOOR_RISES 1.0035F

static float power_of(const int16_t *x, size_t n) {
    int64_t sum = 0; /* whole numbers may be added in any order, four at a time */
    for (size_t i = 0; i < n; i++) {
        sum += (int32_t)x[i] * x[i];
    }
    return (float)sum / (float)n;
}

void pm_level_init(struct pm_level *level, unsigned per_ms) {
    *level = (struct pm_level){.per_ms = per_ms};
}

void pm_level_follow(struct pm_level *level, const int16_t *x, size_t n) {
    size_t block = BLOCK_MS * level->per_ms;
    for (size_t at = 0; at + block <= n; at += block) {
        float power = power_of(x + at, block) + 1.0F;
        if (!level->begun) {
            level->begun = true;
            level->loud = level->floor = power;
        }
        level->loud = power > level->loud ? power : level->loud * LOUD_FALLS;
        level->floor = power < level->floor ? power : level->floor * FLOOR_RISES;
    }
}

/* Mean square up to which nobody speaks, `above` times the floor. */
static float limit_of(const struct pm_level *level, float above) {
    float quiet = level->floor * above, soft = level->loud * BELOW_LOUD;
    float limit = quiet < soft ? quiet : soft;
    return limit > SILENT_POWER ? limit : SILENT_POWER;
}

bool pm_level_is_pause(const struct pm_level *level, const int16_t *x, size_t n) {
    float limit = limit_of(level, ABOVE_FLOOR);
    size_t block = BLOCK_MS * level->per_ms;
    for (size_t at = 0; at < n; at += block) {
        if (power_of(x + at, n - at < block ? n - at : block) > limit) {
            return false;
        }
    }
    return true;
}

bool pm_level_is_background(const struct pm_level *level, const int16_t *x, size_t n) {
    return power_of(x, n) <= limit_of(level, MEAN_ABOVE_FLOOR);
}
