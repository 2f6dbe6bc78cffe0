// SPDX-License-Identifier: Apache-2.0
// The public functions of include/weft/ops/matmul.h, but Einsum. Nodes and names are Python's.
#include <algorithm>
#include <optional>

#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "weft/core/error.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/matmul.h"

namespace weft {
namespace {

bool MayBeStack(Tensor t) { return !t.shape().known_rank() || t.shape().rank() > 2; }

Tensor Conj(Tensor t) {
  return IsComplex(RemoveRef(t.dtype())) ? OpBuilder("Conj", {}).In(t).Output() : t;
}

bool IsFloatOrBfloat16(DataType t) { return t == kFloat32 || t == kBfloat16; }
bool IsByte(DataType t) { return t == kInt8 || t == kUint8; }

// bfloat16 beside another type but a byte has no product of its own.
bool NeedsMixedProduct(DataType a, DataType b) {
  return a != b && ((a == kBfloat16 && !IsByte(b)) || (b == kBfloat16 && !IsByte(a)));
}

Tensor SparseProduct(Tensor a, Tensor b, bool transpose_a, bool transpose_b, const MatMulOptions& o,
                     const std::string& name) {
  const Tensor product = OpBuilder("SparseMatMul", name)
                             .In(a)
                             .In(b)
                             .Attr("transpose_a", transpose_a)
                             .Attr("transpose_b", transpose_b)
                             .Attr("a_is_sparse", o.a_is_sparse)
                             .Attr("b_is_sparse", o.b_is_sparse)
                             .Output();
  if (a.dtype() != kBfloat16 || b.dtype() != kBfloat16) return product;
  return OpBuilder("Cast", {}).In(product).Attr("DstT", kBfloat16).Output();
}

}  // namespace

Tensor MatMul(const Input& a_in, const Input& b_in, const MatMulOptions& o) {
  if ((o.transpose_a && o.adjoint_a) || (o.transpose_b && o.adjoint_b)) {
    ThrowError(Code::kInvalidArgument, "MatMul: an operand can't be both transposed and adjoint");
  }
  const OpScope scope(o.name, "MatMul", {&a_in, &b_in});
  Tensor a = AsTensor(a_in, DtypeOf({&a_in, &b_in}), "a");
  Tensor b = AsTensor(b_in, RemoveRef(a.dtype()), "b");
  const DataType a_type = RemoveRef(a.dtype()), b_type = RemoveRef(b.dtype());
  const bool own_output_type =
      o.output_type != kInvalidType && (o.output_type != a_type || o.output_type != b_type);
  bool flip_a = o.adjoint_a || o.transpose_a, flip_b = o.adjoint_b || o.transpose_b;
  const auto stacks = [&] {
    if (!own_output_type) {
      return OpBuilder("BatchMatMulV2", scope.name())
          .In(a)
          .In(b)
          .Attr("adj_x", flip_a)
          .Attr("adj_y", flip_b)
          .Output();
    }
    return OpBuilder("BatchMatMulV3", scope.name())
        .In(a)
        .In(b)
        .Attr("adj_x", flip_a)
        .Attr("adj_y", flip_b)
        .Attr("Tout", o.output_type)
        .Output();
  };
  if (!o.a_is_sparse && !o.b_is_sparse && (MayBeStack(a) || MayBeStack(b))) {
    // These take adjoints, not transposes.
    if (o.transpose_a) a = Conj(a);
    if (o.transpose_b) b = Conj(b);
    return stacks();
  }
  if (o.adjoint_a) a = Conj(a);
  if (o.adjoint_b) b = Conj(b);
  const bool sparse =
      (o.a_is_sparse || o.b_is_sparse) && IsFloatOrBfloat16(a_type) && IsFloatOrBfloat16(b_type);
  if (sparse || NeedsMixedProduct(a_type, b_type))
    return SparseProduct(a, b, flip_a, flip_b, o, scope.name());
  if (own_output_type) return stacks();
  return OpBuilder("MatMul", scope.name())
      .In(a)
      .In(b)
      .Attr("transpose_a", flip_a)
      .Attr("transpose_b", flip_b)
      .Output();
}

Tensor MatVec(const Input& a, const Input& x, const MatVecOptions& o) {
  const OpScope scope(o.name, "MatVec", {&a, &x});
  const Tensor column =
      OpBuilder("ExpandDims", {}).In(AsTensor(x, DtypeOf({&a, &x}), "b")).In(-1).Output();
  const Tensor product =
      MatMul(a, column, {.transpose_a = o.transpose_a, .adjoint_a = o.adjoint_a});
  return OpBuilder("Squeeze", scope.name())
      .In(product)
      .Attr("squeeze_dims", std::vector<int64_t>{-1})
      .Output();
}

namespace {

// One operand of a tensordot as a matrix: [free, summed], or [summed, free] if `flipped`.
struct DotOperand {
  Tensor matrix;
  std::optional<std::vector<int64_t>>
      free_sizes;            // static, -1 unknown; nothing if not even the rank is known
  Tensor free_sizes_tensor;  // set unless the shape is fully known
};

Tensor Concat(Tensor a, Tensor b) {
  return OpBuilder("ConcatV2", {}, "concat").InList({a, b}).In(0).Output();
}
Tensor Gather(Tensor values, Tensor indices) {
  return OpBuilder("GatherV2", {}).In(values).In(indices).In(0).Output();
}
Tensor Product(Tensor sizes) {
  return OpBuilder("Prod", {}).In(sizes).In(AsTensor({0}, kInt32, "Const")).Output();
}
Tensor Reshape(Tensor t, const Input& sizes, const std::string& name = {}) {
  return OpBuilder("Reshape", name).In(t).In(sizes).PreferDtype(kInt32).Output();
}

std::vector<int> NormalizedAxes(const std::vector<int>& axes, int rank, const char* operand) {
  std::vector<int> out;
  for (int axis : axes) {
    const int normal = axis < 0 ? axis + rank : axis;
    if (normal < 0 || normal >= rank || std::find(out.begin(), out.end(), normal) != out.end()) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Tensordot: axis ", axis, " of ", operand, " is out of range for rank ",
                        rank, " or given twice"));
    }
    out.push_back(normal);
  }
  return out;
}

std::vector<int> OtherAxes(const std::vector<int>& axes, int rank) {
  std::vector<int> free;
  for (int i = 0; i < rank; ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) free.push_back(i);
  }
  return free;
}

DotOperand KnownShapeOperand(Tensor t, const std::vector<int>& axes, bool flipped) {
  const std::vector<int> free = OtherAxes(axes, t.shape().rank());
  const auto sizes_of = [&](const std::vector<int>& which) {
    std::vector<int64_t> sizes;
    for (int i : which) sizes.push_back(t.shape().dim(i));
    return sizes;
  };
  const int64_t summed_size = PartialShape(sizes_of(axes)).num_elements(),
                free_size = PartialShape(sizes_of(free)).num_elements();
  std::vector<int32_t> order(flipped ? axes.begin() : free.begin(),
                             flipped ? axes.end() : free.end());
  order.insert(order.end(), flipped ? free.begin() : axes.begin(),
               flipped ? free.end() : axes.end());
  DotOperand out;
  out.free_sizes = sizes_of(free);
  out.matrix = t;
  if (!std::is_sorted(order.begin(), order.end()))
    out.matrix = OpBuilder("Transpose", {}, "transpose").In(t).In(order).Output();
  const std::vector<int32_t> shape = {static_cast<int32_t>(flipped ? summed_size : free_size),
                                      static_cast<int32_t>(flipped ? free_size : summed_size)};
  if (!(out.matrix.shape() == PartialShape({shape[0], shape[1]})))
    out.matrix = Reshape(out.matrix, shape);
  return out;
}

DotOperand DynamicOperand(Tensor t, const std::vector<int>& axes_in, bool flipped,
                          const char* which) {
  DotOperand out;
  Tensor axes, free, sizes;
  if (t.shape().known_rank()) {
    const std::vector<int> normal = NormalizedAxes(axes_in, t.shape().rank(), which),
                           others = OtherAxes(normal, t.shape().rank());
    out.free_sizes.emplace();
    for (int i : others) out.free_sizes->push_back(t.shape().dim(i));
    axes = AsTensor(Array::FromVector(std::vector<int32_t>(normal.begin(), normal.end())), kInt32,
                    "axes");
    free = AsTensor(Array::FromVector(std::vector<int32_t>(others.begin(), others.end())), kInt32,
                    "free");
    sizes = OpBuilder("Shape", {}).In(t).Output();
  } else {
    sizes = OpBuilder("Shape", {}).In(t).Output();
    const Tensor rank = OpBuilder("Rank", {}).In(t).Output();
    const Tensor given = AsTensor(
        Array::FromVector(std::vector<int32_t>(axes_in.begin(), axes_in.end())), kInt32, "axes");
    const Tensor from_left = OpBuilder("GreaterEqual", {}).In(given).In(0).Output();
    axes = OpBuilder("SelectV2", {})
               .In(from_left)
               .In(given)
               .In(OpBuilder("AddV2", {}, "add").In(given).In(rank).Output())
               .Output();
    free = OpBuilder("ListDiff", {})
               .In(OpBuilder("Range", {}, "range").In(0).In(rank).In(1).Output())
               .In(axes)
               .Outputs()[0];
  }
  out.free_sizes_tensor = Gather(sizes, free);
  const Tensor summed_sizes = Gather(sizes, axes);
  const Tensor free_size = Product(out.free_sizes_tensor), summed_size = Product(summed_sizes);
  const Tensor order = flipped ? Concat(axes, free) : Concat(free, axes);
  const std::vector<Input> shape = flipped ? std::vector<Input>{summed_size, free_size}
                                           : std::vector<Input>{free_size, summed_size};
  const Tensor new_shape = OpBuilder("Pack", {}, "stack").InList(shape).Output();
  out.matrix = Reshape(OpBuilder("Transpose", {}, "transpose").In(t).In(order).Output(), new_shape);
  return out;
}

DotOperand MakeDotOperand(Tensor t, const std::vector<int>& axes, bool flipped) {
  const char* const which = flipped ? "b" : "a";
  if (t.shape().IsFullyKnown())
    return KnownShapeOperand(t, NormalizedAxes(axes, t.shape().rank(), which), flipped);
  return DynamicOperand(t, axes, flipped, which);
}

Tensor SizesAsTensor(const DotOperand& operand) {
  if (operand.free_sizes_tensor.valid()) return operand.free_sizes_tensor;
  return AsTensor(Array::FromVector(
                      std::vector<int32_t>(operand.free_sizes->begin(), operand.free_sizes->end())),
                  kInt32, "Const");
}

}  // namespace

Tensor Tensordot(const Input& a_in, const Input& b_in, const std::vector<int>& a_axes,
                 const std::vector<int>& b_axes, const NameOptions& options) {
  if (a_axes.size() != b_axes.size()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Tensordot: ", a_axes.size(), " axes of a can't be summed together with ",
                      b_axes.size(), " axes of b"));
  }
  const OpScope scope(options.name, "Tensordot", {&a_in, &b_in});
  const DataType dtype = DtypeOf({&a_in, &b_in});
  const Tensor a = AsTensor(a_in, dtype, "a"), b = AsTensor(b_in, dtype, "b");
  const DotOperand x = MakeDotOperand(a, a_axes, false), y = MakeDotOperand(b, b_axes, true);
  const Tensor product = MatMul(x.matrix, y.matrix);
  std::vector<int64_t> sizes = x.free_sizes.value_or(std::vector<int64_t>());
  if (y.free_sizes) sizes.insert(sizes.end(), y.free_sizes->begin(), y.free_sizes->end());
  if (!x.free_sizes_tensor.valid() && !y.free_sizes_tensor.valid()) {
    if (product.shape() == PartialShape(sizes)) return product;
    return Reshape(product, std::vector<int32_t>(sizes.begin(), sizes.end()), scope.name());
  }
  const Tensor x_sizes = SizesAsTensor(x), y_sizes = SizesAsTensor(y);
  const Tensor result = Reshape(product, Concat(x_sizes, y_sizes), scope.name());
  if (x.free_sizes && y.free_sizes) result.set_shape(PartialShape(sizes));
  return result;
}

Tensor Tensordot(const Input& a, const Input& b, int axes, const NameOptions& options) {
  if (axes < 0)
    ThrowError(Code::kInvalidArgument,
               StrCat("Tensordot: the number of axes must be at least 0, but is ", axes));
  const PartialShape shape = a.shape();
  if (shape.known_rank() && axes > shape.rank()) {
    ThrowError(Code::kInvalidArgument, StrCat("Tensordot: can't sum over ", axes,
                                              " axes of a, whose rank is ", shape.rank()));
  }
  std::vector<int> a_axes, b_axes;
  for (int i = 0; i < axes; ++i) {
    a_axes.push_back(i - axes);
    b_axes.push_back(i);
  }
  return Tensordot(a, b, a_axes, b_axes, options);
}

}  // namespace weft
