// SPDX-License-Identifier: Apache-2.0
// ArgMax and ArgMin: the first position of the greatest (least) element along a dimension.
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/cpu/reductions.h"
#include "src/core/strings.h"

namespace weft {
namespace {

template <typename T>
auto Comparable(const T& x) {
  if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>)
    return static_cast<float>(x);
  else
    return x;
}

// A NaN wins, as the first element that nothing beats.
template <typename T, bool kGreatest>
bool Beats(const T& challenger, const T& best) {
  const auto c = Comparable(challenger), b = Comparable(best);
  if constexpr (!std::is_integral_v<T>) {
    if (b != b) return false;
    if (c != c) return true;
  }
  return kGreatest ? c > b : c < b;
}

template <typename T, bool kGreatest, typename Index>
void Search(const T* x, int64_t outer, int64_t n, int64_t inner, Index* out) {
  std::vector<T> best(static_cast<size_t>(inner));
  for (int64_t o = 0; o < outer; ++o, x += n * inner, out += inner) {
    if (inner == 1) {
      int64_t at = 0;
      for (int64_t i = 1; i < n; ++i) {
        if (Beats<T, kGreatest>(x[i], x[at])) at = i;
      }
      *out = static_cast<Index>(at);
      continue;
    }
    for (int64_t k = 0; k < inner; ++k) {
      best[static_cast<size_t>(k)] = x[k];
      out[k] = 0;
    }
    for (int64_t i = 1; i < n; ++i) {
      for (int64_t k = 0; k < inner; ++k) {
        if (!Beats<T, kGreatest>(x[i * inner + k], best[static_cast<size_t>(k)])) continue;
        best[static_cast<size_t>(k)] = x[i * inner + k];
        out[k] = static_cast<Index>(i);
      }
    }
  }
}

template <typename T, bool kGreatest, typename Index>
absl::Status ArgExtreme(KernelContext& ctx) {
  const Array &x = ctx.input(0), &dimension = ctx.input(1);
  if (dimension.num_elements() != 1 || dimension.rank() != 0)
    return ctx.InvalidArgument(StrCat("dim must be a scalar, but received tensor of shape: ",
                                      dimension.shape().ToString()));
  const int64_t given = dimension.AsInt64(0), rank = x.rank();
  const int64_t axis = given < 0 ? given + rank : given;
  if (axis < 0 || axis >= rank) {
    return ctx.InvalidArgument(
        StrCat("Expected dimension in the range [", -rank, ", ", rank, "), but got ", given));
  }
  const int64_t n = x.dim(static_cast<int>(axis));
  if (n == 0)
    return ctx.InvalidArgument(
        StrCat("Reduction axis ", given, " is empty in shape ", x.shape().ToString()));
  Shape shape = x.shape();
  shape.RemoveDim(static_cast<int>(axis));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  if (shape.num_elements() == 0) return absl::OkStatus();
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < rank; ++i) {
    if (i < axis) outer *= x.dim(i);
    if (i > axis) inner *= x.dim(i);
  }
  const T* in = x.data<T>();
  Index* out = y->mutable_data<Index>();
  ctx.ParallelFor(outer, static_cast<double>(n * inner), [=](int64_t begin, int64_t end) {
    Search<T, kGreatest, Index>(in + begin * n * inner, end - begin, n, inner, out + begin * inner);
  });
  return absl::OkStatus();
}

template <typename T, bool kGreatest, typename Index>
void AddOp(KernelRegistry& k, DataType axis_type) {
  k.Add(kGreatest ? "ArgMax" : "ArgMin", kCpu,
        {{"T", dtype_of<T>}, {"output_type", dtype_of<Index>}, {"Tidx", axis_type}},
        ArgExtreme<T, kGreatest, Index>, {.host_arguments = {"dimension"}});
}

}  // namespace

void RegisterArgExtremeKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, bool>([&]<typename T>() {
    for (const DataType axis : {kInt16, kInt32, kInt64}) {
      AddOp<T, true, int32_t>(k, axis);
      AddOp<T, true, int64_t>(k, axis);
      AddOp<T, true, int16_t>(k, axis);
      AddOp<T, true, uint16_t>(k, axis);
      AddOp<T, false, int32_t>(k, axis);
      AddOp<T, false, int64_t>(k, axis);
    }
  });
}

}  // namespace weft
