// SPDX-License-Identifier: Apache-2.0
// Sums of many operands in one pass, clipping, the cross product, and the shapes of broadcasting.
#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/common/broadcast.h"
#include "kernels/cpu/math_binary.h"
#include "kernels/cpu/rows.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"
#include "weft/core/handle.h"

namespace weft {
namespace {

template <typename T>
auto Wide(const T& x) {
  if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>)
    return static_cast<float>(x);
  else if constexpr (std::is_integral_v<T>)
    return static_cast<std::conditional_t<sizeof(T) < 4, uint32_t, std::make_unsigned_t<T>>>(x);
  else
    return x;
}

// 16-bit floats as float, everything else as it is.
template <typename T>
auto Comparable(const T& x) {
  if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>)
    return static_cast<float>(x);
  else
    return x;
}

absl::Status CheckSameShapes(KernelContext& ctx) {
  for (int i = 1; i < ctx.num_inputs(); ++i) {
    if (ctx.input(i).shape() == ctx.input(0).shape()) continue;
    return ctx.InvalidArgument(
        StrCat("Inputs to operation ", ctx.node_name(), " of type ", ctx.op_type(),
               " must have the same size and shape.  Input 0: ", ctx.input(0).shape().ToString(),
               " != input ", i, ": ", ctx.input(i).shape().ToString()));
  }
  return absl::OkStatus();
}

// out += or = the sum of up to four operands over [begin, end): few passes over the output for any
// number of inputs.
template <typename T>
void AddUp(T* out, bool first, const std::vector<const T*>& in, int64_t begin, int64_t end) {
  constexpr int64_t kBlock =
      1024;  // the output's block stays in the first-level cache between passes
  for (int64_t b = begin; b < end; b += kBlock) {
    const int64_t e = std::min(end, b + kBlock);
    size_t k = 0;
    if (first && in.size() > 1) {
      const T *p = in[0], *q = in[1];
#pragma GCC ivdep
      for (int64_t i = b; i < e; ++i) out[i] = static_cast<T>(Wide(p[i]) + Wide(q[i]));
      k = 2;
    } else if (first) {
      std::copy(in[0] + b, in[0] + e, out + b);
      k = 1;
    }
    for (; k < in.size(); ++k) {
      const T* p = in[k];
#pragma GCC ivdep
      for (int64_t i = b; i < e; ++i) out[i] = static_cast<T>(Wide(out[i]) + Wide(p[i]));
    }
  }
}

template <typename T>
absl::Status AddMany(KernelContext& ctx) {
  if (ctx.num_inputs() == 1) {
    ctx.set_output(0, ctx.input(0));
    return absl::OkStatus();
  }
  WEFT_RETURN_IF_ERROR(CheckSameShapes(ctx));
  const Shape shape = ctx.input(0).shape();
  // Only the first input's buffer can be taken over: the order of additions is that of the inputs.
  WEFT_ASSIGN_OR_RETURN(Array * sum, ctx.ForwardOrAllocate({0}, 0, shape));
  T* out = sum->mutable_data<T>();
  if (shape.num_elements() == 1) {
    auto total = Wide(*ctx.input(0).data<T>());
    for (int i = 1; i < ctx.num_inputs(); ++i)
      total = Wide(static_cast<T>(total + Wide(*ctx.input(i).data<T>())));
    *out = static_cast<T>(total);
    return absl::OkStatus();
  }
  std::vector<const T*> in;
  for (int i = 0; i < ctx.num_inputs(); ++i) in.push_back(ctx.input(i).data<T>());
  const bool in_place = in[0] == out;
  if (in_place) in.erase(in.begin());
  ctx.ParallelFor(shape.num_elements(), 0.3 * ctx.num_inputs(),
                  [&](int64_t begin, int64_t end) { AddUp(out, !in_place, in, begin, end); });
  return absl::OkStatus();
}

RowUse AddManyRows(const KernelContext& ctx, int64_t) {
  return cpu::BroadcastRows(ctx, 0.05 * ctx.num_inputs());
}

template <typename T>
absl::Status Clip(KernelContext& ctx) {
  const Array &t = ctx.input(0), &low = ctx.input(1), &high = ctx.input(2);
  for (const Array* limit : {&low, &high}) {
    if (limit->num_elements() == 1 || limit->shape() == t.shape()) continue;
    return ctx.InvalidArgument(
        StrCat("clip_value_min and clip_value_max must be either of the same shape as input, or a "
               "scalar. input shape: ",
               t.shape().ToString(), " clip_value_min shape: ", low.shape().ToString(),
               " clip_value_max shape: ", high.shape().ToString()));
  }
  const int64_t low_step = low.num_elements() == 1 ? 0 : 1,
                high_step = high.num_elements() == 1 ? 0 : 1;
  const T *x = t.data<T>(), *l = low.data<T>(), *h = high.data<T>();
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, t.shape()));
  T* out = y->mutable_data<T>();
  ctx.ParallelFor(t.num_elements(), 0.7, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T a = l[i * low_step], b = h[i * high_step];
      const T upper = Comparable(x[i]) > Comparable(b) ? b : x[i];
      out[i] = Comparable(upper) < Comparable(a) ? a : upper;
    }
  });
  return absl::OkStatus();
}

template <typename T>
absl::Status Cross(KernelContext& ctx) {
  const Array &a = ctx.input(0), &b = ctx.input(1);
  if (!(a.shape() == b.shape()))
    return ctx.InvalidArgument(StrCat("Both inputs must be of same shape: ", a.shape().ToString(),
                                      " vs. ", b.shape().ToString()));
  if (a.rank() < 1) return ctx.InvalidArgument("Input must be at least 1D");
  if (a.dim(a.rank() - 1) != 3)
    return ctx.InvalidArgument(
        StrCat("Cross-products are only defined for 3-element vectors; the last dimension is ",
               a.dim(a.rank() - 1)));
  WEFT_ASSIGN_OR_RETURN(Array * c, ctx.AllocateOutput(0, a.shape()));
  const T *u = a.data<T>(), *v = b.data<T>();
  T* w = c->mutable_data<T>();
  for (int64_t i = 0; i < a.num_elements(); i += 3) {
    for (int k = 0; k < 3; ++k) {
      const int64_t p = i + (k + 1) % 3, q = i + (k + 2) % 3;
      w[i + k] = static_cast<T>(Wide(u[p]) * Wide(v[q]) - Wide(u[q]) * Wide(v[p]));
    }
  }
  return absl::OkStatus();
}

template <typename T>
class ApproximateEqual final : public Kernel {
 public:
  explicit ApproximateEqual(KernelConstruction& c) : tolerance_(c.Attr<float>("tolerance")) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &y = ctx.input(1);
    if (!(x.shape() == y.shape()))
      return ctx.InvalidArgument(StrCat("x and y must be of the same shape. x shape: ",
                                        x.shape().ToString(), ". y shape: ", y.shape().ToString()));
    WEFT_ASSIGN_OR_RETURN(Array * z, ctx.AllocateOutput(0, x.shape()));
    for (int64_t i = 0; i < x.num_elements(); ++i) {
      const T a = x.data<T>()[i], b = y.data<T>()[i];
      bool close = false;
      if constexpr (std::is_same_v<T, complex64> || std::is_same_v<T, complex128>) {
        close = std::abs(a - b) < static_cast<typename T::value_type>(tolerance_);
      } else if constexpr (std::is_integral_v<T>) {
        // The tolerance is compared in the integer type.
        const T d = a > b ? static_cast<T>(Wide(a) - Wide(b)) : static_cast<T>(Wide(b) - Wide(a));
        close = d < IntegerTolerance();
      } else {
        close = std::abs(Wide(a) - Wide(b)) < Wide(static_cast<T>(tolerance_));
      }
      z->mutable_data<bool>()[i] = close;
    }
    return absl::OkStatus();
  }

 private:
  // Towards zero, and within the type's range.
  T IntegerTolerance() const {
    using Limits = std::numeric_limits<T>;
    if (!(tolerance_ > static_cast<float>(Limits::lowest()))) return Limits::lowest();
    if (tolerance_ >= std::ldexp(1.f, Limits::digits)) return Limits::max();
    return static_cast<T>(tolerance_);
  }

  float tolerance_;
};

template <typename T>
absl::StatusOr<std::vector<int64_t>> Sizes(KernelContext& ctx, int i) {
  const Array& a = ctx.input(i);
  if (a.rank() != 1)
    return ctx.InvalidArgument(
        StrCat("In[", i, "] must be a vector. [", a.shape().ToString(), "]"));
  std::vector<int64_t> sizes(a.data<T>(), a.data<T>() + a.num_elements());
  for (int64_t s : sizes) {
    if (s < 0) return ctx.InvalidArgument(StrCat("a shape has the negative size ", s));
  }
  return sizes;
}

template <typename T>
absl::Status PutVector(KernelContext& ctx, int o, const std::vector<int64_t>& values) {
  WEFT_ASSIGN_OR_RETURN(Array * out,
                        ctx.AllocateOutput(o, Shape({static_cast<int64_t>(values.size())})));
  std::copy(values.begin(), values.end(), out->mutable_data<T>());
  return absl::OkStatus();
}

template <typename T>
absl::Status BroadcastArgs(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::vector<int64_t> a, Sizes<T>(ctx, 0));
  WEFT_ASSIGN_OR_RETURN(const std::vector<int64_t> b, Sizes<T>(ctx, 1));
  absl::StatusOr<std::vector<int64_t>> sizes = BroadcastSizes(a, b);
  if (!sizes.ok()) return ctx.InvalidArgument(std::string(sizes.status().message()));
  return PutVector<T>(ctx, 0, *sizes);
}

template <typename T>
absl::Status BroadcastGradientArgs(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::vector<int64_t> a, Sizes<T>(ctx, 0));
  WEFT_ASSIGN_OR_RETURN(const std::vector<int64_t> b, Sizes<T>(ctx, 1));
  absl::StatusOr<BroadcastAxes> axes = BroadcastReductionAxes(a, b);
  if (!axes.ok()) return ctx.InvalidArgument(std::string(axes.status().message()));
  WEFT_RETURN_IF_ERROR(PutVector<T>(ctx, 0, axes->a));
  return PutVector<T>(ctx, 1, axes->b);
}

}  // namespace

void RegisterManyOperandKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, complex64, complex128>([&]<typename T>() {
    k.Add("AddN", kCpu, {{"T", dtype_of<T>}}, AddMany<T>, {.rows = AddManyRows});
    k.Add("AccumulateNV2", kCpu, {{"T", dtype_of<T>}}, AddMany<T>);
    k.Add<ApproximateEqual<T>>("ApproximateEqual", kCpu, {{"T", dtype_of<T>}});
  });
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t>([&]<typename T>() {
    k.Add("Cross", kCpu, {{"T", dtype_of<T>}}, Cross<T>);
    k.Add("ClipByValue", kCpu, {{"T", dtype_of<T>}}, Clip<T>);
  });
  ForTypes<int32_t, int64_t>([&]<typename T>() {
    k.Add("BroadcastArgs", kCpu, {{"T", dtype_of<T>}}, BroadcastArgs<T>,
          {.host_arguments = {"s0", "s1", "r0"}});
    k.Add("BroadcastGradientArgs", kCpu, {{"T", dtype_of<T>}}, BroadcastGradientArgs<T>,
          {.host_arguments = {"s0", "s1", "r0", "r1"}});
  });
}

}  // namespace weft
