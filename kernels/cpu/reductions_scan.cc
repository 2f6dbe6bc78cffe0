// SPDX-License-Identifier: Apache-2.0
// Running sums, products and log-sums along an axis.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cpu/reductions.h"
#include "kernels/cpu/wrapping.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

template <typename T>
struct Sums {
  using Acc = arithmetic::Accumulator<T>;
  static Acc Identity() { return Acc(0); }
  static Acc Combine(Acc a, Acc b) { return arithmetic::Add(a, b); }
  static constexpr double kCostNs = 1;
};
template <typename T>
struct Products {
  using Acc = arithmetic::Accumulator<T>;
  static Acc Identity() { return Acc(1); }
  static Acc Combine(Acc a, Acc b) { return arithmetic::Multiply(a, b); }
  static constexpr double kCostNs = 1;
};
template <typename T>
struct LogSums {
  using Acc = arithmetic::Accumulator<T>;
  static Acc Identity() { return -std::numeric_limits<Acc>::infinity(); }
  // log(e^a + e^b) of the sum so far, a, and the next element, b. As in TensorFlow, which takes
  // NaN as neither smaller nor larger than anything, b counts as another a where it is NaN.
  static Acc Combine(Acc a, Acc b) {
    const Acc high = a < b ? b : a, low = b < a ? b : a;
    if (high == Identity()) return high;
    return high + std::log1p(std::exp(low - high));
  }
  static constexpr double kCostNs = 20;
};

// [outer, n, inner] scanned along n.
struct Space {
  int64_t outer = 1;
  int64_t n = 1;
  int64_t inner = 1;
};

absl::StatusOr<Space> SpaceOf(KernelContext& ctx) {
  const Shape& shape = ctx.input(0).shape();
  const Array& axis_input = ctx.input(1);
  if (axis_input.rank() != 0) {
    return ctx.InvalidArgument(
        StrCat("ScanOp: axis must be a scalar, not ", axis_input.shape().ToString()));
  }
  const int64_t given = axis_input.AsInt64();
  const int rank = shape.rank();
  if (given < -rank || given >= rank) {
    return ctx.InvalidArgument(StrCat("ScanOp: Expected scan axis in the range [", -rank, ", ",
                                      rank, "), but got ", given));
  }
  const int axis = static_cast<int>(given < 0 ? given + rank : given);
  Space space;
  for (int d = 0; d < axis; ++d) space.outer *= shape.dim(d);
  space.n = shape.dim(axis);
  for (int d = axis + 1; d < rank; ++d) space.inner *= shape.dim(d);
  return space;
}

// Columns of a block of neighbouring ones are scanned together, row by row.
constexpr int64_t kColumns = 256;

template <typename T, typename F>
class ScanKernel final : public Kernel {
 public:
  explicit ScanKernel(KernelConstruction& c)
      : exclusive_(c.Attr<bool>("exclusive")), reverse_(c.Attr<bool>("reverse")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const Space s, SpaceOf(ctx));
    const Array x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
    if (x.num_elements() == 0) return absl::OkStatus();
    const T* in = x.data<T>();
    T* out = y->mutable_data<T>();
    const int64_t blocks = (s.inner + kColumns - 1) / kColumns;
    const double cost = F::kCostNs * static_cast<double>(s.n * std::min(s.inner, kColumns));
    ctx.ParallelFor(s.outer * blocks, cost, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t column = (i % blocks) * kColumns;
        const int64_t offset = (i / blocks) * s.n * s.inner + column;
        ScanColumns(in + offset, out + offset, s, std::min(kColumns, s.inner - column));
      }
    });
    return absl::OkStatus();
  }

 private:
  using Acc = typename F::Acc;

  void ScanColumns(const T* in, T* out, const Space& s, int64_t columns) const {
    if (columns == 1) return ScanColumn(in, out, s);
    Acc acc[kColumns];
    std::fill_n(acc, columns, F::Identity());
    for (int64_t k = 0; k < s.n; ++k) {
      const int64_t row = (reverse_ ? s.n - 1 - k : k) * s.inner;
      const T* from = in + row;
      T* to = out + row;
      if (exclusive_) {
        for (int64_t c = 0; c < columns; ++c) {
          to[c] = static_cast<T>(acc[c]);
          acc[c] = F::Combine(acc[c], static_cast<Acc>(from[c]));
        }
      } else {
        for (int64_t c = 0; c < columns; ++c) {
          acc[c] = F::Combine(acc[c], static_cast<Acc>(from[c]));
          to[c] = static_cast<T>(acc[c]);
        }
      }
    }
  }

  void ScanColumn(const T* in, T* out, const Space& s) const {
    Acc acc = F::Identity();
    const int64_t step = reverse_ ? -s.inner : s.inner;
    int64_t i = reverse_ ? (s.n - 1) * s.inner : 0;
    for (int64_t k = 0; k < s.n; ++k, i += step) {
      const Acc before = acc;
      acc = F::Combine(acc, static_cast<Acc>(in[i]));
      out[i] = static_cast<T>(exclusive_ ? before : acc);
    }
  }

  const bool exclusive_;
  const bool reverse_;
};

template <typename T, template <typename> typename F>
void AddScan(KernelRegistry& k, std::string_view op) {
  k.Add<ScanKernel<T, F<T>>>(op, kCpu, {{"T", dtype_of<T>}}, {.host_arguments = {"axis"}});
}

}  // namespace

void RegisterScanKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, complex64, complex128>([&]<typename T>() {
    AddScan<T, Sums>(k, "Cumsum");
    AddScan<T, Products>(k, "Cumprod");
  });
  ForTypes<float, double, half, bfloat16>(
      [&]<typename T>() { AddScan<T, LogSums>(k, "CumulativeLogsumexp"); });
}

}  // namespace weft
