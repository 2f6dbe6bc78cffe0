// SPDX-License-Identifier: Apache-2.0
// ArgMax and ArgMin: the first position of the greatest (least) element along a dimension.
#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
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

// The positions in x [n, inner]; kernels are compiled for one type of positions. `best`: room for a
// row.
template <typename T, bool kGreatest>
void Search(const void* elements, int64_t n, int64_t inner, void* best_elements, int64_t* out) {
  const T* x = static_cast<const T*>(elements);
  if (inner == 1) {
    int64_t at = 0;
    for (int64_t i = 1; i < n; ++i) {
      if (Beats<T, kGreatest>(x[i], x[at])) at = i;
    }
    *out = at;
    return;
  }
  T* best = static_cast<T*>(best_elements);
  std::copy_n(x, inner, best);
  std::fill_n(out, inner, 0);
  for (int64_t i = 1; i < n; ++i) {
    x += inner;
    for (int64_t k = 0; k < inner; ++k) {
      if (!Beats<T, kGreatest>(x[k], best[k])) continue;
      best[k] = x[k];
      out[k] = i;
    }
  }
}
using SearchFn = decltype(&Search<float, true>);

template <typename Index>
void StoreAs(const std::vector<int64_t>& positions, int64_t at, Array* y) {
  std::ranges::transform(positions, y->mutable_data<Index>() + at,
                         [](int64_t p) { return static_cast<Index>(p); });
}

void Store(const std::vector<int64_t>& positions, int64_t at, Array* y) {
  switch (y->dtype()) {
    case kInt16:
      return StoreAs<int16_t>(positions, at, y);
    case kUint16:
      return StoreAs<uint16_t>(positions, at, y);
    case kInt32:
      return StoreAs<int32_t>(positions, at, y);
    default:
      return StoreAs<int64_t>(positions, at, y);
  }
}

class ArgExtreme final : public Kernel {
 public:
  explicit ArgExtreme(SearchFn search) : search_(search) {}
  absl::Status Compute(KernelContext& ctx) override;

 private:
  SearchFn search_;
};

absl::Status ArgExtreme::Compute(KernelContext& ctx) {
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
  const auto* in = static_cast<const std::byte*>(x.raw_data());
  const size_t block = static_cast<size_t>(n * inner) * DTypeSize(x.dtype());
  ctx.ParallelFor(outer, static_cast<double>(n * inner), [=, this](int64_t begin, int64_t end) {
    const auto row = static_cast<size_t>(inner);
    std::vector<int64_t> positions(row), best(row);  // an element is no wider than a position
    for (int64_t o = begin; o < end; ++o) {
      search_(in + static_cast<size_t>(o) * block, n, inner, best.data(), positions.data());
      Store(positions, o * inner, y);
    }
  });
  return absl::OkStatus();
}

void AddOp(KernelRegistry& k, std::string_view op, DataType dtype,
           std::initializer_list<DataType> positions, SearchFn search) {
  for (const DataType position : positions) {
    for (const DataType axis : {kInt16, kInt32, kInt64}) {
      k.AddFactory(op, kCpu, {{"T", dtype}, {"output_type", position}, {"Tidx", axis}},
                   [search](KernelConstruction&) { return std::make_unique<ArgExtreme>(search); },
                   {.host_arguments = {"dimension"}});
    }
  }
}

}  // namespace

void RegisterArgExtremeKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, bool>([&]<typename T>() {
    AddOp(k, "ArgMax", dtype_of<T>, {kInt32, kInt64, kInt16, kUint16}, Search<T, true>);
    AddOp(k, "ArgMin", dtype_of<T>, {kInt32, kInt64}, Search<T, false>);
  });
}

}  // namespace weft
