// SPDX-License-Identifier: Apache-2.0
// QuantizedMatMulWithBiasAndDequantize: a layer of bytes whose result is float.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/quantized_range.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// Elements of a stand for low + step * q; of b for step * q, of which there may be one a column.
class MatMulWithBias final : public Kernel {
 public:
  explicit MatMulWithBias(KernelConstruction& c)
      : transpose_a_(c.Attr<bool>("transpose_a")),
        transpose_b_(c.Attr<bool>("transpose_b")),
        min_first_(c.Attr<std::string>("input_quant_mode") == "MIN_FIRST") {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &a = ctx.input(0), &b = ctx.input(1), &bias = ctx.input(2);
    if (a.rank() != 2 || b.rank() != 2)
      return ctx.InvalidArgument(StrCat("In[", a.rank() != 2 ? 0 : 1, "] is not a matrix"));
    const int64_t m = a.dim(transpose_a_ ? 1 : 0), k = a.dim(transpose_a_ ? 0 : 1),
                  n = b.dim(transpose_b_ ? 0 : 1);
    if (k != b.dim(transpose_b_ ? 1 : 0)) {
      return ctx.InvalidArgument(StrCat("Matrix size-incompatible: In[0]: ", a.shape().ToString(),
                                        ", In[1]: ", b.shape().ToString()));
    }
    if (bias.rank() != 1 || bias.dim(0) != n) {
      return ctx.InvalidArgument(StrCat("bias must be a vector of ", n,
                                        " elements, but is of shape ", bias.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(const QuantizedRange range, RangeInput(ctx, 3, "min_a", "max_a"));
    if (!(range.high > range.low) || !std::isfinite(range.high - range.low))
      return ctx.InvalidArgument("max_a must be larger than min_a, and both finite.");
    WEFT_ASSIGN_OR_RETURN(const std::vector<float> b_steps, ColumnSteps(ctx, n));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, std::array<int64_t, 2>{m, n}));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    // MIN_FIRST: 255 steps are the range; SCALED: they are its end that lies farther from 0.
    const float a_step = (min_first_ ? range.high - range.low
                                     : std::max(std::abs(range.low), std::abs(range.high))) /
                         255.f;
    const float a_low = min_first_ ? range.low : 0.f;
    Multiply(ctx, m, k, n, a_step, a_low, b_steps, out->mutable_data<float>());
    return absl::OkStatus();
  }

 private:
  // What one step of b's elements is, column by column.
  static absl::StatusOr<std::vector<float>> ColumnSteps(KernelContext& ctx, int64_t n) {
    const Array &low = ctx.input(5), &high = ctx.input(6);
    if (!(low.shape() == high.shape()) || low.rank() > 1 ||
        (low.rank() == 1 && low.dim(0) != n && low.dim(0) != 1)) {
      return ctx.InvalidArgument(StrCat("min_b and max_b must be scalars or vectors of ", n,
                                        " elements, got shapes ", low.shape().ToString(), " and ",
                                        high.shape().ToString()));
    }
    std::vector<float> steps(static_cast<size_t>(n));
    for (int64_t j = 0; j < n; ++j) {
      const int64_t i = low.num_elements() == 1 ? 0 : j;
      const float from = low.data<float>()[i], to = high.data<float>()[i];
      if (!(to > from) || !std::isfinite(to - from))
        return ctx.InvalidArgument("max_b must be larger than min_b, and both finite.");
      steps[static_cast<size_t>(j)] = std::max(std::abs(from), std::abs(to)) / 127.f;
    }
    return steps;
  }

  // c_ij = step_j (step_a sum a_ip b_pj + low_a sum b_pj) + bias_j; an int32 bias counts steps of
  // the product.
  void Multiply(KernelContext& ctx, int64_t m, int64_t k, int64_t n, float a_step, float a_low,
                const std::vector<float>& b_steps, float* out) const {
    const uint8_t* a = static_cast<const uint8_t*>(ctx.input(0).raw_data());
    const int8_t* b = static_cast<const int8_t*>(ctx.input(1).raw_data());
    const Array& bias = ctx.input(2);
    const int64_t row_step = transpose_b_ ? 1 : n, column_step = transpose_b_ ? k : 1;
    std::vector<float> offsets(static_cast<size_t>(n));
    for (int64_t j = 0; j < n; ++j) {
      const float step = b_steps[static_cast<size_t>(j)];
      int64_t sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += b[p * row_step + j * column_step];
      const float own =
          bias.dtype() == kFloat32
              ? bias.data<float>()[j]
              : static_cast<float>(static_cast<const int32_t*>(bias.raw_data())[j]) * a_step * step;
      offsets[static_cast<size_t>(j)] = own + a_low * step * static_cast<float>(sum);
    }
    const double cost = 0.5 * static_cast<double>(n) * static_cast<double>(k) + 1;
    ctx.ParallelFor(m, cost, [&](int64_t begin, int64_t end) {
      std::vector<int64_t> sums(static_cast<size_t>(n));
      for (int64_t i = begin; i < end; ++i) {
        std::fill(sums.begin(), sums.end(), 0);
        for (int64_t p = 0; p < k; ++p) {
          const int64_t x = transpose_a_ ? a[p * m + i] : a[i * k + p];
          const int8_t* row = b + p * row_step;
          for (int64_t j = 0; j < n; ++j) sums[static_cast<size_t>(j)] += x * row[j * column_step];
        }
        for (int64_t j = 0; j < n; ++j) {
          const size_t at = static_cast<size_t>(j);
          out[i * n + j] = static_cast<float>(sums[at]) * a_step * b_steps[at] + offsets[at];
        }
      }
    });
  }

  const bool transpose_a_, transpose_b_, min_first_;
};

}  // namespace

void RegisterQuantizedMatMulBiasKernels(KernelRegistry& kernels) {
  for (const DataType bias : {kFloat32, kQint32}) {
    kernels.Add<MatMulWithBias>(
        "QuantizedMatMulWithBiasAndDequantize", kCpu,
        {{"T1", kQuint8}, {"T2", kQint8}, {"Tbias", bias}, {"Toutput", kFloat32}});
  }
}

}  // namespace weft
