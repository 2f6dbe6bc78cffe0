// SPDX-License-Identifier: Apache-2.0
// Pooling with windows of random sizes, k or k + 1, so that an image shrinks by a fraction (Graham,
// "Fractional max-pooling", 2014), and its gradients. The random numbers are TensorFlow's.
#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/cpu/image_layout.h"
#include "kernels/cpu/random_source.h"
#include "kernels/cpu/wrapping.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using Ints = std::vector<int64_t>;

// ---- where the windows begin --------------------------------------------------------------------

// Windows [s[i], s[i + 1]) that cover [0, input), in a random order of sizes.
Ints RandomStarts(int64_t input, int64_t output, PhiloxState* state) {
  Ints sizes(static_cast<size_t>(output), input / output);
  std::fill_n(sizes.begin(), input % output, input / output + 1);
  Philox generator = state->ReserveWords(static_cast<uint64_t>(output));
  Philox::Sample words{};
  size_t used = words.size();
  const auto next = [&](uint32_t limit) {
    if (used == words.size()) {
      words = generator();
      used = 0;
    }
    return words[used++] % limit;
  };
  // Fisher and Yates, from the front.
  for (size_t left = sizes.size(), i = 0; left > 1; --left, ++i)
    std::swap(sizes[i], sizes[i + next(static_cast<uint32_t>(left))]);
  Ints starts{0};
  for (int64_t s : sizes) starts.push_back(starts.back() + s);
  return starts;
}

// a_i = ceil(alpha (i + u)) with one random number u, which is small enough for the first and the
// last window to have k or k + 1 elements too.
Ints PseudoRandomStarts(int64_t input, int64_t output, PhiloxState* state) {
  const double alpha = static_cast<double>(input) / static_cast<double>(output);
  const int64_t k = input / output;
  const double first = static_cast<double>(k + 2) / alpha - 1;
  const double last = static_cast<double>(input + 1 - k) / alpha - static_cast<double>(output - 1);
  const Philox::Sample words = state->ReserveWords(2)();
  const double u = random::ToDouble(words[0], words[1]) * std::min(first, last);
  Ints starts{0};
  for (int64_t i = 1; i < output; ++i) {
    // Rounding must not put a start outside of the image, nor before the one before.
    const auto at = static_cast<int64_t>(std::ceil(alpha * (static_cast<double>(i) + u))) - 1;
    starts.push_back(std::clamp(at, starts.back(), input));
  }
  starts.push_back(input);
  return starts;
}

// ---- windows ------------------------------------------------------------------------------------

struct Windows {
  const int64_t *rows, *columns;  // starts
  bool overlapping;
  int64_t batch, in_rows, in_columns, channels, out_rows, out_columns;

  int64_t LastOf(const int64_t* starts, int64_t i, int64_t size) const {
    return std::min(starts[i + 1] + (overlapping ? 1 : 0), size);
  }
  // Calls visit(first element of the pooled pixel, top, bottom, left, right) for images
  // [begin, end); bottom and right are not part of the window.
  template <typename Visit>
  void ForEach(int64_t begin, int64_t end, Visit visit) const {
    for (int64_t b = begin; b < end; ++b) {
      for (int64_t y = 0; y < out_rows; ++y) {
        for (int64_t x = 0; x < out_columns; ++x) {
          visit(((b * out_rows + y) * out_columns + x) * channels, b, rows[y],
                LastOf(rows, y, in_rows), columns[x], LastOf(columns, x, in_columns));
        }
      }
    }
  }
  int64_t PixelAt(int64_t b, int64_t y, int64_t x) const {
    return ((b * in_rows + y) * in_columns + x) * channels;
  }
  double cost() const {
    return 0.5 * static_cast<double>(in_rows) * static_cast<double>(in_columns) *
           static_cast<double>(channels);
  }
};

// ---- the ops ------------------------------------------------------------------------------------

template <typename T, bool kMax>
class FractionalPool final : public Kernel {
 public:
  explicit FractionalPool(KernelConstruction& c)
      : ratio_(c.Attr<std::vector<float>>("pooling_ratio")),
        pseudo_random_(c.Attr<bool>("pseudo_random")),
        overlapping_(c.Attr<bool>("overlapping")),
        deterministic_(c.Attr<bool>("deterministic")),
        state_(c) {
    c.Fail(CheckAttrs(c));
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    if (x.rank() != 4)
      return ctx.InvalidArgument(
          StrCat("tensor_in must be 4-dimensional, but has shape ", x.shape().ToString()));
    Ints out(4);
    for (int d = 0; d < 4; ++d) {
      const float ratio = ratio_[static_cast<size_t>(d)];
      if (static_cast<float>(x.dim(d)) < ratio) {
        return ctx.InvalidArgument(
            StrCat("Pooling ratio is higher than input dimension size for dimension ", d,
                   ". Input dim size: ", x.dim(d), " pooling ratio: ", ratio));
      }
      out[static_cast<size_t>(d)] =
          static_cast<int64_t>(std::floor(static_cast<float>(x.dim(d)) / ratio));
    }
    Ints rows, columns;
    Starts(x.dim(1), out[1], x.dim(2), out[2], &rows, &columns);
    WEFT_ASSIGN_OR_RETURN(const Shape shape, MakeShape(ctx, {x.dim(0), out[1], out[2], x.dim(3)}));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    WEFT_RETURN_IF_ERROR(StoreStarts(ctx, 1, rows));
    WEFT_RETURN_IF_ERROR(StoreStarts(ctx, 2, columns));
    const Windows w{rows.data(), columns.data(), overlapping_, x.dim(0), x.dim(1),
                    x.dim(2),    x.dim(3),       out[1],       out[2]};
    ctx.ParallelFor(w.batch, w.cost(), [&](int64_t begin, int64_t end) {
      PoolImages(w, x.data<T>(), begin, end, y->mutable_data<T>());
    });
    return absl::OkStatus();
  }

 private:
  absl::Status CheckAttrs(KernelConstruction& c) const {
    if (ratio_.size() != 4)
      return absl::InvalidArgumentError("pooling_ratio field must specify 4 dimensions");
    for (float r : ratio_) {
      if (!(r >= 1))
        return absl::InvalidArgumentError(
            StrCat("pooling_ratio cannot be smaller than 1, got: ", r));
    }
    if (ratio_[0] != 1 || ratio_[3] != 1) {
      return absl::UnimplementedError(StrCat("Fractional ", kMax ? "max" : "average",
                                             " pooling is not yet supported on the batch nor "
                                             "channel dimension."));
    }
    if (!deterministic_ && (c.Attr<int64_t>("seed") != 0 || c.Attr<int64_t>("seed2") != 0)) {
      return absl::InvalidArgumentError(
          "Both seed and seed2 should be 0 if deterministic is false.");
    }
    return absl::OkStatus();
  }

  // A deterministic op keeps its first windows.
  void Starts(int64_t in_rows, int64_t out_rows, int64_t in_columns, int64_t out_columns,
              Ints* rows, Ints* columns) {
    std::lock_guard lock(mu_);
    if (deterministic_ && !rows_.empty() && rows_.back() == in_rows &&
        columns_.back() == in_columns) {
      *rows = rows_;
      *columns = columns_;
      return;
    }
    const auto starts = [&](int64_t in, int64_t out) {
      return pseudo_random_ ? PseudoRandomStarts(in, out, &state_) : RandomStarts(in, out, &state_);
    };
    *rows = starts(in_rows, out_rows);
    *columns = starts(in_columns, out_columns);
    if (deterministic_) {
      rows_ = *rows;
      columns_ = *columns;
    }
  }

  static absl::Status StoreStarts(KernelContext& ctx, int output, const Ints& starts) {
    const auto n = static_cast<int64_t>(starts.size());
    WEFT_ASSIGN_OR_RETURN(Array * a, ctx.AllocateOutput(output, Shape({n})));
    std::copy(starts.begin(), starts.end(), a->mutable_data<int64_t>());
    return absl::OkStatus();
  }

  static void PoolImages(const Windows& w, const T* x, int64_t begin, int64_t end, T* y) {
    w.ForEach(begin, end,
              [&](int64_t to, int64_t b, int64_t top, int64_t bottom, int64_t left, int64_t right) {
                std::fill_n(y + to, w.channels, kMax ? std::numeric_limits<T>::lowest() : T(0));
                for (int64_t r = top; r < bottom; ++r) {
                  for (int64_t c = left; c < right; ++c) {
                    const T* from = x + w.PixelAt(b, r, c);
                    for (int64_t k = 0; k < w.channels; ++k) {
                      T& sum = y[to + k];
                      if constexpr (kMax)
                        sum = from[k] > sum ? from[k] : sum;
                      else
                        sum = arithmetic::Add(sum, from[k]);
                    }
                  }
                }
                if (kMax) return;
                const T count =
                    static_cast<T>(std::max<int64_t>(1, (bottom - top) * (right - left)));
                for (int64_t k = 0; k < w.channels; ++k) y[to + k] /= count;
              });
  }

  const std::vector<float> ratio_;
  const bool pseudo_random_, overlapping_, deterministic_;
  PhiloxState state_;
  std::mutex mu_;
  Ints rows_, columns_;
};

class FractionalPoolGrad : public Kernel {
 public:
  explicit FractionalPoolGrad(KernelConstruction& c) : overlapping_(c.Attr<bool>("overlapping")) {}

 protected:
  // dy: the number of the gradient's input; the starts of rows and columns follow.
  absl::StatusOr<Windows> ReadWindows(KernelContext& ctx, const Shape& in, int dy) const {
    const Shape& out = ctx.input(dy).shape();
    if (in.rank() != 4 || out.rank() != 4) {
      return ctx.InvalidArgument(StrCat("input and out_backprop must be 4-dimensional, but have ",
                                        in.ToString(), " and ", out.ToString()));
    }
    if (in.dim(0) != out.dim(0) || in.dim(3) != out.dim(3)) {
      return ctx.InvalidArgument(StrCat("out_backprop of shape ", out.ToString(),
                                        " must have batch and depth of the input, ",
                                        in.ToString()));
    }
    WEFT_RETURN_IF_ERROR(CheckStarts(ctx, "row", ctx.input(dy + 1), in.dim(1), out.dim(1)));
    WEFT_RETURN_IF_ERROR(CheckStarts(ctx, "col", ctx.input(dy + 2), in.dim(2), out.dim(2)));
    return Windows{ctx.input(dy + 1).data<int64_t>(),
                   ctx.input(dy + 2).data<int64_t>(),
                   overlapping_,
                   in.dim(0),
                   in.dim(1),
                   in.dim(2),
                   in.dim(3),
                   out.dim(1),
                   out.dim(2)};
  }

 private:
  static absl::Status CheckStarts(KernelContext& ctx, std::string_view name, const Array& starts,
                                  int64_t in, int64_t out) {
    if (starts.rank() != 1) {
      return ctx.InvalidArgument(StrCat(name, "_pooling_sequence must be a vector, received shape ",
                                        starts.shape().ToString()));
    }
    if (starts.dim(0) != out + 1) {
      return ctx.InvalidArgument(StrCat(name, "_pooling_sequence must have ", out + 1,
                                        " elements, one more than out_backprop has, but has ",
                                        starts.dim(0)));
    }
    const int64_t* s = starts.data<int64_t>();
    for (int64_t i = 0; i <= out; ++i) {
      if (s[i] < 0 || s[i] > in || (i > 0 && s[i] < s[i - 1])) {
        return ctx.InvalidArgument(StrCat(name, "_pooling_sequence must ascend from 0 to ", in,
                                          ", but element ", i, " is ", s[i]));
      }
    }
    return absl::OkStatus();
  }
  const bool overlapping_;
};

// To the first of the largest elements of a window.
template <typename T>
class FractionalMaxPoolGrad final : public FractionalPoolGrad {
 public:
  using FractionalPoolGrad::FractionalPoolGrad;
  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &pooled = ctx.input(1), &dy = ctx.input(2);
    WEFT_ASSIGN_OR_RETURN(const Windows w, ReadWindows(ctx, x.shape(), 2));
    if (!(pooled.shape() == dy.shape())) {
      return ctx.InvalidArgument(
          StrCat("orig_output and out_backprop must have the same shape, "
                 "but have ",
                 pooled.shape().ToString(), " and ", dy.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.AllocateOutput(0, x.shape()));
    const T *in = x.data<T>(), *gradient = dy.data<T>();
    T* out = dx->mutable_data<T>();
    std::fill_n(out, dx->num_elements(), T(0));
    ctx.ParallelFor(w.batch, w.cost(), [&](int64_t begin, int64_t end) {
      w.ForEach(
          begin, end,
          [&](int64_t from, int64_t b, int64_t top, int64_t bottom, int64_t left, int64_t right) {
            for (int64_t k = 0; k < w.channels; ++k) {
              int64_t best = -1;
              for (int64_t r = top; r < bottom; ++r) {
                for (int64_t c = left; c < right; ++c) {
                  const int64_t at = w.PixelAt(b, r, c) + k;
                  if (best < 0 || in[at] > in[best]) best = at;
                }
              }
              if (best >= 0) out[best] = arithmetic::Add(out[best], gradient[from + k]);
            }
          });
    });
    return absl::OkStatus();
  }
};

// In equal shares to the elements of a window.
template <typename T>
class FractionalAvgPoolGrad final : public FractionalPoolGrad {
 public:
  using FractionalPoolGrad::FractionalPoolGrad;
  absl::Status Compute(KernelContext& ctx) override {
    const Array& sizes = ctx.input(0);
    if (!(sizes.shape() == Shape({4}))) {
      return ctx.InvalidArgument(
          StrCat("original input tensor shape must be 1-dimensional and 4 elements, but has shape ",
                 sizes.shape().ToString()));
    }
    const int64_t* s = sizes.data<int64_t>();
    WEFT_ASSIGN_OR_RETURN(const Shape shape, MakeShape(ctx, {s[0], s[1], s[2], s[3]}));
    WEFT_ASSIGN_OR_RETURN(const Windows w, ReadWindows(ctx, shape, 1));
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.AllocateOutput(0, shape));
    // Sums are kept as double, as in TensorFlow: shares of integers are cut off at the end.
    WEFT_ASSIGN_OR_RETURN(Array sums, ctx.AllocateTemp(kFloat64, shape));
    double* sum = sums.mutable_data<double>();
    std::fill_n(sum, sums.num_elements(), 0.0);
    const T* gradient = ctx.input(1).data<T>();
    ctx.ParallelFor(w.batch, w.cost(), [&](int64_t begin, int64_t end) {
      w.ForEach(
          begin, end,
          [&](int64_t from, int64_t b, int64_t top, int64_t bottom, int64_t left, int64_t right) {
            const double count = static_cast<double>((bottom - top) * (right - left));
            for (int64_t r = top; r < bottom; ++r) {
              for (int64_t c = left; c < right; ++c) {
                const int64_t to = w.PixelAt(b, r, c);
                for (int64_t k = 0; k < w.channels; ++k)
                  sum[to + k] += static_cast<double>(gradient[from + k]) / count;
              }
            }
          });
    });
    T* out = dx->mutable_data<T>();
    for (int64_t i = 0; i < dx->num_elements(); ++i) out[i] = static_cast<T>(sum[i]);
    return absl::OkStatus();
  }
};

}  // namespace

void RegisterFractionalPoolKernels(KernelRegistry& kernels) {
  ForTypes<float, double, int32_t, int64_t>([&]<typename T>() {
    const KernelConstraints type = {{"T", dtype_of<T>}};
    kernels.Add<FractionalPool<T, true>>("FractionalMaxPool", kCpu, type);
    kernels.Add<FractionalPool<T, false>>("FractionalAvgPool", kCpu, type);
    kernels.Add<FractionalMaxPoolGrad<T>>("FractionalMaxPoolGrad", kCpu, type);
    kernels.Add<FractionalAvgPoolGrad<T>>("FractionalAvgPoolGrad", kCpu, type);
  });
}

}  // namespace weft
