// SPDX-License-Identifier: Apache-2.0
// Kernels that reorder elements: Transpose, ConjugateTranspose, InvertPermutation, Reverse,
// ReverseV2, ReverseSequence, Roll.
#include <complex>
#include <cstdint>
#include <utility>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/element_class.h"
#include "kernels/cpu/piecewise_copy.h"
#include "kernels/cpu/strided_copy.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// Input 1 as a permutation of `rank` dimensions.
absl::StatusOr<IndexVector> ReadPermutation(KernelContext& ctx, int rank) {
  const Array& perm_input = ctx.input(1);
  if (perm_input.rank() != 1) {
    return ctx.InvalidArgument(
        StrCat("perm must be rank 1, got shape ", perm_input.shape().ToString()));
  }
  if (perm_input.num_elements() != rank) {
    return ctx.InvalidArgument(StrCat("transpose expects a vector of size ", rank,
                                      ". But input(1) is a vector of size ",
                                      perm_input.num_elements()));
  }
  IndexVector perm = ReadInts(perm_input);
  absl::InlinedVector<bool, 8> seen(rank, false);
  for (int64_t& p : perm) {
    if (p < -rank || p >= rank) {
      return ctx.InvalidArgument(StrCat(p, " is out of range [0 .. ", rank, ")"));
    }
    if (p < 0) p += rank;
    seen[p] = true;
  }
  for (int i = 0; i < rank; ++i) {
    if (!seen[i])
      return ctx.InvalidArgument(StrCat(i, " is missing from {", StrJoin(perm, ","), "}."));
  }
  return perm;
}

// True if dimensions of more than one element keep their order: then the elements do, too.
bool KeepsOrder(const Shape& shape, const IndexVector& perm) {
  int64_t last = -1;
  for (int64_t p : perm) {
    if (shape.dim(static_cast<int>(p)) == 1) continue;
    if (p < last) return false;
    last = p;
  }
  return true;
}

template <typename T>
void ConjugateInPlace(KernelContext& ctx, Array* a) {
  T* values = a->mutable_data<T>();
  ctx.ParallelFor(a->num_elements(), 1.0, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) values[i] = std::conj(values[i]);
  });
}

absl::Status TransposeInput(KernelContext& ctx, bool conjugate) {
  const Array& x = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(const IndexVector perm, ReadPermutation(ctx, x.rank()));
  IndexVector sizes;
  for (int64_t p : perm) sizes.push_back(x.dim(static_cast<int>(p)));
  const Shape shape{std::span<const int64_t>(sizes)};
  conjugate &= IsComplex(x.dtype());
  if (!conjugate && KeepsOrder(x.shape(), perm)) {
    ctx.set_output(0, x.Reshaped(shape));
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  TransposeInto(ctx, x, perm, out);
  if (!conjugate) return absl::OkStatus();
  if (x.dtype() == kComplex64) {
    ConjugateInPlace<complex64>(ctx, out);
  } else {
    ConjugateInPlace<complex128>(ctx, out);
  }
  return absl::OkStatus();
}

absl::Status Transpose(KernelContext& ctx) { return TransposeInput(ctx, false); }
absl::Status ConjugateTranspose(KernelContext& ctx) { return TransposeInput(ctx, true); }

template <typename T>
absl::Status InvertPermutation(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  if (x.rank() != 1) return ctx.InvalidArgument("invert_permutation expects a 1D vector.");
  const int64_t n = x.num_elements();
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, x.shape()));
  const T* from = x.data<T>();
  T* to = out->mutable_data<T>();
  std::fill_n(to, n, T(-1));
  for (int64_t i = 0; i < n; ++i) {
    const int64_t p = static_cast<int64_t>(from[i]);
    if (p < 0 || p >= n) return ctx.InvalidArgument(StrCat(p, " is not between 0 and ", n));
    if (to[p] != -1) return ctx.InvalidArgument(StrCat(p, " is duplicated in the input."));
    to[p] = static_cast<T>(i);
  }
  return absl::OkStatus();
}

// TensorFlow's limit for Reverse and ReverseV2.
constexpr int kMaxReverseRank = 8;

absl::Status ReverseAxes(KernelContext& ctx, const absl::InlinedVector<bool, 8>& reversed) {
  const Array& x = ctx.input(0);
  const IndexVector strides = RowMajorStrides(x.shape().dims());
  CopyDims dims;
  int64_t offset = 0;
  bool changes = false;
  for (int d = 0; d < x.rank(); ++d) {
    const bool backwards = reversed[d] && x.dim(d) > 1;
    changes |= backwards;
    dims.push_back({x.dim(d), strides[d], backwards ? -strides[d] : strides[d]});
    if (backwards) offset += (x.dim(d) - 1) * strides[d];
  }
  if (!changes) {
    ctx.set_output(0, x);
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, x.shape()));
  StridedCopy(ctx, x, offset, *out, 0, std::move(dims));
  return absl::OkStatus();
}

absl::Status CheckReverseRank(KernelContext& ctx, int rank) {
  if (rank <= kMaxReverseRank) return absl::OkStatus();
  return ctx.Error(
      absl::StatusCode::kUnimplemented,
      StrCat("reverse is not implemented for tensors of rank > ", kMaxReverseRank, "."));
}

absl::Status Reverse(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  const Array& dims = ctx.input(1);
  if (dims.rank() != 1) {
    return ctx.InvalidArgument(StrCat("'dims' must be 1-dimension, not ", dims.rank()));
  }
  if (dims.num_elements() != x.rank()) {
    return ctx.InvalidArgument(
        StrCat("'dims' must have the same number of values as 'input' has dimensions. 'input' has ",
               x.rank(), ", 'dims' has ", dims.num_elements(), " values"));
  }
  WEFT_RETURN_IF_ERROR(CheckReverseRank(ctx, x.rank()));
  // A rule of this op alone: ReverseV2 takes such an input.
  if (x.rank() > 0 && x.dim(0) == 0)
    return ctx.InvalidArgument("Invalid input first dimension. Found 0.");
  const bool* flags = dims.data<bool>();
  return ReverseAxes(ctx, absl::InlinedVector<bool, 8>(flags, flags + x.rank()));
}

absl::Status ReverseV2(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  const Array& axes = ctx.input(1);
  if (axes.rank() > 1)
    return ctx.InvalidArgument(StrCat("'dims' must be 1-dimension, not ", axes.rank()));
  WEFT_RETURN_IF_ERROR(CheckReverseRank(ctx, x.rank()));
  absl::InlinedVector<bool, 8> reversed(x.rank(), false);
  const IndexVector values = ReadInts(axes);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < -x.rank() || values[i] >= x.rank()) {
      return ctx.InvalidArgument(StrCat("'axis'[", i, "] = ", values[i],
                                        " is out of valid range [0, ", x.rank() - 1, "]"));
    }
    const int64_t axis = values[i] < 0 ? values[i] + x.rank() : values[i];
    if (reversed[axis])
      return ctx.InvalidArgument(StrCat("axis ", axis, " specified more than once."));
    reversed[axis] = true;
  }
  return ReverseAxes(ctx, reversed);
}

class ReverseSequence : public Kernel {
 public:
  explicit ReverseSequence(KernelConstruction& c)
      : seq_dim_(c.Attr<int64_t>("seq_dim")), batch_dim_(c.AttrOr<int64_t>("batch_dim", 0)) {
    if (seq_dim_ < 0) c.Fail(absl::InvalidArgumentError(StrCat("Invalid seq_dim ", seq_dim_)));
    if (batch_dim_ < 0)
      c.Fail(absl::InvalidArgumentError(StrCat("Invalid batch_dim ", batch_dim_)));
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_RETURN_IF_ERROR(CheckInputs(ctx));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, x.shape()));
    if (x.num_elements() == 0) return absl::OkStatus();
    const IndexVector lengths = ReadInts(ctx.input(1));
    WithElementClass(x.dtype(), [&]<typename U>() {
      Copy(ctx, lengths, ElementsOf<U>(x), MutableElementsOf<U>(*out));
    });
    return absl::OkStatus();
  }

 private:
  absl::Status CheckInputs(KernelContext& ctx) const {
    const Array& x = ctx.input(0);
    const Array& lengths = ctx.input(1);
    if (seq_dim_ >= x.rank())
      return ctx.InvalidArgument(
          StrCat("seq_dim must be < input rank ( ", seq_dim_, " vs. ", x.rank(), ")"));
    if (batch_dim_ >= x.rank()) {
      return ctx.InvalidArgument(
          StrCat("batch_dim must be < input rank ( ", batch_dim_, " vs. ", x.rank(), ")"));
    }
    if (batch_dim_ == seq_dim_)
      return ctx.InvalidArgument(StrCat("batch_dim == seq_dim == ", seq_dim_));
    const int64_t batch = x.dim(static_cast<int>(batch_dim_)),
                  steps = x.dim(static_cast<int>(seq_dim_));
    if (lengths.rank() != 1) {
      return ctx.InvalidArgument(StrCat("seq_lens input must be 1-dim, not ", lengths.rank()));
    }
    if (lengths.num_elements() != batch) {
      return ctx.InvalidArgument(StrCat("Length of seq_lengths != input.dims(", batch_dim_, "), (",
                                        lengths.num_elements(), " vs. ", batch, ")"));
    }
    for (int64_t b = 0; b < batch; ++b) {
      const int64_t length = lengths.AsInt64(b);
      if (length < 0) return ctx.InvalidArgument(StrCat("seq_lens(", b, ") < 0"));
      if (length > steps)
        return ctx.InvalidArgument(StrCat("seq_lens(", b, ") > input.dims(", seq_dim_, ")"));
    }
    return absl::OkStatus();
  }

  // x is [outer, first, middle, second, inner], where first and second are the batch and the
  // sequence in either order.
  template <typename U>
  void Copy(KernelContext& ctx, const IndexVector& lengths, const U* x, U* out) const {
    const std::span<const int64_t> sizes = ctx.input(0).shape().dims();
    const int first = static_cast<int>(std::min(seq_dim_, batch_dim_)),
              second = static_cast<int>(std::max(seq_dim_, batch_dim_));
    const int64_t middle = Product(sizes, first + 1, second);
    const int64_t inner = Product(sizes, second + 1, static_cast<int>(sizes.size()));
    const int64_t first_size = sizes[first], second_size = sizes[second];
    const int64_t first_stride = middle * second_size * inner;
    const bool batch_first = batch_dim_ < seq_dim_;
    const auto reversed = [&](int64_t b, int64_t step) {
      return step < lengths[b] ? lengths[b] - 1 - step : step;
    };
    const double cost = static_cast<double>(middle * second_size) *
                        (3.0 + kMoveCost<U> * static_cast<double>(inner));
    ctx.ParallelFor(Product(sizes, 0, first) * first_size, cost, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const int64_t i = block % first_size;
        const U* base = x + (block - i) * first_stride;
        U* to = out + block * first_stride;
        for (int64_t m = 0; m < middle; ++m) {
          for (int64_t j = 0; j < second_size; ++j, to += inner) {
            const int64_t from_i = batch_first ? i : reversed(j, i);
            const int64_t from_j = batch_first ? reversed(i, j) : j;
            CopyRun(to, base + from_i * first_stride + (m * second_size + from_j) * inner, inner);
          }
        }
      }
    });
  }

  int64_t seq_dim_, batch_dim_;
};

absl::Status Roll(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  const Array& shift_input = ctx.input(1);
  const Array& axis_input = ctx.input(2);
  if (x.rank() < 1) return ctx.InvalidArgument("input must be 1-D or higher");
  if (shift_input.rank() > 1)
    return ctx.InvalidArgument(
        StrCat("shift must be a scalar or a 1-D vector. Found: ", shift_input.shape().ToString()));
  if (axis_input.rank() > 1)
    return ctx.InvalidArgument(
        StrCat("axis must be a scalar or a 1-D vector. Found: ", axis_input.shape().ToString()));
  if (!(shift_input.shape() == axis_input.shape()))
    return ctx.InvalidArgument("shift and axis must have the same size");
  const IndexVector shifts = ReadInts(shift_input), axes = ReadInts(axis_input);
  // By how much each dimension is rolled, in [0, size).
  IndexVector total(x.rank(), 0);
  for (size_t k = 0; k < axes.size(); ++k) {
    const int64_t axis = axes[k] < 0 ? axes[k] + x.rank() : axes[k];
    if (axis < 0 || axis >= x.rank())
      return ctx.InvalidArgument(StrCat("axis ", axes[k], " is out of range"));
    const int64_t size = std::max<int64_t>(x.dim(static_cast<int>(axis)), 1);
    total[axis] = (total[axis] + shifts[k] % size + size) % size;
  }
  if (std::all_of(total.begin(), total.end(), [](int64_t t) { return t == 0; })) {
    ctx.set_output(0, x);
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, x.shape()));
  std::vector<Pieces> dims(x.rank());
  for (int d = 0; d < x.rank(); ++d) {
    const int64_t size = x.dim(d);
    dims[d] = {{total[d], size - total[d], 1}, {size - total[d], 0, 1}};
  }
  PiecewiseCopy(ctx, x, dims, Array(), out);
  return absl::OkStatus();
}

}  // namespace

void RegisterArrayTransposeKernels(KernelRegistry& kernels) {
  kernels.Add("Transpose", kCpu, {}, Transpose);
  kernels.Add("ConjugateTranspose", kCpu, {}, ConjugateTranspose);
  ForTypes<int32_t, int64_t>([&]<typename T>() {
    kernels.Add("InvertPermutation", kCpu, {{"T", dtype_of<T>}}, InvertPermutation<T>);
  });
  kernels.Add("Reverse", kCpu, {}, Reverse);
  kernels.Add("ReverseV2", kCpu, {}, ReverseV2);
  kernels.Add<ReverseSequence>("ReverseSequence", kCpu, {});
  kernels.Add("Roll", kCpu, {}, Roll);
}

}  // namespace weft
