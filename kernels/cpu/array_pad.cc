// SPDX-License-Identifier: Apache-2.0
// Kernels that surround or repeat values: Pad, PadV2, MirrorPad, MirrorPadGrad, Tile, TileGrad.
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

// How many positions are added before and after each dimension.
using Paddings = absl::InlinedVector<std::pair<int64_t, int64_t>, 6>;

absl::StatusOr<Paddings> ReadPaddings(KernelContext& ctx) {
  const Shape& x = ctx.input(0).shape();
  const Array& paddings = ctx.input(1);
  if (paddings.rank() != 2 || paddings.dim(1) != 2) {
    return ctx.InvalidArgument(
        StrCat("paddings must be a matrix with 2 columns: ", paddings.shape().ToString()));
  }
  if (paddings.dim(0) != x.rank()) {
    return ctx.InvalidArgument(StrCat("The first dimension of paddings must be the rank of inputs",
                                      paddings.shape().ToString(), " ", x.ToString()));
  }
  const IndexVector values = ReadInts(paddings);
  Paddings result;
  for (int d = 0; d < x.rank(); ++d) {
    const int64_t before = values[2 * d], after = values[2 * d + 1];
    if (before < 0 || after < 0) {
      return ctx.InvalidArgument(StrCat("Paddings must be non-negative: ", before, " ", after));
    }
    result.emplace_back(before, after);
  }
  return result;
}

absl::StatusOr<Shape> PaddedShape(KernelContext& ctx, const Shape& x, const Paddings& paddings) {
  IndexVector sizes;
  for (int d = 0; d < x.rank(); ++d) {
    int64_t size = x.dim(d);
    if (__builtin_add_overflow(size, paddings[d].first, &size) ||
        __builtin_add_overflow(size, paddings[d].second, &size)) {
      return ctx.InvalidArgument(StrCat("padding of dimension ", d, " makes it too large"));
    }
    sizes.push_back(size);
  }
  return ShapeFromSizes(ctx, sizes);
}

// Pad and PadV2.
absl::Status Pad(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(const Paddings paddings, ReadPaddings(ctx));
  WEFT_ASSIGN_OR_RETURN(const Shape shape, PaddedShape(ctx, x.shape(), paddings));
  Array fill;
  if (ctx.num_inputs() == 3) {
    fill = ctx.input(2);
    if (!fill.shape().IsScalar()) {
      return ctx.InvalidArgument(
          StrCat("constant_values must be a scalar. Found: ", fill.shape().ToString()));
    }
  } else {
    fill = Array::Zeros(x.dtype(), Shape());
  }
  if (shape == x.shape()) {
    ctx.set_output(0, x);
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  if (x.num_elements() == 0) {
    FillWith(ctx, out, fill);
    return absl::OkStatus();
  }
  std::vector<Pieces> dims(x.rank());
  for (int d = 0; d < x.rank(); ++d) {
    dims[d] = {{paddings[d].first, 0, 0}, {x.dim(d), 0, 1}, {paddings[d].second, 0, 0}};
  }
  PiecewiseCopy(ctx, x, dims, fill, out);
  return absl::OkStatus();
}

// 1 if the border itself is not repeated (REFLECT), 0 if it is (SYMMETRIC).
int64_t ReadMirrorOffset(KernelConstruction& c) {
  const std::string mode = c.Attr<std::string>("mode");
  if (mode != "REFLECT" && mode != "SYMMETRIC") {
    c.Fail(
        absl::InvalidArgumentError(StrCat("mode must be REFLECT or SYMMETRIC, not '", mode, "'")));
  }
  return mode == "REFLECT" ? 1 : 0;
}

class MirrorPad : public Kernel {
 public:
  explicit MirrorPad(KernelConstruction& c) : offset_(ReadMirrorOffset(c)) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const Paddings paddings, ReadPaddings(ctx));
    for (int d = 0; d < x.rank(); ++d) {
      const auto [before, after] = paddings[d];
      const int64_t most = x.dim(d) - offset_;
      if ((before > 0 && before > most) || (after > 0 && after > most)) {
        return ctx.InvalidArgument(StrCat(
            "paddings must be ", offset_ ? "less than" : "no greater than", " the dimension size: ",
            before, ", ", after, offset_ ? " not less than " : " greater than ", x.dim(d)));
      }
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape, PaddedShape(ctx, x.shape(), paddings));
    if (shape == x.shape()) {
      ctx.set_output(0, x);
      return absl::OkStatus();
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    std::vector<Pieces> dims(x.rank());
    for (int d = 0; d < x.rank(); ++d) {
      const auto [before, after] = paddings[d];
      const int64_t size = x.dim(d);
      dims[d] = {{before, before - 1 + offset_, -1}, {size, 0, 1}, {after, size - 1 - offset_, -1}};
    }
    PiecewiseCopy(ctx, x, dims, Array(), out);
    return absl::OkStatus();
  }

 private:
  int64_t offset_;
};

// The gradient of a mirrored border is added to what it mirrors, one dimension after the other.
template <typename T>
class MirrorPadGrad : public Kernel {
 public:
  explicit MirrorPadGrad(KernelConstruction& c) : offset_(ReadMirrorOffset(c)) {}

  absl::Status Compute(KernelContext& ctx) override {
    Array dy = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const Paddings paddings, ReadPaddings(ctx));
    Shape shape = dy.shape();
    int last = -1;
    for (int d = 0; d < shape.rank(); ++d) {
      const auto [before, after] = paddings[d];
      const int64_t size = dy.dim(d);
      if (before > size || after > size - before ||
          (before + after > 0 && before + after == size)) {
        return ctx.InvalidArgument(
            StrCat("Total paddings must be less than the input dimension size: ", before, ", ",
                   after, " was not less than ", size));
      }
      const int64_t most = size - before - after - offset_;
      if ((before > 0 && before > most) || (after > 0 && after > most)) {
        return ctx.InvalidArgument(
            StrCat("paddings must be ", offset_ ? "less than" : "no greater than",
                   " the output dimension size: ", before, ", ", after,
                   offset_ ? " not less than " : " greater than ", size - before - after));
      }
      if (before + after > 0) last = d;
    }
    if (last < 0) {
      ctx.set_output(0, std::move(dy));
      return absl::OkStatus();
    }
    for (int d = 0; d <= last; ++d) {
      const auto [before, after] = paddings[d];
      if (before + after == 0) continue;
      shape.set_dim(d, shape.dim(d) - before - after);
      Array folded;
      if (d == last) {
        WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
        folded = *out;
      } else {
        WEFT_ASSIGN_OR_RETURN(folded, ctx.AllocateTemp(dy.dtype(), shape));
      }
      Fold(ctx, dy, d, before, after, &folded);
      dy = std::move(folded);
    }
    return absl::OkStatus();
  }

 private:
  void Fold(KernelContext& ctx, const Array& dy, int d, int64_t before, int64_t after,
            Array* out) const {
    const int64_t from_size = dy.dim(d), to_size = out->dim(d);
    const int64_t inner = Product(dy.shape().dims(), d + 1, dy.rank());
    const T* from = dy.data<T>();
    T* to = out->mutable_data<T>();
    const auto add = [inner](T* sum, const T* term) {
      for (int64_t j = 0; j < inner; ++j) sum[j] += term[j];
    };
    const int64_t rows = Product(dy.shape().dims(), 0, d) * to_size;
    ctx.ParallelFor(rows, 2.0 + static_cast<double>(inner), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t i = r % to_size;
        const T* block = from + r / to_size * from_size * inner;
        T* row = to + r * inner;
        std::copy_n(block + (before + i) * inner, inner, row);
        const int64_t left = before - 1 + offset_ - i;
        if (left >= 0 && left < before) add(row, block + left * inner);
        const int64_t right = to_size - 1 - offset_ - i;
        if (right >= 0 && right < after) add(row, block + (before + to_size + right) * inner);
      }
    });
  }

  int64_t offset_;
};

// The sizes of x times the multiples (input 1).
absl::StatusOr<IndexVector> ReadMultiples(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  const Array& multiples = ctx.input(1);
  if (multiples.rank() != 1) {
    return ctx.InvalidArgument(
        StrCat("Expected multiples to be 1-D, but got shape ", multiples.shape().ToString()));
  }
  if (multiples.num_elements() != x.rank()) {
    return ctx.InvalidArgument(StrCat("Expected multiples argument to be a vector of length ",
                                      x.rank(), " but got length ", multiples.num_elements()));
  }
  return ReadInts(multiples);
}

absl::Status Tile(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(const IndexVector multiples, ReadMultiples(ctx));
  IndexVector sizes(x.rank());
  for (int d = 0; d < x.rank(); ++d) {
    if (multiples[d] < 0) {
      return ctx.InvalidArgument(
          StrCat("Expected multiples[", d, "] >= 0, but got ", multiples[d]));
    }
    if (__builtin_mul_overflow(x.dim(d), multiples[d], &sizes[d])) {
      return ctx.InvalidArgument(
          StrCat("multiples[", d, "] = ", multiples[d], " makes the result too large"));
    }
  }
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
  if (shape == x.shape()) {
    ctx.set_output(0, x);
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  const IndexVector src = RowMajorStrides(x.shape().dims());
  const IndexVector dst = RowMajorStrides(sizes);
  CopyDims dims;
  for (int d = 0; d < x.rank(); ++d) {
    dims.push_back({multiples[d], x.dim(d) * dst[d], 0});
    dims.push_back({x.dim(d), dst[d], src[d]});
  }
  StridedCopy(ctx, x, 0, *out, 0, std::move(dims));
  return absl::OkStatus();
}

// The sum of the tiles. (Not used by gradients since GraphDef version 3.)
template <typename T>
absl::Status TileGrad(KernelContext& ctx) {
  const Array& dy = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(const IndexVector multiples, ReadMultiples(ctx));
  Shape shape = dy.shape();
  for (int d = 0; d < dy.rank(); ++d) {
    if (multiples[d] <= 0 || dy.dim(d) % multiples[d] != 0) {
      return ctx.InvalidArgument(StrCat("multiples[", d, "] = ", multiples[d],
                                        " must be positive and divide the size ", dy.dim(d)));
    }
    shape.set_dim(d, dy.dim(d) / multiples[d]);
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  FillWithZero(ctx, out);
  if (dy.num_elements() == 0) return absl::OkStatus();
  const IndexVector src = RowMajorStrides(dy.shape().dims());
  const IndexVector dst = RowMajorStrides(shape.dims());
  CopyDims dims = {{1, 0, 0}};
  for (int d = 0; d < dy.rank(); ++d) {
    dims.push_back({multiples[d], 0, shape.dim(d) * src[d]});
    dims.push_back({shape.dim(d), dst[d], src[d]});
  }
  const CopyDim row = dims.back();
  dims.pop_back();
  const T* from = dy.data<T>();
  T* to = out->mutable_data<T>();
  CopyOdometer at(dims);
  const int64_t rows = CopyCount(dims);
  for (int64_t r = 0; r < rows; ++r, at.Next()) {
    for (int64_t i = 0; i < row.size; ++i)
      to[at.dst() + i * row.dst_stride] += from[at.src() + i * row.src_stride];
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterArrayPadKernels(KernelRegistry& kernels) {
  kernels.Add("Pad", kCpu, {}, Pad);
  kernels.Add("PadV2", kCpu, {}, Pad);
  kernels.Add<MirrorPad>("MirrorPad", kCpu, {});
  kernels.Add("Tile", kCpu, {}, Tile);
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, complex64, complex128>([&]<typename T>() {
    kernels.Add<MirrorPadGrad<T>>("MirrorPadGrad", kCpu, {{"T", dtype_of<T>}});
    kernels.Add("TileGrad", kCpu, {{"T", dtype_of<T>}}, TileGrad<T>);
  });
}

}  // namespace weft
