// SPDX-License-Identifier: Apache-2.0
// Matrix products: MatMul, BatchMatMul (three versions), SparseMatMul.
// kernels: kernels/cpu/matmul.cc, sparse_matmul.cc   test: tests/ops/matmul_test.cc
#include "weft/ops/matmul.h"
#include "weft/core/complex.h"
#include "weft/graph/op_def.h"

#include "src/core/strings.h"
#include "src/ops/matmul.h"
#include "weft/core/status_macros.h"

namespace weft {

void RegisterEinsumOp(OpRegistry& ops);

PartialShape BatchDims(const PartialShape& s) {
  if (!s.known_rank()) return PartialShape::Unknown();
  return PartialShape(s.dims().subspan(0, static_cast<size_t>(s.rank() - 2)));
}

Tensor AdjointProduct(NodeAdder& g, Tensor a, Tensor b, bool adjoint_a, bool adjoint_b) {
  if (!a.valid() || !b.valid()) return Tensor();
  const auto is_matrix = [](Tensor t) { return t.shape().known_rank() && t.shape().rank() <= 2; };
  if (!is_matrix(a) || !is_matrix(b)) {
    return g.Op("BatchMatMulV2", {a, b}, {{"adj_x", adjoint_a}, {"adj_y", adjoint_b}}, "MatMul");
  }
  if (adjoint_a) a = g.Conj(a);
  if (adjoint_b) b = g.Conj(b);
  return g.Op("MatMul", {a, b}, {{"transpose_a", adjoint_a}, {"transpose_b", adjoint_b}});
}

namespace {

// True if both stacks are known to need no broadcasting.
bool BatchesMatch(const PartialShape& x, const PartialShape& y) {
  if (!x.known_rank() || !y.known_rank()) return false;
  if (x.rank() <= 2 && y.rank() <= 2) return true;
  const PartialShape a = BatchDims(x), b = BatchDims(y);
  return a.IsFullyKnown() && b.IsFullyKnown() && a == b;
}

// sizes[:-2].
Tensor BatchSizes(NodeAdder& g, Tensor sizes) {
  return g.Op(
      "StridedSlice",
      {sizes, g.ConstInts({0}, "strided_slice/stack"), g.ConstInts({-2}, "strided_slice/stack_1"),
       g.ConstInts({1}, "strided_slice/stack_2")},
      {{"begin_mask", 1}}, "strided_slice");
}

}  // namespace

void SetBroadcastBatchDx(GradientContext& g, Tensor dx, Tensor dy) {
  if (BatchesMatch(g.input(0).shape(), g.input(1).shape())) {
    g.SetDx(0, dx);
    g.SetDx(1, dy);
    return;
  }
  const Tensor x_sizes = g.Shape(g.input(0)), y_sizes = g.Shape(g.input(1));
  const std::vector<Tensor> axes =
      g.Ops("BroadcastGradientArgs", {BatchSizes(g, x_sizes), BatchSizes(g, y_sizes)});
  if (!g.ok()) return;
  g.SetDx(0, g.Reshape(g.Sum(dx, axes[0]), x_sizes));
  g.SetDx(1, g.Reshape(g.Sum(dy, axes[1]), y_sizes));
}

namespace {

// Rows and columns of an operand of rank >= 2 as op() presents it.
struct Sides {
  int64_t rows, columns;
};
Sides SidesOf(const PartialShape& s, bool transposed) {
  const int64_t rows = s.dim(-2), columns = s.dim(-1);
  return transposed ? Sides{columns, rows} : Sides{rows, columns};
}

absl::Status CheckInner(ShapeContext& c, const Sides& a, const Sides& b) {
  if (a.columns == kUnknownDim || b.rows == kUnknownDim || a.columns == b.rows)
    return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("Dimensions must be equal, but are ", a.columns, " and ",
                                           b.rows, ": a is ", c.input(0).ToString(), ", b is ",
                                           c.input(1).ToString(),
                                           "; columns of op(a) must equal rows of op(b)"));
}

}  // namespace

absl::Status MatMulShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape a, c.InputWithRank(0, 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape b, c.InputWithRank(1, 2));
  const Sides x = SidesOf(a, c.Attr<bool>("transpose_a")),
              y = SidesOf(b, c.Attr<bool>("transpose_b"));
  WEFT_RETURN_IF_ERROR(CheckInner(c, x, y));
  c.set_output(0, PartialShape({x.rows, y.columns}));
  return absl::OkStatus();
}

namespace {

// `broadcast`: leading dimensions follow numpy's rule; else they are equal.
absl::Status BatchMatMulShape(ShapeContext& c, bool broadcast) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape a, c.WithRankAtLeast(c.input(0), 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape b, c.WithRankAtLeast(c.input(1), 2));
  const Sides x = SidesOf(a, c.Attr<bool>("adj_x")), y = SidesOf(b, c.Attr<bool>("adj_y"));
  WEFT_RETURN_IF_ERROR(CheckInner(c, x, y));
  PartialShape batch;
  if (broadcast) {
    WEFT_ASSIGN_OR_RETURN(batch, shape::BroadcastShapes(BatchDims(a), BatchDims(b)));
  } else {
    WEFT_ASSIGN_OR_RETURN(batch, c.Merge(BatchDims(a), BatchDims(b)));
  }
  c.set_output(0, batch.Concatenate(PartialShape({x.rows, y.columns})));
  return absl::OkStatus();
}
absl::Status EqualBatchShape(ShapeContext& c) { return BatchMatMulShape(c, false); }
absl::Status BroadcastBatchShape(ShapeContext& c) { return BatchMatMulShape(c, true); }

// d(A B): dA = dC B^H, dB = A^H dC, and the same with the operands' transposes exchanged.
// Conjugates come first, as MatMul transposes without conjugating.
void MatMulGradient(GradientContext& g) {
  const bool ta = g.Attr<bool>("transpose_a"), tb = g.Attr<bool>("transpose_b");
  const Tensor a = g.Conj(g.input(0)), b = g.Conj(g.input(1)), dy = g.dy(0);
  const auto product = [&](Tensor x, Tensor y, bool tx, bool ty) {
    return g.Op("MatMul", {x, y}, {{"transpose_a", tx}, {"transpose_b", ty}});
  };
  g.SetDx(0, ta ? product(b, dy, tb, true) : product(dy, b, false, !tb));
  g.SetDx(1, tb ? product(dy, a, true, ta) : product(a, dy, !ta, false));
}

struct Pair {
  Tensor x, y;
};
// The gradients of both operands of a stack of products, before broadcasting is undone.
Pair BatchProducts(GradientContext& g) {
  const bool adj_x = g.Attr<bool>("adj_x"), adj_y = g.Attr<bool>("adj_y");
  const Tensor x = g.input(0), y = g.input(1), dy = g.dy(0);
  Pair d;
  d.x = adj_x ? AdjointProduct(g, y, dy, adj_y, true) : AdjointProduct(g, dy, y, false, !adj_y);
  d.y = adj_y ? AdjointProduct(g, dy, x, true, adj_x) : AdjointProduct(g, x, dy, !adj_x, false);
  return d;
}

void BatchMatMulGradient(GradientContext& g) {
  const Pair d = BatchProducts(g);
  g.SetDx(0, d.x);
  g.SetDx(1, d.y);
}

void BroadcastBatchMatMulGradient(GradientContext& g) {
  const Pair d = BatchProducts(g);
  SetBroadcastBatchDx(g, d.x, d.y);
}

// One product of the gradient of SparseMatMul, as dense or sparse as its operands are said to be.
class SparseProducts {
 public:
  explicit SparseProducts(GradientContext& g) : g_(g), dy_(g.dy(0)) {
    // A gradient that comes from a ReLU is likely to be mostly 0.
    dy_is_sparse_ = dy_.valid() && dy_.op().type() == "ReluGrad";
  }
  Tensor dy() const { return dy_; }
  Tensor Product(Tensor a, Tensor b, DataType dtype, bool transpose_a, bool transpose_b) {
    if (!a.valid() || !b.valid()) return Tensor();
    const bool a_sparse = IsSparse(a), b_sparse = IsSparse(b);
    if (transpose_b)
      b = g_.Op("Transpose", {b, g_.ConstInts({1, 0}, "transpose/perm")}, {}, "transpose");
    Tensor product;
    if (a_sparse || b_sparse || a.dtype() != b.dtype()) {
      product = g_.Op(
          "SparseMatMul", {a, b},
          {{"transpose_a", transpose_a}, {"a_is_sparse", a_sparse}, {"b_is_sparse", b_sparse}},
          "MatMul");
    } else {
      product = g_.Op("MatMul", {a, b}, {{"transpose_a", transpose_a}});
    }
    return product.valid() ? g_.Cast(product, dtype) : product;
  }

 private:
  bool IsSparse(Tensor t) const {
    if (t == g_.input(0)) return g_.Attr<bool>("a_is_sparse");
    if (t == g_.input(1)) return g_.Attr<bool>("b_is_sparse");
    return dy_is_sparse_;
  }
  GradientContext& g_;
  Tensor dy_;
  bool dy_is_sparse_ = false;
};

void SparseMatMulGradient(GradientContext& g) {
  const bool ta = g.Attr<bool>("transpose_a"), tb = g.Attr<bool>("transpose_b");
  const Tensor a = g.input(0), b = g.input(1);
  const DataType a_type = RemoveRef(a.dtype()), b_type = RemoveRef(b.dtype());
  SparseProducts p(g);
  g.SetDx(0,
          ta ? p.Product(b, p.dy(), a_type, tb, true) : p.Product(p.dy(), b, a_type, false, !tb));
  g.SetDx(1,
          tb ? p.Product(p.dy(), a, b_type, true, ta) : p.Product(a, p.dy(), b_type, !ta, false));
}

}  // namespace

void RegisterMatmulOps(OpRegistry& ops) {
  ops.Add("MatMul")
      .Summary("The product of two matrices.")
      .Input("a: T")
      .Input("b: T")
      .Output("product: T")
      .Attr("transpose_a: bool = false")
      .Attr("transpose_b: bool = false")
      .Attr(
          "T: {bfloat16, half, float, double, int32, int64, uint8, uint16, uint32, uint64, "
          "complex64, complex128}")
      .Shape(MatMulShape)
      .Gradient(MatMulGradient);
  ops.Add("BatchMatMul")
      .Summary("Products of two stacks of matrices with equal leading dimensions.")
      .Input("x: T")
      .Input("y: T")
      .Output("output: T")
      .Attr("T: {bfloat16, half, float, double, int32, int64, complex64, complex128}")
      .Attr("adj_x: bool = false")
      .Attr("adj_y: bool = false")
      .Shape(EqualBatchShape)
      .Gradient(BatchMatMulGradient);
  ops.Add("BatchMatMulV2")
      .Summary("Products of two stacks of matrices; leading dimensions are broadcast.")
      .Input("x: T")
      .Input("y: T")
      .Output("output: T")
      .Attr(
          "T: {bfloat16, half, float, double, int16, int32, int64, uint8, uint16, uint32, uint64, "
          "complex64, complex128}")
      .Attr("adj_x: bool = false")
      .Attr("adj_y: bool = false")
      .Shape(BroadcastBatchShape)
      .Gradient(BroadcastBatchMatMulGradient);
  ops.Add("BatchMatMulV3")
      .Summary(
          "Products of two stacks of matrices; leading dimensions are broadcast, and the result "
          "has a dtype of its own.")
      .Input("x: Ta")
      .Input("y: Tb")
      .Output("output: Tout")
      .Attr(
          "Ta: {bfloat16, half, float, double, uint8, int8, int16, int32, int64, complex64, "
          "complex128}")
      .Attr(
          "Tb: {bfloat16, half, float, double, uint8, int8, int16, int32, int64, complex64, "
          "complex128}")
      .Attr("Tout: {bfloat16, half, float, double, int16, int32, int64, complex64, complex128}")
      .Attr("adj_x: bool = false")
      .Attr("adj_y: bool = false")
      .Shape(BroadcastBatchShape)
      .Gradient(BroadcastBatchMatMulGradient);
  ops.Add("SparseMatMul")
      .Summary(
          "The product of two matrices that may hold many zeros: 0 times anything is left out.")
      .Input("a: Ta")
      .Input("b: Tb")
      .Output("product: float")
      .Attr("transpose_a: bool = false")
      .Attr("transpose_b: bool = false")
      .Attr("a_is_sparse: bool = false")
      .Attr("b_is_sparse: bool = false")
      .Attr("Ta: {float, bfloat16} = DT_FLOAT")
      .Attr("Tb: {float, bfloat16} = DT_FLOAT")
      .Shape(MatMulShape)
      .Gradient(SparseMatMulGradient);
  RegisterEinsumOp(ops);
}

}  // namespace weft
