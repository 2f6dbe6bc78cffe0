// SPDX-License-Identifier: Apache-2.0
// What the kernels of recurrent cells share: operands as floats, checks of sizes.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/widen.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft::cpu {

// Inputs [first, last) of an op, as floats.
template <typename T>
class FloatInputs {
 public:
  absl::Status Read(KernelContext& ctx, int first, int last) {
    first_ = first;
    for (int i = first; i < last; ++i) {
      WEFT_ASSIGN_OR_RETURN(values_[static_cast<size_t>(i - first)],
                            WidenArray<T>(ctx, ctx.input(i)));
    }
    return absl::OkStatus();
  }
  const float* operator[](int i) const {
    return values_[static_cast<size_t>(i - first_)].template data<float>();
  }

 private:
  int first_ = 0;
  std::array<Array, 17> values_;
};

// Outputs 0, 1, ... in the order in which they are added, written as floats.
template <typename T>
class FloatOutputs {
 public:
  explicit FloatOutputs(KernelContext& ctx) : ctx_(ctx) {}
  absl::StatusOr<float*> Add(std::initializer_list<int64_t> sizes) {
    const std::span<const int64_t> dims(sizes.begin(), sizes.size());
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx_, dims));
    return Add(shape);
  }
  absl::StatusOr<float*> Add(const Shape& shape) {
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx_.AllocateOutput(static_cast<int>(count_), shape));
    WEFT_ASSIGN_OR_RETURN(wide_[count_], WideOutput<T>(ctx_, *y));
    outputs_[count_] = y;
    return wide_[count_++].template mutable_data<float>();
  }
  // When all is written.
  void Finish() {
    for (size_t o = 0; o < count_; ++o) NarrowInto<T>(wide_[o], outputs_[o]);
  }

 private:
  KernelContext& ctx_;
  size_t count_ = 0;
  std::array<Array*, 8> outputs_{};
  std::array<Array, 8> wide_;
};

inline absl::StatusOr<Array> FloatTemp(KernelContext& ctx, std::initializer_list<int64_t> sizes) {
  const std::span<const int64_t> dims(sizes.begin(), sizes.size());
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, dims));
  return ctx.AllocateTemp(kFloat32, shape);
}

// Input i, called `name`, has this shape.
inline absl::Status CheckSizes(KernelContext& ctx, int i, std::string_view name,
                               std::initializer_list<int64_t> sizes) {
  const Shape& shape = ctx.input(i).shape();
  if (shape.rank() != static_cast<int>(sizes.size())) {
    return ctx.InvalidArgument(
        StrCat(name, " must be rank ", sizes.size(), " but is rank ", shape.rank()));
  }
  int d = 0;
  for (const int64_t size : sizes) {
    if (shape.dim(d) != size) {
      return ctx.InvalidArgument(StrCat(name, ".dim_size(", d, ") is ", shape.dim(d),
                                        ", which must be ", size, "; ", name, " is of shape ",
                                        shape.ToString()));
    }
    ++d;
  }
  return absl::OkStatus();
}

inline absl::Status CheckRank(KernelContext& ctx, int i, std::string_view name, int rank) {
  if (ctx.input(i).rank() == rank) return absl::OkStatus();
  return ctx.InvalidArgument(
      StrCat(name, " must be rank ", rank, " but is rank ", ctx.input(i).rank()));
}

// Rough times of one element of a cell's state, in nanoseconds.
inline constexpr double kForwardCost = 4, kBackwardCost = 2;

}  // namespace weft::cpu
