// The echo cancellers of webrtc-audio-processing 0.3 beside ours: `webrtc_peer RATE aec|aecm DELAY_MS`, frames of 10 ms, first the far side's
// samples and then the microphone's, from standard input; the result goes to standard output.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>
#include <webrtc/modules/audio_processing/include/audio_processing.h>

int main(int count, char **values) {
    if (count != 4) return 2;
    const int rate = std::atoi(values[1]), delay_ms = std::atoi(values[3]);
    webrtc::AudioProcessing *processing = webrtc::AudioProcessing::Create();
    if (std::strcmp(values[2], "aecm") == 0) {
        processing->echo_control_mobile()->Enable(true);
        processing->echo_control_mobile()->set_routing_mode(webrtc::EchoControlMobile::kSpeakerphone);
    } else {
        processing->echo_cancellation()->Enable(true);
        processing->echo_cancellation()->set_suppression_level(webrtc::EchoCancellation::kModerateSuppression);
    }
    processing->high_pass_filter()->Enable(true);
    processing->noise_suppression()->Enable(true);
    processing->noise_suppression()->set_level(webrtc::NoiseSuppression::kModerate);
    const size_t n = static_cast<size_t>(rate / 100);
    const webrtc::StreamConfig mono(rate, 1, false);
    std::vector<short> samples(2 * n);
    std::vector<float> far(n), near(n), out(n);
    while (std::fread(samples.data(), 2, 2 * n, stdin) == 2 * n) {
        for (size_t i = 0; i < n; i++) {
            far[i] = samples[i] / 32768.0f;
            near[i] = samples[n + i] / 32768.0f;
        }
        float *far_at = far.data(), *near_at = near.data(), *out_at = out.data();
        processing->ProcessReverseStream(&far_at, mono, mono, &far_at);
        processing->set_stream_delay_ms(delay_ms);
        processing->ProcessStream(&near_at, mono, mono, &out_at);
        for (size_t i = 0; i < n; i++) {
            const float value = out[i] * 32768.0f;
            samples[i] = static_cast<short>(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
        }
        std::fwrite(samples.data(), 2, n, stdout);
    }
    delete processing;
    return 0;
}
