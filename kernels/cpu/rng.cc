// SPDX-License-Identifier: Apache-2.0
// Uniform, normal and truncated normal numbers of ops with a state.
#include <algorithm>
#include <string>
#include <vector>

#include "kernels/cpu/random_source.h"
#include "kernels/cpu/rng.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

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

absl::StatusOr<Shape> JoinShapes(KernelContext& ctx, const Shape& outer, const Shape& inner) {
  std::vector<int64_t> dims;
  for (int i = 0; i < outer.rank(); ++i) dims.push_back(outer.dim(i));
  for (int i = 0; i < inner.rank(); ++i) dims.push_back(inner.dim(i));
  Shape shape;
  std::string why;
  if (!Shape::Make(dims, &shape, &why)) return ctx.InvalidArgument(why);
  return shape;
}

absl::Status CheckEndsWith(KernelContext& ctx, const Shape& shape, const Shape& end) {
  const auto all = shape.dims(), last = end.dims();
  if (last.size() <= all.size() && std::equal(last.rbegin(), last.rend(), all.rbegin()))
    return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("Shape passed in must end with broadcasted shape: ",
                                    shape.ToString(), " doesn't end with ", end.ToString()));
}

template <typename T>
absl::StatusOr<UniformInt<T>> UniformIntFromInputs(KernelContext& ctx, int first) {
  for (int i : {0, 1}) {
    const Array& bound = ctx.input(first + i);
    if (bound.rank() != 0)
      return ctx.InvalidArgument(StrCat(i == 0 ? "minval" : "maxval", " must be 0-D, got shape ",
                                        bound.shape().ToString()));
  }
  const T low = *ctx.input(first).data<T>(), high = *ctx.input(first + 1).data<T>();
  if (low >= high)
    return ctx.InvalidArgument(StrCat("Need minval < maxval, got ", low, " >= ", high));
  return UniformInt<T>(low, high);
}
template absl::StatusOr<UniformInt<int32_t>> UniformIntFromInputs(KernelContext&, int);
template absl::StatusOr<UniformInt<int64_t>> UniformIntFromInputs(KernelContext&, int);

namespace {

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

template <typename T>
class TruncatedNormalKernel final : public Kernel {
 public:
  explicit TruncatedNormalKernel(KernelConstruction& c) : state_(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromInput(ctx, 0));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    const int64_t n = shape.num_elements();
    const Philox base = state_.Reserve(static_cast<uint64_t>(n) * kReservedSamplesPerNumber);
    FillTruncatedNormal(ctx, base, y->mutable_data<T>(), n);
    return absl::OkStatus();
  }

 private:
  PhiloxState state_;
};

template <typename T>
class UniformIntKernel final : public Kernel {
 public:
  explicit UniformIntKernel(KernelConstruction& c) : state_(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromInput(ctx, 0));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    const int64_t n = shape.num_elements();
    if (n == 0) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(const UniformInt<T> distribution, UniformIntFromInputs<T>(ctx, 1));
    const Philox generator = state_.Reserve(static_cast<uint64_t>(n) * kReservedSamplesPerNumber);
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
  RegisterStatelessKernels(k);
  RegisterRejectionKernels(k);
  RegisterParameterizedTruncatedNormalKernels(k);
  RegisterBinomialKernels(k);
  RegisterDiscreteKernels(k);
}

}  // namespace weft
