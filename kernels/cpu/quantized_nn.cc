// SPDX-License-Identifier: Apache-2.0
// Layers of networks whose tensors are bytes of a range: QuantizedMatMul, QuantizedConv2D,
// QuantizedMaxPool, QuantizedAvgPool, QuantizedConcat, QuantizedBatchNormWithGlobalNormalization.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/convolve.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/pool.h"
#include "kernels/cpu/quantized_range.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

int32_t WrappingSum(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
int32_t WrappingProduct(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
}

const uint8_t* Bytes(const Array& a) { return static_cast<const uint8_t*>(a.raw_data()); }
int32_t* Int32s(Array& a) { return static_cast<int32_t*>(a.raw_data()); }

// The byte that stands for 0, which may be none of the 256.
int32_t ZeroOf(const QuantizedRange& r) {
  return static_cast<int32_t>(QuantizeUnclamped<uint8_t>(0.f, r));
}

// What sums of products of bytes, counted from those that stand for 0, stand for.
QuantizedRange RangeOfProducts(const QuantizedRange& a, const QuantizedRange& b) {
  const float step = (a.high - a.low) / 255.f * ((b.high - b.low) / 255.f);
  return {step * static_cast<float>(kLowestQuantized<int32_t>),
          step * static_cast<float>(kHighestQuantized<int32_t>)};
}

// ---- QuantizedMatMul ----

class MatMulOfBytes final : public Kernel {
 public:
  explicit MatMulOfBytes(KernelConstruction& c)
      : transpose_a_(c.Attr<bool>("transpose_a")), transpose_b_(c.Attr<bool>("transpose_b")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &a = ctx.input(0), &b = ctx.input(1);
    WEFT_ASSIGN_OR_RETURN(const QuantizedRange a_range, RangeInput(ctx, 2, "min_a", "max_a"));
    WEFT_ASSIGN_OR_RETURN(const QuantizedRange b_range, RangeInput(ctx, 4, "min_b", "max_b"));
    if (!(a_range.high > a_range.low))
      return ctx.InvalidArgument("max_a must be larger than min_a.");
    if (!(b_range.high > b_range.low))
      return ctx.InvalidArgument("max_b must be larger than min_b.");
    if (a.rank() != 2 || b.rank() != 2) {
      return ctx.InvalidArgument(StrCat("In[", a.rank() != 2 ? 0 : 1, "] is not a matrix"));
    }
    cpu::GemmArgs g;
    g.op_a = transpose_a_ ? cpu::MatrixOp::kTranspose : cpu::MatrixOp::kNone;
    g.op_b = transpose_b_ ? cpu::MatrixOp::kTranspose : cpu::MatrixOp::kNone;
    g.m = a.dim(transpose_a_ ? 1 : 0);
    g.k = a.dim(transpose_a_ ? 0 : 1);
    g.n = b.dim(transpose_b_ ? 0 : 1);
    if (g.k != b.dim(transpose_b_ ? 1 : 0)) {
      return ctx.InvalidArgument(StrCat("Matrix size-incompatible: In[0]: ", a.shape().ToString(),
                                        ", In[1]: ", b.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, std::array<int64_t, 2>{g.m, g.n}));
    WEFT_ASSIGN_OR_RETURN(Array * c, ctx.AllocateOutput(0, shape));
    WEFT_RETURN_IF_ERROR(SetRangeOutputs(ctx, 1, RangeOfProducts(a_range, b_range)));
    if (c->num_elements() == 0) return absl::OkStatus();
    Multiply(ctx, g, ZeroOf(a_range), ZeroOf(b_range), Int32s(*c));
    return absl::OkStatus();
  }

 private:
  // Sum over p of (a_ip - za) (b_pj - zb) = sum a_ip b_pj - zb row_i - za column_j + k za zb: all
  // modulo 2^32.
  static void Multiply(KernelContext& ctx, const cpu::GemmArgs& g, int32_t za, int32_t zb,
                       int32_t* c) {
    const uint8_t *a = Bytes(ctx.input(0)), *b = Bytes(ctx.input(1));
    const bool ta = g.op_a != cpu::MatrixOp::kNone, tb = g.op_b != cpu::MatrixOp::kNone;
    std::vector<uint32_t> columns(static_cast<size_t>(g.n), 0);
    for (int64_t j = 0; j < g.n; ++j) {
      uint32_t& sum = columns[static_cast<size_t>(j)];
      for (int64_t p = 0; p < g.k; ++p) sum += tb ? b[j * g.k + p] : b[p * g.n + j];
      sum = static_cast<uint32_t>(za) *
            (static_cast<uint32_t>(g.k) * static_cast<uint32_t>(zb) - sum);
    }
    const double cost = 0.3 * static_cast<double>(g.n) * static_cast<double>(g.k) + 1;
    ctx.ParallelFor(g.m, cost, [&](int64_t begin, int64_t end) {
      cpu::GemmIntegers(g, begin, end, a, b, c);
      for (int64_t i = begin; i < end; ++i) {
        uint32_t row = 0;
        for (int64_t p = 0; p < g.k; ++p) row += ta ? a[p * g.m + i] : a[i * g.k + p];
        const uint32_t shift = static_cast<uint32_t>(zb) * row;
        for (int64_t j = 0; j < g.n; ++j) {
          const auto sum = static_cast<uint32_t>(c[i * g.n + j]);
          c[i * g.n + j] = static_cast<int32_t>(sum - shift + columns[static_cast<size_t>(j)]);
        }
      }
    });
  }

  const bool transpose_a_, transpose_b_;
};

// ---- QuantizedConv2D ----

class ConvOfBytes final : public Kernel {
 public:
  explicit ConvOfBytes(KernelConstruction& c)
      : padding_(ParsePadding(c.Attr<std::string>("padding")).value_or(Padding::kSame)) {
    const auto strides = c.Attr<std::vector<int64_t>>("strides"),
               dilations = c.Attr<std::vector<int64_t>>("dilations");
    const std::string why = Unsupported(strides, dilations);
    if (why.empty())
      stride_ = strides[1];
    else
      c.Fail(absl::InvalidArgumentError(why));
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &filter = ctx.input(1);
    WEFT_ASSIGN_OR_RETURN(const QuantizedRange x_range,
                          RangeInput(ctx, 2, "min_input", "max_input"));
    WEFT_ASSIGN_OR_RETURN(const QuantizedRange f_range,
                          RangeInput(ctx, 4, "min_filter", "max_filter"));
    if (x.rank() != 4 || filter.rank() != 4) {
      return ctx.InvalidArgument(StrCat("input and filter must be 4-dimensional, got ",
                                        x.shape().ToString(), " and ", filter.shape().ToString()));
    }
    if (x.dim(3) != filter.dim(2)) {
      return ctx.InvalidArgument(
          StrCat("input and filter must have the same depth: ", x.dim(3), " vs ", filter.dim(2)));
    }
    if (filter.num_elements() == 0)
      return ctx.InvalidArgument(
          "filter must not have zero elements (i.e. all dimensions must be "
          "non-zero)");
    cpu::ConvGeometry g{.batch = x.dim(0),
                        .in_channels = x.dim(3),
                        .filter_channels = x.dim(3),
                        .out_channels = filter.dim(3)};
    for (int d = 0; d < 2; ++d) {
      WEFT_ASSIGN_OR_RETURN(g.space[static_cast<size_t>(d) + 1],
                            Slide(ctx, x.dim(d + 1), filter.dim(d)));
    }
    WEFT_ASSIGN_OR_RETURN(
        const Shape shape,
        ShapeFromSizes(
            ctx, std::array<int64_t, 4>{g.batch, g.space[1].out, g.space[2].out, g.out_channels}));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    WEFT_RETURN_IF_ERROR(SetRangeOutputs(ctx, 1, RangeOfProducts(x_range, f_range)));
    if (y->num_elements() == 0) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(const Array wide_x, FromZero(ctx, x, ZeroOf(x_range)));
    WEFT_ASSIGN_OR_RETURN(const Array wide_filter, FromZero(ctx, filter, ZeroOf(f_range)));
    return cpu::Convolve(ctx, g, wide_x.data<int32_t>(), wide_filter.data<int32_t>(), Int32s(*y));
  }

 private:
  static std::string Unsupported(const std::vector<int64_t>& strides,
                                 const std::vector<int64_t>& dilations) {
    if (strides.size() != 4 || dilations.size() != 4)
      return "Sliding window strides and dilations must specify 4 dimensions";
    if (strides[1] != strides[2] || strides[1] < 1) {
      return "Current implementation only supports equal length strides in the row and column "
             "dimensions.";
    }
    if (strides[0] != 1 || strides[3] != 1) {
      return "Current implementation does not yet support strides in the batch and depth "
             "dimensions.";
    }
    if (dilations == std::vector<int64_t>(4, 1)) return "";
    return "Current implementation only supports dilated rate as 1 in the row and column "
           "dimensions.";
  }

  // Windows lie in the middle, also where they don't cover the input: TensorFlow's rule for bytes,
  // which for VALID isn't that of Conv2D.
  absl::StatusOr<cpu::SlideDim> Slide(KernelContext& ctx, int64_t in, int64_t size) const {
    const WindowSpec w{.size = size, .stride = stride_, .padding = padding_};
    const absl::StatusOr<WindowFit> fit = FitWindows(in, w);
    if (!fit.ok()) return ctx.InvalidArgument(std::string(fit.status().message()));
    const int64_t over = (fit->count - 1) * stride_ + size - in;
    return cpu::SlideDim{
        .in = in, .out = fit->count, .size = size, .stride = stride_, .before = over / 2};
  }

  static absl::StatusOr<Array> FromZero(KernelContext& ctx, const Array& x, int32_t zero) {
    WEFT_ASSIGN_OR_RETURN(Array wide, ctx.AllocateTemp(kInt32, x.shape()));
    const uint8_t* in = Bytes(x);
    int32_t* out = Int32s(wide);
    ctx.ParallelFor(x.num_elements(), 0.3, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        out[i] = static_cast<int32_t>(uint32_t{in[i]} - static_cast<uint32_t>(zero));
    });
    return wide;
  }

  const Padding padding_;
  int64_t stride_ = 1;
};

// ---- QuantizedMaxPool, QuantizedAvgPool ----

class PoolOfBytes final : public PoolKernel {
 public:
  explicit PoolOfBytes(KernelConstruction& c) : PoolKernel(c), max_(c.op() == "QuantizedMaxPool") {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const QuantizedRange range, RangeInput(ctx, 1, "min_input", "max_input"));
    WEFT_ASSIGN_OR_RETURN(const PoolGeometry g, Geometry(ctx, x, /*channels=*/max_));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, PooledShape(ctx, g));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    WEFT_RETURN_IF_ERROR(SetRangeOutputs(ctx, 1, range));
    if (y->num_elements() == 0) return absl::OkStatus();
    const uint8_t* in = Bytes(x);
    uint8_t* out = static_cast<uint8_t*>(y->raw_data());
    ctx.ParallelFor(g.pixels(), g.cost(1), [&](int64_t begin, int64_t end) {
      std::vector<int32_t> sums(static_cast<size_t>(g.channels));
      for (int64_t p = begin; p < end; ++p) {
        if (g.channel_window > 1)
          MaxOfChannels(g, in, p, out);
        else if (max_)
          MaxOfPixels(g, in, p, out);
        else
          MeanOfPixels(g, in, p, &sums, out);
      }
    });
    return absl::OkStatus();
  }

 private:
  static void MaxOfChannels(const PoolGeometry& g, const uint8_t* x, int64_t pixel, uint8_t* y) {
    const int64_t groups = g.channels / g.channel_window;
    for (int64_t i = 0; i < groups; ++i) {
      const uint8_t* first = x + pixel * g.channels + i * g.channel_window;
      y[pixel * groups + i] = *std::max_element(first, first + g.channel_window);
    }
  }
  static void MaxOfPixels(const PoolGeometry& g, const uint8_t* x, int64_t pixel, uint8_t* y) {
    uint8_t* best = y + pixel * g.channels;
    std::fill_n(best, g.channels, uint8_t{0});
    PoolWindow(g, pixel).ForPixels(g, [&](int64_t at) {
      for (int64_t c = 0; c < g.channels; ++c) best[c] = std::max(best[c], x[at + c]);
    });
  }
  // Rounded down.
  static void MeanOfPixels(const PoolGeometry& g, const uint8_t* x, int64_t pixel,
                           std::vector<int32_t>* sums, uint8_t* y) {
    std::fill(sums->begin(), sums->end(), 0);
    const PoolWindow window(g, pixel);
    window.ForPixels(g, [&](int64_t at) {
      for (int64_t c = 0; c < g.channels; ++c) (*sums)[static_cast<size_t>(c)] += x[at + c];
    });
    const int64_t count = std::max<int64_t>(1, window.pixels());
    for (int64_t c = 0; c < g.channels; ++c) {
      const int64_t mean = (*sums)[static_cast<size_t>(c)] / count;
      y[pixel * g.channels + c] = static_cast<uint8_t>(std::clamp<int64_t>(mean, 0, 255));
    }
  }

  const bool max_;
};

// ---- QuantizedConcat ----

// out[i] = what in[i] stands for, in another range.
template <typename B>
void ChangeRange(const QuantizedRange& from, const QuantizedRange& to, const B* in, int64_t n,
                 B* out) {
  const FastDequantizer<B> value(from);
  const FastQuantizer<B> place(to);
  for (int64_t i = 0; i < n; ++i) out[i] = place(value(in[i]));
}

// Inputs: the dimension, n values, their n least and n greatest numbers.
template <typename Q>
absl::Status QuantizedConcat(KernelContext& ctx) {
  using B = QuantizedBase<Q>;
  const int n = (ctx.num_inputs() - 1) / 3;
  const Shape& first = ctx.input(1).shape();
  if (ctx.input(0).num_elements() != 1 || ctx.input(0).rank() > 1) {
    return ctx.InvalidArgument(
        StrCat("Concat dim tensor should be a scalar integer, but got shape ",
               ctx.input(0).shape().ToString()));
  }
  const int64_t axis = *ctx.input(0).data<int32_t>();
  if (axis < 0 || axis >= first.rank()) {
    return ctx.InvalidArgument(
        StrCat("ConcatOp : Expected concatenating dimensions in the range [0, ", first.rank(),
               "), but got ", axis));
  }
  std::vector<QuantizedRange> ranges;
  QuantizedRange all = {std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()};
  std::vector<int64_t> sizes = first.ToVector();
  int64_t joined = 0;
  for (int i = 0; i < n; ++i) {
    const Array &x = ctx.input(1 + i), &low = ctx.input(1 + n + i),
                &high = ctx.input(1 + 2 * n + i);
    if (low.num_elements() != 1 || high.num_elements() != 1)
      return ctx.InvalidArgument("the ends of the ranges must be scalars");
    ranges.push_back({*low.data<float>(), *high.data<float>()});
    all.low = std::min(all.low, ranges.back().low);
    all.high = std::max(all.high, ranges.back().high);
    bool fits = x.rank() == first.rank();
    for (int d = 0; fits && d < x.rank(); ++d) fits = d == axis || x.dim(d) == first.dim(d);
    if (!fits || __builtin_add_overflow(joined, x.dim(static_cast<int>(axis)), &joined)) {
      return ctx.InvalidArgument(
          StrCat("ConcatOp : Dimensions of inputs should match: shape[0] = ", first.ToString(),
                 " vs. shape[", i, "] = ", x.shape().ToString()));
    }
  }
  sizes[static_cast<size_t>(axis)] = joined;
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  WEFT_RETURN_IF_ERROR(SetRangeOutputs(ctx, 1, all));
  if (shape.num_elements() == 0) return absl::OkStatus();
  const int64_t outer = Product(sizes, 0, static_cast<int>(axis)),
                inner = Product(sizes, static_cast<int>(axis) + 1, first.rank());
  B* out = static_cast<B*>(y->raw_data());
  for (int64_t o = 0; o < outer; ++o) {
    for (int i = 0; i < n; ++i) {
      const int64_t run = ctx.input(1 + i).dim(static_cast<int>(axis)) * inner;
      const B* in = static_cast<const B*>(ctx.input(1 + i).raw_data()) + o * run;
      const QuantizedRange& own = ranges[static_cast<size_t>(i)];
      if (own.low == all.low && own.high == all.high)
        std::copy_n(in, run, out);
      else
        ChangeRange(own, all, in, run, out);
      out += run;
    }
  }
  return absl::OkStatus();
}

// ---- QuantizedBatchNormWithGlobalNormalization ----

// Inputs, each with its range: the images, then mean, variance, beta and gamma of each channel.
class BatchNormOfBytes final : public Kernel {
 public:
  explicit BatchNormOfBytes(KernelConstruction& c)
      : epsilon_(c.Attr<float>("variance_epsilon")),
        scale_(c.Attr<bool>("scale_after_normalization")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    if (x.rank() != 4) {
      return ctx.InvalidArgument(
          StrCat("input must be 4-dimensional, got shape ", x.shape().ToString()));
    }
    const int64_t channels = x.dim(3);
    std::array<QuantizedRange, 5> ranges;
    constexpr const char* kNames[] = {"input", "mean", "var", "beta", "gamma"};
    for (int i = 0; i < 5; ++i) {
      const std::string name = kNames[i];
      WEFT_ASSIGN_OR_RETURN(ranges[static_cast<size_t>(i)],
                            RangeInput(ctx, 3 * i + 1, name + "_min", name + "_max"));
      const Array& a = ctx.input(3 * i);
      if (i == 0 || (a.rank() == 1 && a.dim(0) == channels)) continue;
      return ctx.InvalidArgument(StrCat(name, " must be a vector of ", channels,
                                        " elements, got shape ", a.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
    WEFT_RETURN_IF_ERROR(SetRangeOutputs(ctx, 1, kRange));
    if (y->num_elements() == 0) return absl::OkStatus();
    const Factors factors = FactorsOf(ctx, ranges);
    // A byte has 256 values: what each is in the range of the result.
    std::array<int32_t, 256> table;
    for (int q = 0; q < 256; ++q) {
      table[static_cast<size_t>(q)] =
          QuantizeValue<int32_t>(DequantizeValue(static_cast<uint8_t>(q), ranges[0]), kRange);
    }
    const int32_t one = QuantizeValue<int32_t>(1.f, kRange);
    const uint8_t* in = Bytes(x);
    int32_t* out = Int32s(*y);
    ctx.ParallelFor(x.num_elements() / channels, 2.0 * static_cast<double>(channels),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin * channels; i < end * channels; i += channels) {
                        for (int64_t c = 0; c < channels; ++c) {
                          const auto at = static_cast<size_t>(c);
                          out[i + c] = WrappingSum(
                              WrappingProduct(table[in[i + c]], factors.scale[at]) / one,
                              factors.offset[at]);
                        }
                      }
                    });
    return absl::OkStatus();
  }

 private:
  // Wide enough for all that normalisation makes, with 11 bits behind the point.
  static constexpr QuantizedRange kRange = {-1048576.f, 1048576.f};
  // Of each channel, in that range.
  struct Factors {
    std::vector<int32_t> scale, offset;
  };

  Factors FactorsOf(KernelContext& ctx, const std::array<QuantizedRange, 5>& ranges) const {
    Factors factors;
    for (int64_t c = 0; c < ctx.input(3).dim(0); ++c) {
      const auto value = [&](int i) {
        return DequantizeValue(Bytes(ctx.input(3 * i))[c], ranges[static_cast<size_t>(i)]);
      };
      const float deviation = std::sqrt(value(2) + epsilon_);
      const float scale = scale_ ? 1.f / deviation * value(4) : 1.f / deviation;
      factors.scale.push_back(QuantizeValue<int32_t>(scale, kRange));
      factors.offset.push_back(QuantizeValue<int32_t>(-value(1) * scale + value(3), kRange));
    }
    return factors;
  }

  const float epsilon_;
  const bool scale_;
};

}  // namespace

void RegisterQuantizedNnKernels(KernelRegistry& kernels) {
  kernels.Add<MatMulOfBytes>("QuantizedMatMul", kCpu,
                             {{"T1", kQuint8}, {"T2", kQuint8}, {"Toutput", kQint32}});
  kernels.Add<ConvOfBytes>("QuantizedConv2D", kCpu,
                           {{"Tinput", kQuint8}, {"Tfilter", kQuint8}, {"out_type", kQint32}});
  for (const char* op : {"QuantizedMaxPool", "QuantizedAvgPool"})
    kernels.Add<PoolOfBytes>(op, kCpu, {{"T", kQuint8}});
  ForTypes<quint8, qint32>([&]<typename Q>() {
    kernels.Add("QuantizedConcat", kCpu, {{"T", dtype_of<Q>}}, QuantizedConcat<Q>,
                {.host_arguments = {"concat_dim"}});
  });
  kernels.Add<BatchNormOfBytes>("QuantizedBatchNormWithGlobalNormalization", kCpu,
                                {{"Tinput", kQuint8}, {"out_type", kQint32}});
}

}  // namespace weft
