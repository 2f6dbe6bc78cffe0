// SPDX-License-Identifier: Apache-2.0
// Adding a bias to each channel, the sum of each channel, and dense tensors from sparse ones.
#include <algorithm>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/element_class.h"
#include "kernels/cpu/simd.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterTopKKernels(KernelRegistry& kernels);
void RegisterIsotonicKernels(KernelRegistry& kernels);

namespace {

// What values of T are added as: 16-bit floats as float. Integers come here as unsigned ones, which
// wrap around and serve both.
template <typename T>
struct AddsAs {
  using type = T;
};
template <>
struct AddsAs<half> {
  using type = float;
};
template <>
struct AddsAs<bfloat16> {
  using type = float;
};
template <typename T>
using Sum = typename AddsAs<T>::type;

template <typename T>
inline T Plus(T a, T b) {
  return static_cast<T>(static_cast<Sum<T>>(a) + static_cast<Sum<T>>(b));
}

// A tensor as [outer, channels, inner]: the channel is one dimension of it.
struct ChannelView {
  int64_t outer = 1, channels = 1, inner = 1;
};
ChannelView ViewChannels(const Shape& s, bool channels_first) {
  const int axis = channels_first ? 1 : s.rank() - 1;
  ChannelView v;
  for (int i = 0; i < s.rank(); ++i)
    (i < axis ? v.outer : i == axis ? v.channels : v.inner) *= s.dim(i);
  return v;
}

template <typename T>
inline void AddToRowsLoop(const T* x, const T* bias, int64_t rows, int64_t channels, T* y) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < channels; ++c) y[c] = Plus(x[c], bias[c]);
    x += channels;
    y += channels;
  }
}
template <typename T>
void AddToRows(const T* x, const T* bias, int64_t rows, int64_t channels, T* y) {
  AddToRowsLoop(x, bias, rows, channels, y);
}
WEFT_SIMD void AddToRows(const float* x, const float* bias, int64_t rows, int64_t channels,
                         float* y) {
  AddToRowsLoop(x, bias, rows, channels, y);
}

template <typename T>
inline void AddToRunLoop(const T* x, T bias, int64_t n, T* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = Plus(x[i], bias);
}
template <typename T>
void AddToRun(const T* x, T bias, int64_t n, T* y) {
  AddToRunLoop(x, bias, n, y);
}
WEFT_SIMD void AddToRun(const float* x, float bias, int64_t n, float* y) {
  AddToRunLoop(x, bias, n, y);
}

template <typename T>
class BiasAdd final : public Kernel {
 public:
  explicit BiasAdd(KernelConstruction& c)
      : channels_first_(c.AttrOr<std::string>("data_format", "NHWC") == "NCHW") {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &bias = ctx.input(1);
    WEFT_RETURN_IF_ERROR(Check(ctx, x.shape(), bias.shape()));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    if (x.num_elements() == 0) return absl::OkStatus();
    const ChannelView v = ViewChannels(x.shape(), channels_first_);
    const T *in = ElementsOf<T>(x), *b = ElementsOf<T>(bias);
    T* out = MutableElementsOf<T>(*y);
    constexpr double kCost = 0.1 * sizeof(T);
    if (v.inner == 1) {
      ctx.ParallelFor(v.outer, kCost * static_cast<double>(v.channels),
                      [=](int64_t begin, int64_t end) {
                        AddToRows(in + begin * v.channels, b, end - begin, v.channels,
                                  out + begin * v.channels);
                      });
    } else {
      ctx.ParallelFor(v.outer * v.channels, kCost * static_cast<double>(v.inner),
                      [=](int64_t begin, int64_t end) {
                        for (int64_t i = begin; i < end; ++i)
                          AddToRun(in + i * v.inner, b[i % v.channels], v.inner, out + i * v.inner);
                      });
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Check(KernelContext& ctx, const Shape& x, const Shape& bias) const {
    if (x.rank() < (channels_first_ ? 3 : 2)) {
      return ctx.InvalidArgument(
          StrCat("Input tensor must be at least ", channels_first_ ? 3 : 2, "D: ", x.ToString()));
    }
    if (bias.rank() != 1)
      return ctx.InvalidArgument(StrCat("Biases must be 1D: ", bias.ToString()));
    const int64_t channels = x.dim(channels_first_ ? 1 : x.rank() - 1);
    if (bias.dim(0) != channels) {
      return ctx.InvalidArgument(
          StrCat("Must provide as many biases as the channel dimension of "
                 "the input tensor: ",
                 bias.ToString(), " vs. ", channels, " in ", x.ToString()));
    }
    return absl::OkStatus();
  }

  bool channels_first_;
};

// total[c] += the sum of x[r, c] over some rows.
template <typename T>
inline void SumRowsLoop(const T* x, int64_t rows, int64_t stride, int64_t columns, Sum<T>* total) {
  for (int64_t r = 0; r < rows; ++r, x += stride) {
    for (int64_t c = 0; c < columns; ++c) total[c] += static_cast<Sum<T>>(x[c]);
  }
}
template <typename T>
void SumRows(const T* x, int64_t rows, int64_t stride, int64_t columns, Sum<T>* total) {
  SumRowsLoop(x, rows, stride, columns, total);
}
WEFT_SIMD void SumRows(const float* x, int64_t rows, int64_t stride, int64_t columns,
                       float* total) {
  SumRowsLoop(x, rows, stride, columns, total);
}

// The sum of a run, in 16 interleaved parts.
template <typename T>
inline Sum<T> SumRunLoop(const T* x, int64_t n) {
  constexpr int kParts = 16;
  Sum<T> part[kParts] = {};
  int64_t i = 0;
  for (; i + kParts <= n; i += kParts) {
    for (int j = 0; j < kParts; ++j) part[j] += static_cast<Sum<T>>(x[i + j]);
  }
  for (int j = 0; i < n; ++i, ++j) part[j] += static_cast<Sum<T>>(x[i]);
  for (int w = kParts / 2; w > 0; w /= 2) {
    for (int j = 0; j < w; ++j) part[j] += part[j + w];
  }
  return part[0];
}
template <typename T>
Sum<T> SumRun(const T* x, int64_t n) {
  return SumRunLoop(x, n);
}
WEFT_SIMD float SumRun(const float* x, int64_t n) { return SumRunLoop(x, n); }

template <typename T>
class BiasAddGrad final : public Kernel {
 public:
  explicit BiasAddGrad(KernelConstruction& c)
      : channels_first_(c.AttrOr<std::string>("data_format", "NHWC") == "NCHW") {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& dy = ctx.input(0);
    if (dy.rank() < (channels_first_ ? 3 : 2)) {
      return ctx.InvalidArgument(StrCat("Input tensor must be at least ", channels_first_ ? 3 : 2,
                                        "D: ", dy.shape().ToString()));
    }
    const ChannelView v = ViewChannels(dy.shape(), channels_first_);
    WEFT_ASSIGN_OR_RETURN(Array * db, ctx.AllocateOutput(0, Shape({v.channels})));
    if (v.inner == 1) return SumColumns(ctx, ElementsOf<T>(dy), v, MutableElementsOf<T>(*db));
    SumChannels(ctx, ElementsOf<T>(dy), v, MutableElementsOf<T>(*db));
    return absl::OkStatus();
  }

 private:
  // Blocks of rows and columns are summed on their own and their sums added in order: the result
  // does not depend on the number of threads, and long sums lose less than when taken one by one.
  static constexpr int64_t kBlockRows = 256, kBlockColumns = 512;

  static absl::Status SumColumns(KernelContext& ctx, const T* dy, const ChannelView& v, T* db) {
    const int64_t blocks = std::max<int64_t>(1, (v.outer + kBlockRows - 1) / kBlockRows);
    const int64_t strips = (v.channels + kBlockColumns - 1) / kBlockColumns;
    WEFT_ASSIGN_OR_RETURN(
        Array partial,
        ctx.AllocateTemp(kUint8, Shape({blocks, v.channels, int64_t{sizeof(Sum<T>)}})));
    Sum<T>* sums = static_cast<Sum<T>*>(partial.raw_data());
    std::fill_n(sums, blocks * v.channels, Sum<T>());
    ctx.ParallelFor(
        blocks * strips, 0.1 * sizeof(T) * kBlockRows * std::min(kBlockColumns, v.channels),
        [=](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t row = i / strips * kBlockRows, column = i % strips * kBlockColumns;
            SumRows(dy + row * v.channels + column, std::min(kBlockRows, v.outer - row), v.channels,
                    std::min(kBlockColumns, v.channels - column),
                    sums + i / strips * v.channels + column);
          }
        });
    for (int64_t b = 1; b < blocks; ++b) SumRows(sums + b * v.channels, 1, 0, v.channels, sums);
    for (int64_t c = 0; c < v.channels; ++c) db[c] = static_cast<T>(sums[c]);
    return absl::OkStatus();
  }

  static void SumChannels(KernelContext& ctx, const T* dy, const ChannelView& v, T* db) {
    ctx.ParallelFor(v.channels, 0.1 * sizeof(T) * static_cast<double>(v.inner * v.outer),
                    [=](int64_t begin, int64_t end) {
                      for (int64_t c = begin; c < end; ++c) {
                        Sum<T> total = Sum<T>();
                        for (int64_t o = 0; o < v.outer; ++o)
                          total += SumRun(dy + (o * v.channels + c) * v.inner, v.inner);
                        db[c] = static_cast<T>(total);
                      }
                    });
  }

  bool channels_first_;
};

// ---- SparseToDense ----

struct SparseCounts {
  int64_t elements = 1, dims = 1;
};

// Checks the four inputs of SparseToDense against each other and finds the output's shape.
absl::Status CheckSparseToDense(KernelContext& ctx, SparseCounts* counts, Shape* out) {
  const Shape &indices = ctx.input(0).shape(), &sizes = ctx.input(1).shape();
  const Shape &values = ctx.input(2).shape(), &otherwise = ctx.input(3).shape();
  if (indices.rank() > 2) {
    return ctx.InvalidArgument(StrCat(
        "sparse_indices should be a scalar, vector, or matrix, got shape ", indices.ToString()));
  }
  counts->elements = indices.rank() > 0 ? indices.dim(0) : 1;
  counts->dims = indices.rank() > 1 ? indices.dim(1) : 1;
  if (sizes.rank() != 1)
    return ctx.InvalidArgument(StrCat("output_shape must be rank 1, got shape ", sizes.ToString()));
  if (sizes.dim(0) != counts->dims) {
    return ctx.InvalidArgument(StrCat("output_shape has incorrect number of elements: ",
                                      sizes.dim(0), " should be: ", counts->dims));
  }
  if (values.rank() != 0 && !(values.rank() == 1 && values.dim(0) == counts->elements)) {
    return ctx.InvalidArgument(StrCat("sparse_values has incorrect shape ", values.ToString(),
                                      ", should be [] or [", counts->elements, "]"));
  }
  if (otherwise.rank() != 0)
    return ctx.InvalidArgument(
        StrCat("default_value should be a scalar, got shape ", otherwise.ToString()));
  std::string why;
  if (!Shape::Make(ReadInts(ctx.input(1)), out, &why)) return ctx.InvalidArgument(why);
  return absl::OkStatus();
}

std::string IndexText(const int64_t* index, int64_t dims) {
  return StrCat("[", StrJoin(std::span(index, static_cast<size_t>(dims)), ","), "]");
}

// The places of the elements in the dense array. Indices out of range are always an error;
// unless `ordered`, ones out of order or repeated are not.
absl::StatusOr<std::vector<int64_t>> FlattenIndices(KernelContext& ctx, const SparseCounts& counts,
                                                    const Shape& shape, bool ordered) {
  const auto index = ReadInts(ctx.input(0));
  std::vector<int64_t> places(static_cast<size_t>(counts.elements));
  for (int64_t e = 0; e < counts.elements; ++e) {
    const int64_t* at = index.data() + e * counts.dims;
    int64_t place = 0;
    for (int64_t d = 0; d < counts.dims; ++d) {
      const int64_t size = shape.dim(static_cast<int>(d));
      if (at[d] < 0 || at[d] >= size) {
        return ctx.InvalidArgument(StrCat("indices[", e, "] = ", IndexText(at, counts.dims),
                                          " is out of bounds: need 0 <= index < ",
                                          shape.ToString()));
      }
      place = place * size + at[d];
    }
    if (ordered && e > 0 && place <= places[static_cast<size_t>(e - 1)]) {
      return ctx.InvalidArgument(StrCat(
          "indices[", e, "] = ", IndexText(at, counts.dims),
          place == places[static_cast<size_t>(e - 1)] ? " is repeated" : " is out of order"));
    }
    places[static_cast<size_t>(e)] = place;
  }
  return places;
}

class SparseToDense final : public Kernel {
 public:
  explicit SparseToDense(KernelConstruction& c) : ordered_(c.Attr<bool>("validate_indices")) {}

  absl::Status Compute(KernelContext& ctx) override {
    SparseCounts counts;
    Shape shape;
    WEFT_RETURN_IF_ERROR(CheckSparseToDense(ctx, &counts, &shape));
    WEFT_ASSIGN_OR_RETURN(const std::vector<int64_t> places,
                          FlattenIndices(ctx, counts, shape, ordered_));
    WEFT_ASSIGN_OR_RETURN(Array * dense, ctx.AllocateOutput(0, shape));
    WithElementClass(dense->dtype(), [&]<typename U>() {
      U* out = MutableElementsOf<U>(*dense);
      std::fill_n(out, dense->num_elements(), *ElementsOf<U>(ctx.input(3)));
      const U* value = ElementsOf<U>(ctx.input(2));
      const int64_t step = ctx.input(2).rank() == 0 ? 0 : 1;
      for (size_t e = 0; e < places.size(); ++e)
        out[places[e]] = value[static_cast<int64_t>(e) * step];
    });
    return absl::OkStatus();
  }

 private:
  bool ordered_;
};

}  // namespace

void RegisterNnMiscKernels(KernelRegistry& kernels) {
  const auto add = [&]<typename T>(std::initializer_list<DataType> dtypes) {
    for (DataType dtype : dtypes) {
      kernels.Add<BiasAdd<T>>("BiasAdd", kCpu, {{"T", dtype}});
      kernels.Add<BiasAdd<T>>("BiasAddV1", kCpu, {{"T", dtype}});
      kernels.Add<BiasAddGrad<T>>("BiasAddGrad", kCpu, {{"T", dtype}});
    }
  };
  add.operator()<float>({kFloat32});
  add.operator()<double>({kFloat64});
  add.operator()<half>({kFloat16});
  add.operator()<bfloat16>({kBfloat16});
  add.operator()<uint8_t>({kInt8, kUint8});
  add.operator()<uint16_t>({kInt16, kUint16});
  add.operator()<uint32_t>({kInt32, kUint32});
  add.operator()<uint64_t>({kInt64, kUint64});
  add.operator()<complex64>({kComplex64});
  add.operator()<complex128>({kComplex128});
  kernels.Add<SparseToDense>("SparseToDense", kCpu, {});
  RegisterTopKKernels(kernels);
  RegisterIsotonicKernels(kernels);
}

}  // namespace weft
