#include "pm_g711.h"
#include "pm_codec.h"

/* Linear values of table 2 (mu-law) and table 1 (A-law), scaled to 16 bits. */
// clang-format off
static const int16_t mu_law[256] = {
    -32124, -31100, -30076, -29052, -28028, -27004, -25980, -24956, -23932, -22908, -21884, -20860, -19836, -18812, -17788, -16764,
    -15996, -15484, -14972, -14460, -13948, -13436, -12924, -12412, -11900, -11388, -10876, -10364, -9852, -9340, -8828, -8316,
    -7932, -7676, -7420, -7164, -6908, -6652, -6396, -6140, -5884, -5628, -5372, -5116, -4860, -4604, -4348, -4092,
    -3900, -3772, -3644, -3516, -3388, -3260, -3132, -3004, -2876, -2748, -2620, -2492, -2364, -2236, -2108, -1980,
    -1884, -1820, -1756, -1692, -1628, -1564, -1500, -1436, -1372, -1308, -1244, -1180, -1116, -1052, -988, -924,
    -876, -844, -812, -780, -748, -716, -684, -652, -620, -588, -556, -524, -492, -460, -428, -396,
    -372, -356, -340, -324, -308, -292, -276, -260, -244, -228, -212, -196, -180, -164, -148, -132,
    -120, -112, -104, -96, -88, -80, -72, -64, -56, -48, -40, -32, -24, -16, -8, 0,
    32124, 31100, 30076, 29052, 28028, 27004, 25980, 24956, 23932, 22908, 21884, 20860, 19836, 18812, 17788, 16764,
    15996, 15484, 14972, 14460, 13948, 13436, 12924, 12412, 11900, 11388, 10876, 10364, 9852, 9340, 8828, 8316,
    7932, 7676, 7420, 7164, 6908, 6652, 6396, 6140, 5884, 5628, 5372, 5116, 4860, 4604, 4348, 4092,
    3900, 3772, 3644, 3516, 3388, 3260, 3132, 3004, 2876, 2748, 2620, 2492, 2364, 2236, 2108, 1980,
    1884, 1820, 1756, 1692, 1628, 1564, 1500, 1436, 1372, 1308, 1244, 1180, 1116, 1052, 988, 924,
    876, 844, 812, 780, 748, 716, 684, 652, 620, 588, 556, 524, 492, 460, 428, 396,
    372, 356, 340, 324, 308, 292, 276, 260, 244, 228, 212, 196, 180, 164, 148, 132,
    120, 112, 104, 96, 88, 80, 72, 64, 56, 48, 40, 32, 24, 16, 8, 0,
};

static const int16_t a_law[256] = {
    -5504, -5248, -6016, -5760, -4480, -4224, -4992, -4736, -7552, -7296, -8064, -7808, -6528, -6272, -7040, -6784,
    -2752, -2624, -3008, -2880, -2240, -2112, -2496, -2368, -3776, -3648, -4032, -3904, -3264, -3136, -3520, -3392,
    -22016, -20992, -24064, -23040, -17920, -16896, -19968, -18944, -30208, -29184, -32256, -31232, -26112, -25088, -28160, -27136,
    -11008, -10496, -12032, -11520, -8960, -8448, -9984, -9472, -15104, -14592, -16128, -15616, -13056, -12544, -14080, -13568,
    -344, -328, -376, -360, -280, -264, -312, -296, -472, -456, -504, -488, -408, -392, -440, -424,
    -88, -72, -120, -104, -24, -8, -56, -40, -216, -200, -248, -232, -152, -136, -184, -168,
    -1376, -1312, -1504, -1440, -1120, -1056, -1248, -1184, -1888, -1824, -2016, -1952, -1632, -1568, -1760, -1696,
    -688, -656, -752, -720, -560, -528, -624, -592, -944, -912, -1008, -976, -816, -784, -880, -848,
    5504, 5248, 6016, 5760, 4480, 4224, 4992, 4736, 7552, 7296, 8064, 7808, 6528, 6272, 7040, 6784,
    2752, 2624, 3008, 2880, 2240, 2112, 2496, 2368, 3776, 3648, 4032, 3904, 3264, 3136, 3520, 3392,
    22016, 20992, 24064, 23040, 17920, 16896, 19968, 18944, 30208, 29184, 32256, 31232, 26112, 25088, 28160, 27136,
    11008, 10496, 12032, 11520, 8960, 8448, 9984, 9472, 15104, 14592, 16128, 15616, 13056, 12544, 14080, 13568,
    344, 328, 376, 360, 280, 264, 312, 296, 472, 456, 504, 488, 408, 392, 440, 424,
    88, 72, 120, 104, 24, 8, 56, 40, 216, 200, 248, 232, 152, 136, 184, 168,
    1376, 1312, 1504, 1440, 1120, 1056, 1248, 1184, 1888, 1824, 2016, 1952, 1632, 1568, 1760, 1696,
    688, 656, 752, 720, 560, 528, 624, 592, 944, 912, 1008, 976, 816, 784, 880, 848,
};
// clang-format on

/* Position of the highest bit of 1 to 255: the segment of both laws. */
static unsigned highest_bit(unsigned v) {
    static const uint8_t of_nibble[16] = {0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3};
    return v >= 16 ? 4u + of_nibble[v >> 4] : of_nibble[v];
}

static uint8_t to_mu_law(int16_t sample) {
    const int bias = 132, clip = 32635; /* 33 and 8159 in the standard's 14 bits */
    int magnitude = sample < 0 ? -sample : sample;
    magnitude = (magnitude > clip ? clip : magnitude) + bias;
    unsigned segment = highest_bit((unsigned)magnitude >> 7);
    unsigned code = segment << 4 | (((unsigned)magnitude >> (segment + 3)) & 0x0fu);
    return (uint8_t)(~(code | (sample < 0 ? 0x80u : 0u)) & 0xffu);
}

static uint8_t to_a_law(int16_t sample) {
    /* One's complement for negative values, so that both signs use the same intervals. */
    unsigned magnitude = (unsigned)(sample < 0 ? -1 - sample : sample) >> 4;
    unsigned code = magnitude;
    if (magnitude > 15) {
        unsigned segment = highest_bit(magnitude >> 4) + 1;
        code = segment << 4 | ((magnitude >> (segment - 1)) & 0x0fu);
    }
    return (uint8_t)((code | (sample < 0 ? 0u : 0x80u)) ^ 0x55u);
}

int pm_g711_decode(uint8_t codec, const uint8_t *octets, size_t count, int16_t *samples, size_t capacity) {
    if (codec > PM_CODEC_PCMA || count > capacity || count > INT32_MAX) {
        return PM_EARG;
    }
    const int16_t *law = codec == PM_CODEC_PCMA ? a_law : mu_law;
    for (size_t i = 0; i < count; i++) {
        samples[i] = law[octets[i]];
    }
    return (int)count;
}

int pm_g711_encode(uint8_t codec, const int16_t *samples, size_t count, uint8_t *octets, size_t capacity) {
    if (codec > PM_CODEC_PCMA || count > capacity || count > INT32_MAX) {
        return PM_EARG;
    }
    for (size_t i = 0; i < count; i++) {
        octets[i] = codec == PM_CODEC_PCMA ? to_a_law(samples[i]) : to_mu_law(samples[i]);
    }
    return (int)count;
}

/* One octet a sample (RFC 3551 section 4.5.14). */
static int samples_in(const uint8_t *payload, size_t octets, uint32_t rate_hz) {
    (void)payload;
    (void)rate_hz;
    return octets <= PM_CODEC_PACKET_SAMPLES ? (int)octets : PM_EMALFORMED;
}

static int mu_decode(void *state, const uint8_t *payload, size_t octets, int16_t *out, size_t capacity) {
    (void)state;
    return pm_g711_decode(PM_CODEC_PCMU, payload, octets, out, capacity);
}

static int mu_encode(void *state, const int16_t *samples, size_t n, uint8_t *out, size_t capacity) {
    (void)state;
    return pm_g711_encode(PM_CODEC_PCMU, samples, n, out, capacity);
}

static int a_decode(void *state, const uint8_t *payload, size_t octets, int16_t *out, size_t capacity) {
    (void)state;
    return pm_g711_decode(PM_CODEC_PCMA, payload, octets, out, capacity);
}

static int a_encode(void *state, const int16_t *samples, size_t n, uint8_t *out, size_t capacity) {
    (void)state;
    return pm_g711_encode(PM_CODEC_PCMA, samples, n, out, capacity);
}

const struct pm_codec_driver pm_g711_mu_driver = {.rate_hz = PM_RATE_NARROW_HZ,
                                                  .clock_rate_hz = PM_RATE_NARROW_HZ,
                                                  .samples = samples_in,
                                                  .decode = mu_decode,
                                                  .encode = mu_encode};

const struct pm_codec_driver pm_g711_a_driver = {.rate_hz = PM_RATE_NARROW_HZ,
                                                 .clock_rate_hz = PM_RATE_NARROW_HZ,
                                                 .samples = samples_in,
                                                 .decode = a_decode,
                                                 .encode = a_encode};
