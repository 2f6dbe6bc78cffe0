// SPDX-License-Identifier: Apache-2.0
// Random numbers that follow from the op's inputs alone.
#include <array>

#include "kernels/cpu/random_source.h"
#include "kernels/cpu/rng.h"
#include "src/core/strings.h"

namespace weft {
namespace {

// The numbers of TensorFlow's Algorithm.
constexpr int32_t kPhilox = 1, kAutoSelect = 3;

constexpr uint32_t Low(uint64_t x) { return static_cast<uint32_t>(x); }
constexpr uint32_t High(uint64_t x) { return static_cast<uint32_t>(x >> 32); }
constexpr uint64_t Join(uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; }

}  // namespace

absl::StatusOr<Philox> PhiloxFromSeeds(KernelContext& ctx, int i) {
  const Array& seeds = ctx.input(i);
  if (seeds.rank() != 1 || seeds.dim(0) != 2)
    return ctx.InvalidArgument(StrCat("seed must have shape [2], not ", seeds.shape().ToString()));
  const uint64_t seed0 = static_cast<uint64_t>(seeds.AsInt64(0)),
                 seed1 = static_cast<uint64_t>(seeds.AsInt64(1));
  const Philox::Sample mixed =
      Philox({0x3ec8f720u, 0x02461e29u}, {Low(seed0), High(seed0), Low(seed1), High(seed1)})();
  return Philox({mixed[0], mixed[1]}, {0, 0, mixed[2], mixed[3]});
}

absl::StatusOr<Philox> PhiloxFromKeyCounter(KernelContext& ctx, int i) {
  const Array &key = ctx.input(i), &counter = ctx.input(i + 1), &algorithm = ctx.input(i + 2);
  if (algorithm.rank() != 0)
    return ctx.InvalidArgument(StrCat("input ", i + 2, " (0-based) must have shape [], not ",
                                      algorithm.shape().ToString()));
  const int32_t id = algorithm.scalar<int32_t>();
  if (id != kPhilox && id != kAutoSelect)
    return ctx.InvalidArgument(StrCat("Unsupported algorithm id: ", id));
  if (key.rank() != 1 || key.dim(0) != 1)
    return ctx.InvalidArgument(StrCat("key must have shape [1], not ", key.shape().ToString(),
                                      ". (Note that batched keys are not supported yet.)"));
  if (counter.rank() != 1 || counter.dim(0) < 2)
    return ctx.InvalidArgument(StrCat(
        "counter must be a vector with length at least 2; got shape: ", counter.shape().ToString(),
        ". (Note that batched counters are not supported yet.)"));
  const uint64_t k = key.data<uint64_t>()[0], low = counter.data<uint64_t>()[0],
                 high = counter.data<uint64_t>()[1];
  return Philox({Low(k), High(k)}, {Low(low), High(low), Low(high), High(high)});
}

namespace {

using GeneratorFn = absl::StatusOr<Philox> (*)(KernelContext&, int);

// Input 0 is the shape, from input 1 on `generator` finds its generator; fill(generator, out, n)
// writes the numbers.
template <typename T, typename Fill>
absl::Status Fill0(KernelContext& ctx, GeneratorFn generator, const Fill& fill) {
  WEFT_ASSIGN_OR_RETURN(const Philox base, generator(ctx, 1));
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromInput(ctx, 0));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  if (shape.num_elements() == 0) return absl::OkStatus();
  return fill(base, y->mutable_data<T>(), shape.num_elements());
}

template <typename D, typename T, GeneratorFn kGenerator>
absl::Status FromSamples(KernelContext& ctx) {
  return Fill0<T>(ctx, kGenerator, [&](const Philox& base, T* out, int64_t n) {
    FillFromSamples(ctx, base, D(), out, n);
    return absl::OkStatus();
  });
}

template <typename T, GeneratorFn kGenerator>
absl::Status TruncatedNormal(KernelContext& ctx) {
  return Fill0<T>(ctx, kGenerator, [&](const Philox& base, T* out, int64_t n) {
    FillTruncatedNormal(ctx, base, out, n);
    return absl::OkStatus();
  });
}

template <typename T, GeneratorFn kGenerator, int kFirstBound>
absl::Status Integers(KernelContext& ctx) {
  return Fill0<T>(ctx, kGenerator, [&](const Philox& base, T* out, int64_t n) -> absl::Status {
    WEFT_ASSIGN_OR_RETURN(const UniformInt<T> numbers, UniformIntFromInputs<T>(ctx, kFirstBound));
    FillFromSamples(ctx, base, numbers, out, n);
    return absl::OkStatus();
  });
}

absl::Status SetAlgorithm(KernelContext& ctx, int output) {
  WEFT_ASSIGN_OR_RETURN(Array * algorithm, ctx.AllocateOutput(output, Shape()));
  *algorithm->mutable_data<int32_t>() = kPhilox;
  return absl::OkStatus();
}

absl::Status GetKeyCounter(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const Philox generator, PhiloxFromSeeds(ctx, 0));
  WEFT_ASSIGN_OR_RETURN(Array * key, ctx.AllocateOutput(0, Shape({1})));
  WEFT_ASSIGN_OR_RETURN(Array * counter, ctx.AllocateOutput(1, Shape({2})));
  const auto& k = generator.key();
  const auto& c = generator.counter();
  key->mutable_data<uint64_t>()[0] = Join(k[0], k[1]);
  counter->mutable_data<uint64_t>()[0] = Join(c[0], c[1]);
  counter->mutable_data<uint64_t>()[1] = Join(c[2], c[3]);
  return ctx.num_outputs() > 2 ? SetAlgorithm(ctx, 2) : absl::OkStatus();
}

template <GeneratorFn kGenerator, int kFirstBound>
void AddSources(KernelRegistry& k, const char* version, const KernelOptions& options,
                const KernelOptions& options_of_integers) {
  const auto add = [&](const char* op, DataType dtype, KernelFn fn) {
    k.Add(StrCat(op, version), kCpu, {{"dtype", dtype}}, fn, options);
  };
  ForTypes<float, double, half, bfloat16>([&]<typename T>() {
    add("StatelessRandomUniform", dtype_of<T>, FromSamples<Uniform<T>, T, kGenerator>);
    add("StatelessRandomNormal", dtype_of<T>, FromSamples<Normal<T>, T, kGenerator>);
    add("StatelessTruncatedNormal", dtype_of<T>, TruncatedNormal<T, kGenerator>);
  });
  ForTypes<int32_t, int64_t, uint32_t, uint64_t>([&]<typename T>() {
    add("StatelessRandomUniformFullInt", dtype_of<T>, FromSamples<FullInt<T>, T, kGenerator>);
  });
  ForTypes<int32_t, int64_t>([&]<typename T>() {
    k.Add(StrCat("StatelessRandomUniformInt", version), kCpu, {{"dtype", dtype_of<T>}},
          Integers<T, kGenerator, kFirstBound>, options_of_integers);
  });
}

}  // namespace

void RegisterStatelessKernels(KernelRegistry& k) {
  AddSources<PhiloxFromSeeds, 2>(k, "", {.host_arguments = {"shape", "seed"}},
                                 {.host_arguments = {"shape", "seed", "minval", "maxval"}});
  AddSources<PhiloxFromKeyCounter, 4>(
      k, "V2", {.host_arguments = {"shape", "key", "counter", "alg"}},
      {.host_arguments = {"shape", "key", "counter", "alg", "minval", "maxval"}});
  const KernelOptions host = {.host_arguments = {"seed", "key", "counter", "alg"}};
  k.Add("StatelessRandomGetKeyCounter", kCpu, {}, GetKeyCounter, host);
  k.Add("StatelessRandomGetKeyCounterAlg", kCpu, {}, GetKeyCounter, host);
  k.Add("StatelessRandomGetAlg", kCpu, {}, +[](KernelContext& ctx) { return SetAlgorithm(ctx, 0); },
        {.host_arguments = {"alg"}});
}

}  // namespace weft
