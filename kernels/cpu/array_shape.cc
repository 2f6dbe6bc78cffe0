// SPDX-License-Identifier: Apache-2.0
// Kernels that look at or change only the shape of a value: nothing is copied.
#include <cstdint>
#include <limits>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/element_class.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

// kernels/cpu/array_create.cc
void RegisterArrayCreateKernels(KernelRegistry& kernels);

namespace {

// The size that is -1 among sizes, all of which are known to fit. If the input and the other sizes
// have zeros both, any size would do: the zeros are left out of both products, so that a [0,5]
// reshaped to [-1,0] is a [5,0].
absl::StatusOr<int64_t> InferSize(KernelContext& ctx, const Shape& input,
                                  std::span<const int64_t> sizes, int64_t product) {
  const int64_t n = input.num_elements();
  if (product != 0 && n % product == 0) return n / product;
  if (product != 0 || n != 0) {
    return ctx.InvalidArgument(StrCat("Input to reshape is a tensor with ", n,
                                      " values, but the requested shape requires a multiple of ",
                                      product));
  }
  int64_t size = 1;
  for (const int64_t dim : input.dims()) {
    if (dim != 0 && __builtin_mul_overflow(size, dim, &size))
      return ctx.InvalidArgument("the input's dimensions are too large to infer a size from");
  }
  for (const int64_t asked : sizes) {
    if (asked > 0) size /= asked;
  }
  return size;
}

// Sizes asked for; one may be -1 and is inferred.
absl::StatusOr<Shape> InferReshape(KernelContext& ctx, const Shape& input,
                                   std::span<int64_t> sizes) {
  int unknown = -1;
  int64_t product = 1;
  for (int i = 0; i < static_cast<int>(sizes.size()); ++i) {
    if (sizes[i] == -1) {
      if (unknown >= 0) {
        return ctx.InvalidArgument(
            StrCat("Only one input size may be -1, not both ", unknown, " and ", i));
      }
      unknown = i;
    } else if (sizes[i] < 0) {
      return ctx.InvalidArgument(StrCat("Size ", i, " must be non-negative, not ", sizes[i]));
    } else if (__builtin_mul_overflow(product, sizes[i], &product)) {
      return ctx.InvalidArgument("the requested shape has too many elements");
    }
  }
  if (unknown >= 0) {
    WEFT_ASSIGN_OR_RETURN(sizes[unknown], InferSize(ctx, input, sizes, product));
  } else if (product != input.num_elements()) {
    return ctx.InvalidArgument(StrCat("Input to reshape is a tensor with ", input.num_elements(),
                                      " values, but the requested shape has ", product));
  }
  return ShapeFromSizes(ctx, sizes);
}

absl::Status Reshape(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  const Array& sizes_input = ctx.input(1);
  if (sizes_input.rank() != 1) {
    return ctx.InvalidArgument(
        StrCat("sizes input must be 1-D, not ", sizes_input.shape().ToString()));
  }
  auto sizes = ReadInts(sizes_input);
  WEFT_ASSIGN_OR_RETURN(Shape shape, InferReshape(ctx, x.shape(), sizes));
  ctx.set_output(0, x.Reshaped(shape));
  return absl::OkStatus();
}

absl::Status QuantizedReshape(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(Reshape(ctx));
  for (int i = 2; i <= 3; ++i) {
    const Array& end = ctx.input(i);
    if (end.num_elements() != 1 || end.rank() > 1) {
      return ctx.InvalidArgument(StrCat(i == 2 ? "input_min" : "input_max",
                                        " must be a scalar or a vector of 1 element, got shape ",
                                        end.shape().ToString()));
    }
    ctx.set_output(i - 1, end.Reshaped(Shape()));
  }
  return absl::OkStatus();
}

// out[i] = value, as the integer type of output o.
absl::Status StoreInt(KernelContext& ctx, Array* out, int64_t i, int64_t value) {
  if (out->dtype() == kInt64) {
    out->mutable_data<int64_t>()[i] = value;
    return absl::OkStatus();
  }
  if (value > std::numeric_limits<int32_t>::max()) {
    return ctx.InvalidArgument(
        StrCat("a size of ", value, " does not fit in int32; use out_type int64"));
  }
  out->mutable_data<int32_t>()[i] = static_cast<int32_t>(value);
  return absl::OkStatus();
}

// Shape and ShapeN.
absl::Status ShapeOfInputs(KernelContext& ctx) {
  for (int k = 0; k < ctx.num_inputs(); ++k) {
    const weft::Shape& shape = ctx.input(k).shape();
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(k, weft::Shape({shape.rank()})));
    for (int i = 0; i < shape.rank(); ++i)
      WEFT_RETURN_IF_ERROR(StoreInt(ctx, out, i, shape.dim(i)));
  }
  return absl::OkStatus();
}

absl::Status Size(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  return StoreInt(ctx, out, 0, ctx.input(0).num_elements());
}

absl::Status Rank(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  return StoreInt(ctx, out, 0, ctx.input(0).rank());
}

absl::Status ExpandDims(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  const Array& dim_input = ctx.input(1);
  if (dim_input.num_elements() != 1) {
    return ctx.InvalidArgument(
        StrCat("'dim' must be a tensor with a single value, got ", dim_input.shape().ToString()));
  }
  const int64_t dim = dim_input.AsInt64();
  if (dim < -1 - x.rank() || dim > x.rank()) {
    return ctx.InvalidArgument(
        StrCat("Tried to expand dim index ", dim, " for tensor with ", x.rank(), " dimensions."));
  }
  if (x.rank() == kMaxRank)
    return ctx.InvalidArgument(StrCat("the input has ", kMaxRank, " dimensions already"));
  weft::Shape shape = x.shape();
  shape.InsertDim(static_cast<int>(dim < 0 ? dim + x.rank() + 1 : dim), 1);
  ctx.set_output(0, x.Reshaped(shape));
  return absl::OkStatus();
}

class Squeeze : public Kernel {
 public:
  explicit Squeeze(KernelConstruction& c) : dims_(c.Attr<std::vector<int64_t>>("squeeze_dims")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    absl::InlinedVector<bool, 8> squeezed(x.rank(), false);
    for (int64_t dim : dims_) {
      if (dim < -x.rank() || dim >= x.rank()) {
        return ctx.InvalidArgument(StrCat("Tried to squeeze dim index ", dim, " for tensor with ",
                                          x.rank(), " dimensions."));
      }
      squeezed[dim < 0 ? dim + x.rank() : dim] = true;
    }
    absl::InlinedVector<int64_t, 8> sizes;
    for (int i = 0; i < x.rank(); ++i) {
      if (squeezed[i] && x.dim(i) != 1) {
        return ctx.InvalidArgument(
            StrCat("Can not squeeze dim[", i, "], expected a dimension of 1, got ", x.dim(i)));
      }
      const bool dropped = dims_.empty() ? x.dim(i) == 1 : squeezed[i];
      if (!dropped) sizes.push_back(x.dim(i));
    }
    ctx.set_output(0, x.Reshaped(Shape(std::span<const int64_t>(sizes))));
    return absl::OkStatus();
  }

 private:
  std::vector<int64_t> dims_;
};

class Bitcast : public Kernel {
 public:
  explicit Bitcast(KernelConstruction& c)
      : from_(c.Attr<DataType>("T")),
        to_(c.Attr<DataType>("type")),
        from_size_(DTypeSize(from_)),
        to_size_(DTypeSize(to_)) {
    if (from_size_ == 0 || to_size_ == 0 ||
        (from_size_ % to_size_ != 0 && to_size_ % from_size_ != 0)) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("Cannot bitcast from ", DTypeName(from_), " to ", DTypeName(to_))));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    absl::InlinedVector<int64_t, 8> sizes(x.shape().dims().begin(), x.shape().dims().end());
    if (from_size_ > to_size_) {
      sizes.push_back(static_cast<int64_t>(from_size_ / to_size_));
    } else if (from_size_ < to_size_) {
      const int64_t ratio = static_cast<int64_t>(to_size_ / from_size_);
      if (sizes.empty() || sizes.back() != ratio) {
        return ctx.InvalidArgument(StrCat("Cannot bitcast from ", DTypeName(from_), " to ",
                                          DTypeName(to_), ": the last dimension of ",
                                          x.shape().ToString(), " must be ", ratio));
      }
      sizes.pop_back();
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
    if (x.buffer() == nullptr) return ctx.AllocateOutput(0, shape).status();
    ctx.set_output(0, ViewElements(x, 0, to_, shape));
    return absl::OkStatus();
  }

 private:
  DataType from_, to_;
  size_t from_size_, to_size_;
};

absl::Status IdentityN(KernelContext& ctx) {
  for (int i = 0; i < ctx.num_inputs(); ++i) ctx.set_output(i, ctx.input(i));
  return absl::OkStatus();
}

}  // namespace

void RegisterArrayShapeKernels(KernelRegistry& kernels) {
  for (const DataType t : {kQuint8, kQint32})
    kernels.Add("QuantizedReshape", kCpu, {{"T", t}}, QuantizedReshape);
  kernels.Add("Reshape", kCpu, {}, Reshape);
  kernels.Add("Shape", kCpu, {}, ShapeOfInputs);
  kernels.Add("ShapeN", kCpu, {}, ShapeOfInputs);
  kernels.Add("Size", kCpu, {}, Size);
  kernels.Add("Rank", kCpu, {}, Rank);
  kernels.Add("ExpandDims", kCpu, {}, ExpandDims);
  kernels.Add<Squeeze>("Squeeze", kCpu, {});
  kernels.Add<Bitcast>("Bitcast", kCpu, {});
  kernels.Add("IdentityN", kCpu, {}, IdentityN);
  RegisterArrayCreateKernels(kernels);
}

}  // namespace weft
