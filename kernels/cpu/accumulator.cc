// SPDX-License-Identifier: Apache-2.0
// Gradient accumulators: kernels/common/accumulator.h behind ops. Those of dense accumulators come
// in two forms, by reference and by resource handle; those of sparse ones by reference.
#include "kernels/common/accumulator.h"

#include <utility>

#include "kernels/common/dtype_names.h"
#include "kernels/cpu/named_resource.h"
#include "src/core/strings.h"
#include "weft/runtime/device.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// Accumulators of both kinds share one name space, as in TensorFlow.
constexpr char kResourceType[] = "ConditionalAccumulatorBase";

// The op that makes an accumulator, in its first run, and hands it out. One that is there already
// under its name is taken as it is: TensorFlow doesn't compare them either.
template <bool kSparse, bool kByReference>
class AccumulatorHandle final : public Kernel {
 public:
  explicit AccumulatorHandle(KernelConstruction& c) : resource_(c, kResourceType, kByReference) {
    spec_.sparse = kSparse;
    spec_.dtype = c.Attr<DataType>("dtype");
    spec_.shape = c.Attr<PartialShape>("shape");
    const std::string reduction = c.AttrOr<std::string>("reduction_type", "MEAN");
    spec_.reduction = reduction == "SUM" ? GradientReduction::kSum : GradientReduction::kMean;
  }

  absl::Status Compute(KernelContext& ctx) override {
    resource_.slot().GetOrCreate(
        [this] { return std::make_shared<Accumulator>(spec_, resource_.name()); });
    resource_.HandOut(ctx);
    return absl::OkStatus();
  }

 private:
  const NamedResource resource_;
  AccumulatorSpec spec_;
};

absl::StatusOr<std::shared_ptr<Accumulator>> AccumulatorOf(KernelContext& ctx) {
  return NamedResourceOf<Accumulator>(ctx, kResourceType);
}

// Input 1, a scalar; `argument` is what TensorFlow calls it.
template <typename T>
absl::StatusOr<int64_t> ScalarOf(const KernelContext& ctx, const char* argument) {
  const Array& value = ctx.input(1);
  if (value.rank() == 0) return static_cast<int64_t>(*value.data<T>());
  return ctx.InvalidArgument(StrCat("Argument ", argument, " must be scalar, but had bad shape ",
                                    value.shape().ToString()));
}

// The dtypes on both sides of a node, as TensorFlow writes them: "resource, int32->float".
struct Signature {
  std::vector<DataType> inputs, outputs;

  static Signature Of(const KernelConstruction& c) {
    Signature s;
    for (int i = 0; i < c.num_inputs(); ++i) s.inputs.push_back(c.input_dtype(i));
    for (int o = 0; o < c.num_outputs(); ++o) s.outputs.push_back(c.output_dtype(o));
    return s;
  }
  std::string ToString() const { return StrCat(DTypeOpNames(inputs), "->", DTypeOpNames(outputs)); }
  absl::Status CheckSameAs(const Signature& expected) const {
    if (inputs == expected.inputs && outputs == expected.outputs) return absl::OkStatus();
    return absl::InvalidArgumentError(
        StrCat("Signature mismatch, have: ", ToString(), " expected: ", expected.ToString()));
  }
};

// Never waits, but says that it may: so a run knows that it may end the waiting of a TakeGradient
// beside it, and starts both.
template <bool kSparse>
class ApplyGradient final : public AsyncKernel {
 public:
  explicit ApplyGradient(KernelConstruction& c)
      : signature_(Signature::Of(c)),
        has_known_shape_(kSparse && c.AttrOr<bool>("has_known_shape", false)) {}

  void ComputeAsync(KernelContext& ctx, Done done) override { done(Apply(ctx)); }

 private:
  static constexpr int kValues = kSparse ? 3 : 2;  // the input

  absl::Status Apply(KernelContext& ctx) const {
    WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<Accumulator> accumulator, AccumulatorOf(ctx));
    WEFT_RETURN_IF_ERROR(WithNodeName(ctx, Check(accumulator->spec())));
    WEFT_ASSIGN_OR_RETURN(const int64_t local_step, ScalarOf<int64_t>(ctx, "local_step"));
    AccumulatorGradient gradient;
    gradient.values = ctx.input(kValues);
    if (kSparse) gradient.indices = ctx.input(2);
    if (has_known_shape_) gradient.shape = ctx.input(4);
    return WithNodeName(ctx, accumulator->Apply(local_step, gradient, ctx.device().allocator()));
  }

  absl::Status Check(const AccumulatorSpec& spec) const {
    Signature expected = signature_;
    expected.inputs[kValues] = spec.dtype;
    WEFT_RETURN_IF_ERROR(signature_.CheckSameAs(expected));
    if (spec.sparse == kSparse) return absl::OkStatus();
    // The words and codes that TensorFlow fails with, and what they mean.
    return kSparse ? absl::InvalidArgumentError(
                         "Unknown input name: gradient (the gradient is sparse, the accumulator is "
                         "a ConditionalAccumulator)")
                   : absl::NotFoundError(
                         "No attr named 'has_known_shape' in NodeDef: (the gradient is dense, the "
                         "accumulator is a SparseConditionalAccumulator)");
  }

  const Signature signature_;
  const bool has_known_shape_;
};

class TakeGradient final : public AsyncKernel {
 public:
  explicit TakeGradient(KernelConstruction& c) : signature_(Signature::Of(c)) {}

  void ComputeAsync(KernelContext& ctx, Done done) override {
    absl::StatusOr<std::shared_ptr<Accumulator>> accumulator = AccumulatorOf(ctx);
    if (!accumulator.ok()) return done(accumulator.status());
    if (absl::Status s = Check((*accumulator)->spec()); !s.ok()) return done(WithNodeName(ctx, s));
    const absl::StatusOr<int64_t> n = ScalarOf<int32_t>(ctx, "num_required");
    if (!n.ok()) return done(n.status());
    // The accumulator lives until the op is done, even if its container is cleared meanwhile.
    (*accumulator)
        ->Take(*n, ctx.device().allocator(), ctx.cancellation(),
               [&ctx, accumulator = *accumulator,
                done = std::move(done)](absl::StatusOr<std::vector<Array>> taken) {
                 if (!taken.ok()) return done(WithNodeName(ctx, taken.status()));
                 for (size_t i = 0; i < taken->size(); ++i)
                   ctx.set_output(static_cast<int>(i), std::move((*taken)[i]));
                 done(absl::OkStatus());
               });
  }

 private:
  absl::Status Check(const AccumulatorSpec& spec) const {
    Signature expected = signature_;
    expected.outputs = {spec.dtype};
    if (spec.sparse) expected.outputs = {kInt64, spec.dtype, kInt64};
    return signature_.CheckSameAs(expected);
  }

  const Signature signature_;
};

absl::Status NumAccumulated(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<Accumulator> accumulator, AccumulatorOf(ctx));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  *out->mutable_data<int32_t>() = static_cast<int32_t>(accumulator->num_accumulated());
  return absl::OkStatus();
}

absl::Status SetGlobalStep(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<Accumulator> accumulator, AccumulatorOf(ctx));
  // TensorFlow calls the new step so.
  WEFT_ASSIGN_OR_RETURN(const int64_t step, ScalarOf<int64_t>(ctx, "num_required"));
  accumulator->SetGlobalStep(step);
  return absl::OkStatus();
}

}  // namespace

void RegisterAccumulatorKernels(KernelRegistry& kernels) {
  ForTypes<half, float, double>([&]<typename T>() {
    const KernelConstraints of_type = {{"dtype", dtype_of<T>}};
    kernels.Add<AccumulatorHandle<false, true>>("ConditionalAccumulator", kCpu, of_type);
    kernels.Add<AccumulatorHandle<false, false>>("ResourceConditionalAccumulator", kCpu, of_type);
    kernels.Add<AccumulatorHandle<true, true>>("SparseConditionalAccumulator", kCpu, of_type);
  });
  for (const char* prefix : {"", "Resource"}) {
    kernels.Add<ApplyGradient<false>>(StrCat(prefix, "AccumulatorApplyGradient"), kCpu, {});
    kernels.Add<TakeGradient>(StrCat(prefix, "AccumulatorTakeGradient"), kCpu, {});
    kernels.Add(StrCat(prefix, "AccumulatorNumAccumulated"), kCpu, {}, NumAccumulated);
    kernels.Add(StrCat(prefix, "AccumulatorSetGlobalStep"), kCpu, {}, SetGlobalStep);
  }
  kernels.Add<ApplyGradient<true>>("SparseAccumulatorApplyGradient", kCpu, {});
  kernels.Add<TakeGradient>("SparseAccumulatorTakeGradient", kCpu, {});
}

}  // namespace weft
