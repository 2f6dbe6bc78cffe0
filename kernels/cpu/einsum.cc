// SPDX-License-Identifier: Apache-2.0
// Einsum: each operand is brought into the form of a stack of matrices - copied only where its own
// layout is none already -, the stacks are multiplied, and the result's dimensions are put where
// the equation wants them.
#include <algorithm>
#include <atomic>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/common/copy_plan.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/strided_copy.h"
#include "src/core/einsum.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using cpu::GemmArgs;
using cpu::MatrixOp;

// A label of the equation, or one of the dimensions that an ellipsis stands for, counted from the
// last: kFirstEllipsisLabel is the last.
using Label = int;
constexpr Label kFirstEllipsisLabel = 256;

using Labels = std::vector<Label>;
bool Has(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

// An operand or the result as a function of labels. A label that comes twice (a diagonal) has the
// sum of the strides.
struct View {
  struct Dim {
    int64_t size = 1, stride = 0;
  };
  Array array;
  Labels labels;  // distinct, in order of their first places
  std::map<Label, Dim> dims;
  bool has_repeats = false;

  int64_t Size(const Labels& of) const {
    return std::accumulate(of.begin(), of.end(), int64_t{1},
                           [this](int64_t n, Label l) { return n * dims.at(l).size; });
  }
};

// The labels of each dimension of an array with this subscript.
Labels DimensionLabels(const std::string& subscript, int rank) {
  Labels labels;
  const int covered = rank - static_cast<int>(subscript.size()) + 1;
  for (char c : subscript) {
    if (c != kEllipsis) labels.push_back(static_cast<unsigned char>(c));
    for (int i = covered; c == kEllipsis && i > 0; --i)
      labels.push_back(kFirstEllipsisLabel + i - 1);
  }
  return labels;
}

View MakeView(const Array& array, const std::string& subscript) {
  View v;
  v.array = array;
  const Labels of_dims = DimensionLabels(subscript, array.rank());
  int64_t stride = 1;
  std::vector<int64_t> strides(of_dims.size());
  for (size_t d = of_dims.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= array.dim(static_cast<int>(d));
  }
  for (size_t d = 0; d < of_dims.size(); ++d) {
    const auto [it, is_new] =
        v.dims.try_emplace(of_dims[d], View::Dim{array.dim(static_cast<int>(d)), 0});
    it->second.stride += strides[d];
    if (is_new) v.labels.push_back(of_dims[d]);
    v.has_repeats = v.has_repeats || !is_new;
  }
  return v;
}

// Takes away the ellipsis' dimensions of size 1: where the other operand has more, they are
// broadcast.
void DropBroadcast(View* v) {
  std::erase_if(v->labels, [v](Label l) {
    const bool drop = l >= kFirstEllipsisLabel && v->dims.at(l).size == 1;
    if (drop) v->dims.erase(l);
    return drop;
  });
}

// Sizes and strides of the dimensions named, in that order, over a dense destination.
CopyDims DenseFrom(const View& v, const Labels& order) {
  CopyDims dims;
  int64_t stride = v.Size(order);
  for (Label l : order) {
    const View::Dim& d = v.dims.at(l);
    stride = d.size == 0 ? 0 : stride / d.size;
    dims.push_back({d.size, stride, d.stride});
  }
  return dims;
}

// True if the view's elements already lie one after the other in this order of labels.
bool IsDense(const View& v, const Labels& order) {
  CopyDims dims = DenseFrom(v, order);
  return std::all_of(dims.begin(), dims.end(),
                     [](const CopyDim& d) { return d.size == 1 || d.dst_stride == d.src_stride; });
}

template <typename T>
struct SumOf {
  using type = T;
};
template <>
struct SumOf<half> {
  using type = float;
};
template <>
struct SumOf<bfloat16> {
  using type = float;
};
template <>
struct SumOf<int32_t> {
  using type = uint32_t;  // wraps around
};
template <>
struct SumOf<int64_t> {
  using type = uint64_t;
};

// The sum of `n` elements `stride` apart, in several interleaved sums.
template <typename Sum, typename T>
Sum SumRun(const T* x, int64_t n, int64_t stride) {
  constexpr int64_t kLanes = 16;
  Sum lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t j = 0; j < kLanes; ++j) lanes[j] += static_cast<Sum>(x[(i + j) * stride]);
  }
  for (int64_t j = 0; i < n; ++i, ++j) lanes[j] += static_cast<Sum>(x[i * stride]);
  for (int64_t half_lanes = kLanes / 2; half_lanes > 0; half_lanes /= 2) {
    for (int64_t j = 0; j < half_lanes; ++j) lanes[j] += lanes[j + half_lanes];
  }
  return lanes[0];
}

// out[kept...] = sum over the reduced dimensions.
template <typename T>
void SumOut(KernelContext& ctx, const View& v, const Labels& kept, const Labels& reduced, T* out) {
  using Sum = typename SumOf<T>::type;
  constexpr int64_t kBlock = 256;
  const T* in = v.array.data<T>();
  CopyDims outer = DenseFrom(v, kept);
  CopyDims inner = DenseFrom(v, reduced);
  CollapseCopy(&outer);
  CollapseCopy(&inner);
  if (outer.empty()) outer.push_back({});
  const CopyDim row = outer.back();  // summed side by side
  outer.pop_back();
  CopyDim run;  // added up at once if there is nothing side by side
  if (row.size == 1 && !inner.empty()) {
    run = inner.back();
    inner.pop_back();
  }
  const int64_t positions = CopyCount(inner);
  ctx.ParallelFor(CopyCount(outer),
                  0.5 * static_cast<double>(row.size) * static_cast<double>(positions * run.size),
                  [&](int64_t begin, int64_t end) {
                    CopyOdometer at(outer);
                    at.Seek(begin);
                    Sum sums[kBlock];
                    for (int64_t i = begin; i < end; ++i, at.Next()) {
                      for (int64_t j0 = 0; j0 < row.size; j0 += kBlock) {
                        const int64_t width = std::min(kBlock, row.size - j0);
                        std::fill_n(sums, width, Sum(0));
                        const T* from = in + at.src() + j0 * row.src_stride;
                        CopyOdometer position(inner);
                        for (int64_t p = 0; p < positions; ++p, position.Next()) {
                          const T* x = from + position.src();
                          if (width == 1) {
                            sums[0] += SumRun<Sum>(x, run.size, run.src_stride);
                            continue;
                          }
                          for (int64_t j = 0; j < width; ++j)
                            sums[j] += static_cast<Sum>(x[j * row.src_stride]);
                        }
                        T* to = out + at.dst() + j0;
                        for (int64_t j = 0; j < width; ++j) to[j] = T(sums[j]);
                      }
                    }
                  });
}

// The view with its elements dense in the order `kept`, the other labels summed over.
template <typename T>
absl::StatusOr<Array> Densify(KernelContext& ctx, const View& v, const Labels& kept) {
  Labels reduced;
  for (Label l : v.labels) {
    if (!Has(kept, l)) reduced.push_back(l);
  }
  if (reduced.empty() && IsDense(v, kept) && !v.has_repeats) return v.array;
  WEFT_ASSIGN_OR_RETURN(Array out, ctx.AllocateTemp(v.array.dtype(), Shape({v.Size(kept)})));
  if (out.num_elements() == 0) return out;
  if (reduced.empty()) {
    StridedCopy(ctx, v.array, 0, out, 0, DenseFrom(v, kept));
  } else {
    SumOut<T>(ctx, v, kept, reduced, out.mutable_data<T>());
  }
  return out;
}

Labels Concat(std::initializer_list<const Labels*> parts) {
  Labels all;
  for (const Labels* part : parts) all.insert(all.end(), part->begin(), part->end());
  return all;
}

// An operand as a stack of matrices.
struct Stack {
  Array array;
  bool transposed = false;  // [batch, inner, free], else [batch, free, inner]
};
template <typename T>
absl::StatusOr<Stack> MakeStack(KernelContext& ctx, const View& v, const Labels& batch,
                                const Labels& free, const Labels& inner) {
  const Labels straight = Concat({&batch, &free, &inner}),
               flipped = Concat({&batch, &inner, &free});
  Stack s;
  s.transposed = straight.size() == v.labels.size() && !v.has_repeats && !IsDense(v, straight) &&
                 IsDense(v, flipped);
  WEFT_ASSIGN_OR_RETURN(s.array, Densify<T>(ctx, v, s.transposed ? flipped : straight));
  return s;
}

// Puts `value`, dense in the order `labels`, into the result, whose repeated labels are diagonals.
template <typename T>
absl::Status Place(KernelContext& ctx, const Array& value, const Labels& labels, View& result,
                   Array* output) {
  if (result.has_repeats) std::fill_n(output->mutable_data<T>(), output->num_elements(), T(0.f));
  CopyDims dims = DenseFrom(result, labels);
  for (CopyDim& d : dims) std::swap(d.dst_stride, d.src_stride);
  StridedCopy(ctx, value, 0, *output, 0, dims);
  return absl::OkStatus();
}

template <typename T>
class EinsumKernel : public Kernel {
 public:
  explicit EinsumKernel(KernelConstruction& c) {
    absl::StatusOr<EinsumEquation> equation =
        EinsumEquation::Parse(c.Attr<std::string>("equation"));
    if (!equation.ok()) {
      c.Fail(equation.status());
      return;
    }
    equation_ = *std::move(equation);
    if (static_cast<int>(equation_.inputs.size()) != c.num_inputs()) {
      c.Fail(
          absl::InvalidArgumentError(StrCat("Expected ", equation_.inputs.size(),
                                            " inputs for the equation but got: ", c.num_inputs())));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    std::vector<PartialShape> shapes;
    for (int i = 0; i < ctx.num_inputs(); ++i) shapes.push_back(PartialShape(ctx.input(i).shape()));
    const absl::StatusOr<PartialShape> shape = EinsumShape(equation_, shapes);
    if (!shape.ok()) return ctx.Error(shape.status().code(), std::string(shape.status().message()));
    Shape output_shape;
    std::string error;
    if (!Shape::Make(shape->dims(), &output_shape, &error)) return ctx.InvalidArgument(error);
    WEFT_ASSIGN_OR_RETURN(Array * output, ctx.AllocateOutput(0, output_shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    View result = MakeView(*output, equation_.output);
    if (ctx.num_inputs() == 1) return Unary(ctx, result, output);
    return Binary(ctx, result, output);
  }

 private:
  absl::Status Unary(KernelContext& ctx, View& result, Array* output) const {
    const View x = MakeView(ctx.input(0), equation_.inputs[0]);
    const bool all_kept = x.labels.size() == result.labels.size();
    if (all_kept && !result.has_repeats) {  // transposes and diagonals: one copy
      StridedCopy(ctx, x.array, 0, *output, 0, DenseFrom(x, result.labels));
      return absl::OkStatus();
    }
    if (!result.has_repeats) {
      Labels reduced;
      for (Label l : x.labels) {
        if (!Has(result.labels, l)) reduced.push_back(l);
      }
      SumOut<T>(ctx, x, result.labels, reduced, output->mutable_data<T>());
      return absl::OkStatus();
    }
    WEFT_ASSIGN_OR_RETURN(const Array dense, Densify<T>(ctx, x, result.labels));
    return Place<T>(ctx, dense, result.labels, result, output);
  }

  absl::Status Binary(KernelContext& ctx, View& result, Array* output) const {
    View x = MakeView(ctx.input(0), equation_.inputs[0]),
         y = MakeView(ctx.input(1), equation_.inputs[1]);
    DropBroadcast(&x);
    DropBroadcast(&y);
    Labels batch, x_free, y_free, inner;
    bool x_first = true, free_seen = false;  // which operand's own labels come first in the result
    for (Label l : result.labels) {
      const bool in_x = Has(x.labels, l), in_y = Has(y.labels, l);
      if (in_x && in_y) batch.push_back(l);
      if (in_x == in_y) continue;
      if (!free_seen) x_first = in_x;
      free_seen = true;
      (in_x ? x_free : y_free).push_back(l);
    }
    if (!x_first) {
      std::swap(x, y);
      std::swap(x_free, y_free);
    }
    for (Label l : x.labels) {
      if (Has(y.labels, l) && !Has(result.labels, l)) inner.push_back(l);
    }
    WEFT_ASSIGN_OR_RETURN(const Stack left, MakeStack<T>(ctx, x, batch, x_free, inner));
    WEFT_ASSIGN_OR_RETURN(const Stack right, MakeStack<T>(ctx, y, batch, y_free, inner));
    const GemmArgs gemm = {left.transposed ? MatrixOp::kTranspose : MatrixOp::kNone,
                           right.transposed ? MatrixOp::kNone : MatrixOp::kTranspose,
                           x.Size(x_free),
                           y.Size(y_free),
                           x.Size(inner),
                           1};
    const Labels order = Concat({&batch, &x_free, &y_free});
    if (!result.has_repeats && IsDense(result, order)) {
      return Multiply(ctx, gemm, x.Size(batch), left.array.data<T>(), right.array.data<T>(),
                      output->mutable_data<T>());
    }
    WEFT_ASSIGN_OR_RETURN(
        Array product, ctx.AllocateTemp(output->dtype(), Shape({x.Size(batch), gemm.m, gemm.n})));
    WEFT_RETURN_IF_ERROR(Multiply(ctx, gemm, x.Size(batch), left.array.data<T>(),
                                  right.array.data<T>(), product.mutable_data<T>()));
    return Place<T>(ctx, product, order, result, output);
  }

  static absl::Status Multiply(KernelContext& ctx, GemmArgs gemm, int64_t count, const T* x,
                               const T* y, T* z) {
    if (count == 1) {
      gemm.threads = ctx.num_threads();
      return cpu::GemmAny(gemm, x, y, z);
    }
    const int64_t x_size = gemm.m * gemm.k, y_size = gemm.k * gemm.n, z_size = gemm.m * gemm.n;
    std::atomic<bool> no_memory = false;
    const double cost = 100 + static_cast<double>(z_size) * static_cast<double>(gemm.k) / 40;
    ctx.ParallelFor(count, cost, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (!cpu::GemmAny(gemm, x + i * x_size, y + i * y_size, z + i * z_size).ok())
          no_memory = true;
      }
    });
    if (no_memory)
      return ctx.Error(absl::StatusCode::kResourceExhausted,
                       "no memory for the blocks of a matrix product in float");
    return absl::OkStatus();
  }

  EinsumEquation equation_;
};

}  // namespace

void RegisterEinsumKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16, complex64, complex128, int32_t, int64_t>(
      [&]<typename T>() {
        kernels.Add<EinsumKernel<T>>("Einsum", kCpu, {{"T", dtype_of<T>}});
      });
}

}  // namespace weft
