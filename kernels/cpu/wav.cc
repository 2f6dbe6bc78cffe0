// SPDX-License-Identifier: Apache-2.0
// DecodeWav, EncodeWav: RIFF files of 16-bit samples.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "kernels/cpu/parsing.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

constexpr float kScale = 32768;  // a sample of 1.0
constexpr size_t kFormatBytes = 16;

template <typename T>
T Read(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
template <typename T>
void Write(T value, std::string* bytes) {
  bytes->append(reinterpret_cast<const char*>(&value), sizeof value);
}

struct Wav {
  std::string_view samples;  // 16 bits each, channel by channel
  int64_t channels = 0;
  int32_t rate = 0;
};

absl::Status Bad(const std::string& why) { return absl::InvalidArgumentError(why); }

absl::Status ReadFormat(std::string_view chunk, Wav* wav) {
  if (chunk.size() < kFormatBytes)
    return Bad(StrCat("Bad format chunk size for WAV: Expected 16 or 18, but got", chunk.size()));
  const auto format = Read<uint16_t>(chunk, 0);
  if (format != 1)
    return Bad(StrCat("Bad audio format for WAV: Expected 1 (PCM), but got", format));
  wav->channels = Read<uint16_t>(chunk, 2);
  const auto rate = Read<uint32_t>(chunk, 4);
  const auto bytes_per_sample = Read<uint16_t>(chunk, 12), bits = Read<uint16_t>(chunk, 14);
  if (bits != 16) return Bad(StrCat("Can only read 16-bit WAV files, but received ", bits));
  if (wav->channels < 1 || bytes_per_sample != wav->channels * 2) {
    return Bad(StrCat("Bad bytes per sample in WAV header: Expected ", wav->channels * 2,
                      " but got ", bytes_per_sample));
  }
  if (rate > static_cast<uint32_t>(std::numeric_limits<int32_t>::max()))
    return Bad(StrCat("Bad sample rate in WAV header: ", rate));
  wav->rate = static_cast<int32_t>(rate);
  return absl::OkStatus();
}

absl::Status ReadWav(std::string_view bytes, Wav* wav) {
  if (bytes.size() < 12 || bytes.substr(0, 4) != "RIFF")
    return Bad("Header mismatch: Expected RIFF but found another beginning");
  if (bytes.substr(8, 4) != "WAVE") return Bad("Header mismatch: Expected WAVE in the RIFF header");
  bytes.remove_prefix(12);
  while (bytes.size() >= 8) {
    const std::string_view id = bytes.substr(0, 4);
    const auto size = Read<uint32_t>(bytes, 4);
    bytes.remove_prefix(8);
    if (size > bytes.size())
      return Bad(StrCat("Data too short when trying to read ", size, " bytes of a WAV chunk"));
    const std::string_view chunk = bytes.substr(0, size);
    if (id == "fmt ") WEFT_RETURN_IF_ERROR(ReadFormat(chunk, wav));
    if (id == "data") {
      if (wav->channels == 0) return Bad("WAV has data before its format");
      wav->samples = chunk;
      return absl::OkStatus();
    }
    bytes.remove_prefix(size);
    if (size % 2 == 1 && !bytes.empty()) bytes.remove_prefix(1);  // chunks begin at even places
  }
  return Bad("WAV has no data chunk");
}

class DecodeWav final : public Kernel {
 public:
  explicit DecodeWav(KernelConstruction& c)
      : channels_(c.Attr<int64_t>("desired_channels")),
        samples_(c.Attr<int64_t>("desired_samples")) {}

  absl::Status Compute(KernelContext& ctx) override {
    if (ctx.input(0).rank() != 0) {
      return ctx.InvalidArgument(
          StrCat("contents must be scalar, got shape ", ctx.input(0).shape().ToString()));
    }
    Wav wav;
    const std::string& contents = *ctx.input(0).data<std::string>();
    if (absl::Status s = ReadWav(contents, &wav); !s.ok())
      return ctx.InvalidArgument(StrCat(s.message()));
    const auto frames = static_cast<int64_t>(wav.samples.size()) / (2 * wav.channels);
    const int64_t channels = channels_ < 0 ? wav.channels : channels_,
                  samples = samples_ < 0 ? frames : samples_;
    Shape shape;
    std::string error;
    const int64_t sizes[] = {samples, channels};
    if (!Shape::Make(sizes, &shape, &error)) return ctx.InvalidArgument(error);
    WEFT_ASSIGN_OR_RETURN(Array * audio, ctx.AllocateOutput(0, shape));
    float* to = audio->mutable_data<float>();
    for (int64_t i = 0; i < samples; ++i) {
      for (int64_t c = 0; c < channels; ++c) {
        const bool there = i < frames && c < wav.channels;
        const auto at = static_cast<size_t>(2 * (i * wav.channels + c));
        *to++ = there ? Read<int16_t>(wav.samples, at) / kScale : 0.0f;
      }
    }
    WEFT_ASSIGN_OR_RETURN(Array * rate, ctx.AllocateOutput(1, Shape()));
    *rate->mutable_data<int32_t>() = wav.rate;
    return absl::OkStatus();
  }

 private:
  const int64_t channels_, samples_;
};

absl::Status EncodeWav(KernelContext& ctx) {
  const Array &audio = ctx.input(0), &rate = ctx.input(1);
  if (audio.rank() != 2) {
    return ctx.InvalidArgument(
        StrCat("audio must be 2-dimensional but got shape ", audio.shape().ToString()));
  }
  if (rate.rank() != 0) {
    return ctx.InvalidArgument(
        StrCat("sample_rate should be a scalar, got shape ", rate.shape().ToString()));
  }
  const int64_t channels = audio.dim(1);
  if (channels < 1 || channels > std::numeric_limits<uint16_t>::max() / 2)
    return ctx.InvalidArgument(StrCat("Bad number of channels: ", channels));
  const int64_t bytes = audio.num_elements() * 2;
  if (bytes > std::numeric_limits<uint32_t>::max() - 36)
    return ctx.InvalidArgument("Provided channels and frames are too large to be encoded as WAV.");
  const auto sample_rate = *rate.data<int32_t>();
  if (sample_rate <= 0 || sample_rate > std::numeric_limits<int32_t>::max() / (channels * 2))
    return ctx.InvalidArgument(StrCat("sample_rate must be positive and sensible: ", sample_rate));
  std::string wav = "RIFF";
  Write(static_cast<uint32_t>(36 + bytes), &wav);
  wav += "WAVEfmt ";
  Write(static_cast<uint32_t>(kFormatBytes), &wav);
  Write(uint16_t{1}, &wav);
  Write(static_cast<uint16_t>(channels), &wav);
  Write(static_cast<uint32_t>(sample_rate), &wav);
  Write(static_cast<uint32_t>(sample_rate * channels * 2), &wav);
  Write(static_cast<uint16_t>(channels * 2), &wav);
  Write(uint16_t{16}, &wav);
  wav += "data";
  Write(static_cast<uint32_t>(bytes), &wav);
  for (const float value : audio.values<float>()) {
    const float scaled = std::isnan(value) ? 0.0f : std::round(value * kScale);
    Write(static_cast<int16_t>(std::clamp(scaled, -kScale, kScale - 1)), &wav);
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  *out->mutable_data<std::string>() = std::move(wav);
  return absl::OkStatus();
}

}  // namespace

void RegisterWavKernels(KernelRegistry& kernels) {
  kernels.Add<DecodeWav>("DecodeWav", kCpu, {});
  kernels.Add("EncodeWav", kCpu, {}, EncodeWav);
}

}  // namespace weft
