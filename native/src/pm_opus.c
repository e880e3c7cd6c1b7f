/* Opus (RFC 6716) over RTP (RFC 7587), by libopus: mono, in and out at the core's rates. The library takes memory only from us. */
#include "pm_codec.h"
#include <opus/opus.h>

enum {
    /* Half of what the library can do: beyond it speech at these rates gains little, and a small board's core spends twice as much.
     */
    COMPLEXITY = 5,
    BITRATE = 24000, /* RFC 7587 section 3.1.1: 16 to 20 kbit/s are enough for wide-band speech, and redundancy wants its share */
    BITRATE_MIN = 6000,
    BITRATE_MAX = 64000,      /* nothing more is to be heard at 16 kHz */
    LOSS_EXPECTED_PERCENT = 5 /* before the peer reports: otherwise the first losses are not covered */
};

static size_t decoder_octets(void) {
    return (size_t)opus_decoder_get_size(1);
}

static int decoder_init(void *state, uint32_t rate_hz) {
    return opus_decoder_init(state, (opus_int32)rate_hz, 1) == OPUS_OK ? PM_OK : PM_EARG;
}

static size_t encoder_octets(void) {
    return (size_t)opus_encoder_get_size(1);
}

static int encoder_init(void *state, const struct pm_encoder_settings *s) {
    uint32_t bitrate = s->bitrate == 0            ? BITRATE
                       : s->bitrate < BITRATE_MIN ? BITRATE_MIN
                       : s->bitrate > BITRATE_MAX ? BITRATE_MAX
                                                  : s->bitrate;
    if (opus_encoder_init(state, PM_RATE_WIDE_HZ, 1, OPUS_APPLICATION_VOIP) != OPUS_OK) {
        return PM_EARG;
    }
    bool ok =
        opus_encoder_ctl(state, OPUS_SET_COMPLEXITY(COMPLEXITY)) == OPUS_OK &&
        opus_encoder_ctl(state, OPUS_SET_BITRATE((opus_int32)bitrate)) == OPUS_OK &&
        opus_encoder_ctl(state, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE)) == OPUS_OK &&
        opus_encoder_ctl(state, OPUS_SET_VBR(!s->constant_bitrate)) == OPUS_OK &&
        opus_encoder_ctl(state, OPUS_SET_DTX(s->dtx)) == OPUS_OK &&
        opus_encoder_ctl(state, OPUS_SET_INBAND_FEC(s->fec)) == OPUS_OK &&
        opus_encoder_ctl(state, OPUS_SET_PACKET_LOSS_PERC(LOSS_EXPECTED_PERCENT)) == OPUS_OK &&
        opus_encoder_ctl(state, OPUS_SET_MAX_BANDWIDTH(s->narrow ? OPUS_BANDWIDTH_NARROWBAND : OPUS_BANDWIDTH_WIDEBAND)) == OPUS_OK;
    return ok ? PM_OK : PM_EARG;
}

static int samples_in(const uint8_t *payload, size_t octets, uint32_t rate_hz) {
    int n = octets > 0 && octets <= INT16_MAX ? opus_packet_get_nb_samples(payload, (opus_int32)octets, (opus_int32)rate_hz) : 0;
    return n > 0 ? n : PM_EMALFORMED;
}

static int decode(void *state, const uint8_t *payload, size_t octets, int16_t *out, size_t capacity) {
    int n = opus_decode(state, payload, (opus_int32)octets, out,
                        (int)(capacity > PM_CODEC_PACKET_SAMPLES ? PM_CODEC_PACKET_SAMPLES : capacity), 0);
    return n > 0 ? n : PM_EMALFORMED;
}

static int encode(void *state, const int16_t *samples, size_t n, uint8_t *out, size_t capacity) {
    int length =
        opus_encode(state, samples, (int)n, out, (opus_int32)(capacity > PM_CODEC_OCTETS_MAX ? PM_CODEC_OCTETS_MAX : capacity));
    return length > 0 ? length : PM_EARG;
}

/* RFC 6716 section 4.2.3: the first frame begins with a bit of voice activity for each SILK frame of 20 ms in it, and one that says
 * whether the frames before are coded once more. Packets of CELT alone (section 3.1: configurations from 16 on) carry none. */
static bool has_redundancy(const uint8_t *payload, size_t octets) {
    const unsigned char *frames[48];
    opus_int16 lengths[48];
    if (octets < 1 || octets > INT16_MAX || payload[0] >> 3 >= 16 ||
        opus_packet_parse(payload, (opus_int32)octets, NULL, frames, lengths, NULL) < 1 || lengths[0] < 2) {
        return false;
    }
    int frame = opus_packet_get_samples_per_frame(payload, PM_RATE_WIDE_HZ);
    int silk_frames = frame <= PM_RATE_WIDE_HZ / 50 ? 1 : frame / (PM_RATE_WIDE_HZ / 50);
    return frames[0][0] & 0x80u >> silk_frames;
}

static int recover(void *state, const uint8_t *payload, size_t octets, int16_t *out, size_t n) {
    if (!has_redundancy(payload, octets)) {
        return PM_EMALFORMED;
    }
    return opus_decode(state, payload, (opus_int32)octets, out, (int)n, 1) == (int)n ? (int)n : PM_EMALFORMED;
}

static void expect_loss(void *state, unsigned percent) {
    unsigned expected = percent < LOSS_EXPECTED_PERCENT ? LOSS_EXPECTED_PERCENT : percent > 100 ? 100 : percent;
    (void)opus_encoder_ctl(state, OPUS_SET_PACKET_LOSS_PERC((opus_int32)expected));
}

const struct pm_codec_driver pm_opus_driver = {.rate_hz = PM_RATE_WIDE_HZ,
                                               .clock_rate_hz = 48000,
                                               .any_rate = true,
                                               .pause_octets = 2, /* RFC 7587 section 3.1.3, and what libopus writes */
                                               .decoder_octets = decoder_octets,
                                               .decoder_init = decoder_init,
                                               .encoder_octets = encoder_octets,
                                               .encoder_init = encoder_init,
                                               .samples = samples_in,
                                               .decode = decode,
                                               .encode = encode,
                                               .recover = recover,
                                               .expect_loss = expect_loss};
