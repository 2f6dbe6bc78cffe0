// SPDX-License-Identifier: Apache-2.0
// Uniform, normal and truncated normal numbers.
#include <array>
#include <cmath>
#include <string>
#include <type_traits>

#include "kernels/cpu/random_source.h"
#include "kernels/cpu/register.h"
#include "src/core/strings.h"

namespace weft {

absl::StatusOr<Shape> ShapeFromInput(KernelContext& ctx, int i) {
  const Array& sizes = ctx.input(i);
  if (sizes.rank() != 1)
    return ctx.InvalidArgument(
        StrCat("shape must be a vector of {int32,int64}, got shape ", sizes.shape().ToString()));
  std::vector<int64_t> dims;
  for (int64_t k = 0; k < sizes.num_elements(); ++k) dims.push_back(sizes.AsInt64(k));
  Shape shape;
  std::string why;
  if (!Shape::Make(dims, &shape, &why)) return ctx.InvalidArgument(why);
  return shape;
}

namespace {

template <typename T>
struct Uniform {
  static constexpr int64_t kGroup = std::is_same_v<T, double> ? 2 : 4;
  std::array<T, kGroup> operator()(const Philox::Sample& x) const {
    using namespace random;  // NOLINT: conversions of bits
    if constexpr (std::is_same_v<T, double>)
      return {ToDouble(x[0], x[1]), ToDouble(x[2], x[3])};
    else if constexpr (std::is_same_v<T, half>)
      return {ToHalf(x[0]), ToHalf(x[1]), ToHalf(x[2]), ToHalf(x[3])};
    else if constexpr (std::is_same_v<T, bfloat16>)
      return {ToBfloat16(x[0]), ToBfloat16(x[1]), ToBfloat16(x[2]), ToBfloat16(x[3])};
    else
      return {ToFloat(x[0]), ToFloat(x[1]), ToFloat(x[2]), ToFloat(x[3])};
  }
};

template <typename T>
struct Normal {
  static constexpr int64_t kGroup = std::is_same_v<T, double> ? 2 : 4;
  std::array<T, kGroup> operator()(const Philox::Sample& x) const {
    if constexpr (std::is_same_v<T, double>) {
      return random::BoxMuller(x[0], x[1], x[2], x[3]);
    } else {
      const std::array<float, 2> a = random::BoxMuller(x[0], x[1]),
                                 b = random::BoxMuller(x[2], x[3]);
      return {T(a[0]), T(a[1]), T(b[0]), T(b[1])};
    }
  }
};

template <typename T>
struct UniformInt {
  static constexpr int64_t kGroup = sizeof(T) == 8 ? 2 : 4;
  using Unsigned = std::make_unsigned_t<T>;
  Unsigned low, range;
  std::array<T, kGroup> operator()(const Philox::Sample& x) const {
    auto number = [this](Unsigned bits) { return static_cast<T>(low + bits % range); };
    if constexpr (kGroup == 2) {
      auto word = [&x](size_t i) { return uint64_t{x[i + 1]} << 32 | x[i]; };
      return {number(word(0)), number(word(2))};
    } else {
      return {number(x[0]), number(x[1]), number(x[2]), number(x[3])};
    }
  }
};

template <typename D, typename T>
class SourceKernel final : public Kernel {
 public:
  explicit SourceKernel(KernelConstruction& c) : state_(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromInput(ctx, 0));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    const int64_t n = shape.num_elements();
    const Philox generator = state_.Reserve(static_cast<uint64_t>(n) * kReservedSamplesPerNumber);
    FillFromSamples(ctx, generator, D(), y->mutable_data<T>(), n);
    return absl::OkStatus();
  }

 private:
  PhiloxState state_;
};

// Draws one 32-bit number after another.
class Words {
 public:
  explicit Words(const Philox& generator) : generator_(generator) {}
  uint32_t operator()() {
    if (used_ == 4) {
      sample_ = generator_();
      used_ = 0;
    }
    return sample_[used_++];
  }

 private:
  Philox generator_;
  Philox::Sample sample_{};
  size_t used_ = 4;
};

// How many numbers a group needs is not known before; so each group has its own stretch of the
// sequence.
template <typename T>
class TruncatedNormalKernel final : public Kernel {
 public:
  explicit TruncatedNormalKernel(KernelConstruction& c) : state_(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromInput(ctx, 0));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    const int64_t n = shape.num_elements();
    const Philox base = state_.Reserve(static_cast<uint64_t>(n) * kReservedSamplesPerNumber);
    constexpr int64_t kGroup = std::is_same_v<T, double> ? 2 : 4;
    constexpr uint64_t kSamplesOfGroup = kGroup * kReservedSamplesPerNumber / 4;
    T* out = y->mutable_data<T>();
    ctx.ParallelFor((n + kGroup - 1) / kGroup, 80, [&, out, n](int64_t begin, int64_t end) {
      for (int64_t g = begin; g < end; ++g) {
        Philox generator = base;
        generator.Skip(static_cast<uint64_t>(g) * kSamplesOfGroup);
        Words words(generator);
        FillGroup(words, out + g * kGroup, std::min(kGroup, n - g * kGroup));
      }
    });
    return absl::OkStatus();
  }

 private:
  static void FillGroup(Words& words, T* out, int64_t n) {
    for (int64_t i = 0; i < n;) {
      for (const auto x : Pair(words)) {
        if (std::abs(x) < 2 && i < n) out[i++] = T(x);
      }
    }
  }
  static auto Pair(Words& words) {
    const uint32_t x0 = words(), x1 = words();
    if constexpr (std::is_same_v<T, double>) {
      const uint32_t x2 = words(), x3 = words();
      return random::BoxMuller(x0, x1, x2, x3);
    } else {
      return random::BoxMuller(x0, x1);
    }
  }
  PhiloxState state_;
};

template <typename T>
class UniformIntKernel final : public Kernel {
 public:
  explicit UniformIntKernel(KernelConstruction& c) : state_(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromInput(ctx, 0));
    for (int i : {1, 2}) {
      if (ctx.input(i).rank() != 0)
        return ctx.InvalidArgument(StrCat(i == 1 ? "minval" : "maxval", " must be 0-D, got shape ",
                                          ctx.input(i).shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    const int64_t n = shape.num_elements();
    if (n == 0) return absl::OkStatus();
    const T low = *ctx.input(1).data<T>(), high = *ctx.input(2).data<T>();
    if (low >= high)
      return ctx.InvalidArgument(StrCat("Need minval < maxval, got ", low, " >= ", high));
    using Unsigned = std::make_unsigned_t<T>;
    const Philox generator = state_.Reserve(static_cast<uint64_t>(n) * kReservedSamplesPerNumber);
    const UniformInt<T> distribution{
        static_cast<Unsigned>(low),
        static_cast<Unsigned>(static_cast<Unsigned>(high) - static_cast<Unsigned>(low))};
    FillFromSamples(ctx, generator, distribution, y->mutable_data<T>(), n);
    return absl::OkStatus();
  }

 private:
  PhiloxState state_;
};

}  // namespace

void RegisterRngKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16>([&]<typename T>() {
    k.Add<SourceKernel<Uniform<T>, T>>("RandomUniform", kCpu, {{"dtype", dtype_of<T>}},
                                       {.host_arguments = {"shape"}});
    k.Add<SourceKernel<Normal<T>, T>>("RandomStandardNormal", kCpu, {{"dtype", dtype_of<T>}},
                                      {.host_arguments = {"shape"}});
    k.Add<TruncatedNormalKernel<T>>("TruncatedNormal", kCpu, {{"dtype", dtype_of<T>}},
                                    {.host_arguments = {"shape"}});
  });
  ForTypes<int32_t, int64_t>([&]<typename T>() {
    k.Add<UniformIntKernel<T>>("RandomUniformInt", kCpu, {{"Tout", dtype_of<T>}},
                               {.host_arguments = {"shape", "minval", "maxval"}});
  });
}

}  // namespace weft
