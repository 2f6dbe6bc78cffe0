// SPDX-License-Identifier: Apache-2.0
// Kernels that make values: Fill, Range, LinSpace, Empty, OneHot, BroadcastTo,
// DeepCopy.
#include <cstdint>
#include <string>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/element_class.h"
#include "kernels/cpu/strided_copy.h"
#include "src/core/range_size.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// A scalar, or as old graphs have it a vector of one element.
bool IsLegacyScalar(const Array& a) { return a.rank() == 0 || (a.rank() == 1 && a.dim(0) == 1); }

absl::Status CheckVector(KernelContext& ctx, const Array& a, const char* name) {
  if (a.rank() == 1 || a.rank() == 0) return absl::OkStatus();
  return ctx.InvalidArgument(
      StrCat(name, " must represent a vector, got shape ", a.shape().ToString()));
}

absl::Status Fill(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckVector(ctx, ctx.input(0), "dims"));
  const Array& value = ctx.input(1);
  if (!IsLegacyScalar(value)) {
    return ctx.InvalidArgument(
        StrCat("value must represent a scalar, got shape ", value.shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, ReadInts(ctx.input(0))));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  FillWith(ctx, out, value);
  return absl::OkStatus();
}

class Empty : public Kernel {
 public:
  explicit Empty(KernelConstruction& c) : init_(c.AttrOr<bool>("init", false)) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& sizes = ctx.input(0);
    if (sizes.rank() != 1) {
      return ctx.InvalidArgument(
          StrCat("shape must be a vector of int32, got shape ", sizes.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, ReadInts(sizes)));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    if (init_) FillWithZero(ctx, out);
    return absl::OkStatus();
  }

 private:
  bool init_;
};

template <typename T>
absl::Status Range(KernelContext& ctx) {
  static constexpr const char* kNames[] = {"start", "limit", "delta"};
  T values[3];
  for (int i = 0; i < 3; ++i) {
    if (!IsLegacyScalar(ctx.input(i))) {
      return ctx.InvalidArgument(
          StrCat(kNames[i], " must be a scalar, not shape ", ctx.input(i).shape().ToString()));
    }
    values[i] = *ctx.input(i).data<T>();
  }
  const auto [start, limit, delta] = values;
  const absl::StatusOr<int64_t> size = RangeSize(start, limit, delta);
  if (!size.ok()) return ctx.InvalidArgument(std::string(size.status().message()));
  const int64_t n = *size;
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({n})));
  T* to = out->mutable_data<T>();
  if constexpr (std::is_integral_v<T>) {
    // The products may pass the ends of T, the sums don't.
    for (int64_t i = 0; i < n; ++i)
      to[i] = static_cast<T>(static_cast<uint64_t>(start) +
                             static_cast<uint64_t>(i) * static_cast<uint64_t>(delta));
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = start + static_cast<T>(i) * delta;
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status LinSpace(KernelContext& ctx) {
  static constexpr const char* kNames[] = {"start", "stop", "num"};
  for (int i = 0; i < 3; ++i) {
    if (!ctx.input(i).shape().IsScalar()) {
      return ctx.InvalidArgument(
          StrCat(kNames[i], " must be a scalar, not shape ", ctx.input(i).shape().ToString()));
    }
  }
  const T start = *ctx.input(0).data<T>();
  const T stop = *ctx.input(1).data<T>();
  const int64_t num = ctx.input(2).AsInt64();
  if (num <= 0) return ctx.InvalidArgument(StrCat("Requires num > 0: ", num));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({num})));
  T* to = out->mutable_data<T>();
  to[0] = start;
  if (num == 1) return absl::OkStatus();
  const T step = (stop - start) / static_cast<T>(num - 1);
  for (int64_t i = 1; i < num - 1; ++i) to[i] = start + step * static_cast<T>(i);
  // The last one is exact.
  to[num - 1] = stop;
  return absl::OkStatus();
}

absl::Status BroadcastTo(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  WEFT_RETURN_IF_ERROR(CheckVector(ctx, ctx.input(1), "shape"));
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, ReadInts(ctx.input(1))));
  if (shape == x.shape()) {
    ctx.set_output(0, x);
    return absl::OkStatus();
  }
  const int added = shape.rank() - x.rank();
  if (added < 0) {
    return ctx.InvalidArgument(StrCat("Rank of input (", x.rank(),
                                      ") must be no greater than rank of output shape (",
                                      shape.rank(), ")."));
  }
  const IndexVector dst = RowMajorStrides(shape.dims());
  const IndexVector src = RowMajorStrides(x.shape().dims());
  CopyDims dims;
  for (int i = 0; i < shape.rank(); ++i) {
    const int64_t size = i < added ? 1 : x.dim(i - added);
    if (size != 1 && size != shape.dim(i)) {
      return ctx.InvalidArgument(StrCat("Incompatible shapes: unable to broadcast tensor of shape ",
                                        x.shape().ToString(), " to tensor of shape ",
                                        shape.ToString()));
    }
    dims.push_back({shape.dim(i), dst[i], size == 1 ? 0 : src[i - added]});
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  StridedCopy(ctx, x, 0, *out, 0, std::move(dims));
  return absl::OkStatus();
}

absl::Status DeepCopy(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, ctx.input(0).shape()));
  CopyElements(ctx, ctx.input(0), out);
  return absl::OkStatus();
}

// out[p, d, s] = indices[p, s] == d ? on : off for p in [0, prefix), s in [0,
// suffix).
template <typename U, typename Index>
void SetOnes(KernelContext& ctx, const Array& indices, const Array& on, int64_t prefix,
             int64_t depth, Array* out) {
  if (indices.num_elements() == 0 || depth == 0) return;
  const int64_t suffix = indices.num_elements() / prefix;
  const Index* index = indices.data<Index>();
  const U& value = *ElementsOf<U>(on);
  U* to = MutableElementsOf<U>(*out);
  ctx.ParallelFor(prefix, 1.5 * static_cast<double>(suffix), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t s = 0; s < suffix; ++s) {
        const int64_t d = static_cast<int64_t>(index[p * suffix + s]);
        if (d >= 0 && d < depth) to[(p * depth + d) * suffix + s] = value;
      }
    }
  });
}

class OneHot : public Kernel {
 public:
  explicit OneHot(KernelConstruction& c) : axis_(c.AttrOr<int64_t>("axis", -1)) {}

  absl::Status Compute(KernelContext& ctx) override {
    static constexpr const char* kNames[] = {"indices", "depth", "on_value", "off_value"};
    const Array& indices = ctx.input(0);
    for (int i = 1; i < 4; ++i) {
      if (!ctx.input(i).shape().IsScalar()) {
        return ctx.InvalidArgument(
            StrCat(kNames[i], " must be a scalar, but got: ", ctx.input(i).shape().ToString()));
      }
    }
    if (axis_ != -1 && (axis_ < 0 || axis_ > indices.rank())) {
      return ctx.InvalidArgument(StrCat("Expected axis to be -1 or between [0, ",
                                        indices.rank() + 1, ").  But received: ", axis_));
    }
    const int64_t depth = *ctx.input(1).data<int32_t>();
    if (depth < 0) return ctx.InvalidArgument(StrCat("depth must be non-negative, got: ", depth));
    const int axis = axis_ == -1 ? indices.rank() : static_cast<int>(axis_);
    IndexVector sizes(indices.shape().dims().begin(), indices.shape().dims().end());
    sizes.insert(sizes.begin() + axis, depth);
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    FillWith(ctx, out, ctx.input(3));
    Set(ctx, Product(indices.shape().dims(), 0, axis), depth, out);
    return absl::OkStatus();
  }

 private:
  static void Set(KernelContext& ctx, int64_t prefix, int64_t depth, Array* out) {
    const Array& indices = ctx.input(0);
    const Array& on = ctx.input(2);
    WithElementClass(out->dtype(), [&]<typename U>() {
      switch (indices.dtype()) {
        case kUint8:
          return SetOnes<U, uint8_t>(ctx, indices, on, prefix, depth, out);
        case kInt8:
          return SetOnes<U, int8_t>(ctx, indices, on, prefix, depth, out);
        case kInt32:
          return SetOnes<U, int32_t>(ctx, indices, on, prefix, depth, out);
        default:
          return SetOnes<U, int64_t>(ctx, indices, on, prefix, depth, out);
      }
    });
  }

  int64_t axis_;
};

}  // namespace

void RegisterArrayCreateKernels(KernelRegistry& kernels) {
  kernels.Add("Fill", kCpu, {}, Fill);
  kernels.Add<Empty>("Empty", kCpu, {});
  ForTypes<float, double, int32_t, int64_t>([&]<typename T>() {
    kernels.Add("Range", kCpu, {{"Tidx", dtype_of<T>}}, Range<T>);
  });
  ForTypes<float, double>([&]<typename T>() {
    kernels.Add("LinSpace", kCpu, {{"T", dtype_of<T>}}, LinSpace<T>);
  });
  kernels.Add("BroadcastTo", kCpu, {}, BroadcastTo);
  kernels.Add("DeepCopy", kCpu, {}, DeepCopy);
  kernels.Add<OneHot>("OneHot", kCpu, {});
}

}  // namespace weft
