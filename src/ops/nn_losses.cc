// SPDX-License-Identifier: Apache-2.0
// Public functions of softmax and cross entropies, in TensorFlow's nodes.
#include <string>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/logging.h"
#include "weft/ops/logical.h"
#include "weft/ops/nn.h"
#include "weft/ops/reduction.h"

namespace weft::nn {
namespace {

using internal::CastUnlessSame;
using internal::Minus;
using internal::Plus;
using internal::PreciseDtype;
using internal::Times;
using internal::Unary;

// ---- softmax over any axis ----------------------------------------------------------------------

// x with dimensions `axis` and `last` (a scalar tensor) exchanged.
Tensor SwapAxes(const Tensor& x, int axis, const Tensor& last, const std::string& name) {
  const Tensor before = Range(axis);
  Tensor order;
  {
    const Tensor between = Range(axis + 1, last, 1);
    const OpScope scope("", "concat", x.graph());
    const Tensor moved = OpBuilder("Pack", "values_1").InList({last}).Attr("axis", 0).Output();
    const Tensor back = AsTensor(Array({static_cast<int32_t>(axis)}), kInt32, "values_3");
    const Tensor along = AsTensor(Array(int32_t{0}), kInt32, "axis");
    order = OpBuilder("ConcatV2", scope.self())
                .InList({before, moved, between, back})
                .In(along)
                .Output();
  }
  return OpBuilder("Transpose", name, "transpose").In(x).In(order).Output();
}

Tensor LastIndex(const Tensor& rank) {
  return OpBuilder("Sub", NameOptions("Sub")).In(rank).In(1).Output();
}

int CheckedAxis(const char* op, int axis, const PartialShape& shape) {
  if (!shape.known_rank()) {
    ThrowError(Code::kInvalidArgument,
               StrCat(op, ": the axis ", axis, " of logits of unknown rank; only -1 can be taken"));
  }
  const int rank = shape.rank();
  if (axis < -rank || axis >= rank) {
    ThrowError(Code::kInvalidArgument,
               StrCat(op, ": the axis ", axis, " must be in the range [", -rank, ", ", rank,
                      ") where ", rank, " is the number of dimensions in the input."));
  }
  return axis < 0 ? axis + rank : axis;
}

Tensor SoftmaxOver(const char* op, const Input& logits, const SoftmaxOptions& o) {
  const GraphScope use(GraphOf({&logits}));
  const Tensor x = AsTensor(logits);
  const PartialShape shape = x.shape();
  if (o.axis == -1 || (shape.known_rank() && o.axis == shape.rank() - 1))
    return OpBuilder(op, o.name).In(x).Output();
  const int axis = CheckedAxis(op, o.axis, shape);
  Rank(x);  // TensorFlow's function adds it too; nothing reads it
  const Tensor rank = Rank(x);
  const Tensor swapped = SwapAxes(x, axis, LastIndex(rank), "");
  const Tensor result =
      SwapAxes(OpBuilder(op, NameOptions()).In(swapped).Output(), axis, LastIndex(rank), o.name);
  result.set_shape(shape);
  return result;
}

// ---- cross entropy with distributions -----------------------------------------------------------

// [a, b, c] -> [a * b, c].
Tensor FlattenOuter(const Tensor& x) {
  const Tensor rank = Rank(x), shape = ShapeOf(x);
  const Tensor last = LastIndex(rank);
  Tensor size;
  {
    const OpScope scope("", "Slice", x.graph());
    const Tensor begin = OpBuilder("Pack", "begin").InList({last}).Attr("axis", 0).Output();
    size = OpBuilder("Slice", scope.self()).In(shape).In(begin).In(Array({1})).Output();
  }
  Tensor sizes;
  {
    const OpScope scope("", "concat", x.graph());
    const Tensor rows = AsTensor(Array({-1}), kInt32, "values_0");
    const Tensor along = AsTensor(Array(int32_t{0}), kInt32, "axis");
    sizes = OpBuilder("ConcatV2", scope.self()).InList({rows, size}).In(along).Output();
  }
  return OpBuilder("Reshape", NameOptions()).In(x).In(sizes).Output();
}

// x with dimension `axis` moved to the end.
Tensor MoveToLast(const Tensor& x, int axis, const Tensor& rank) {
  const Tensor before = Range(axis), behind = Range(axis + 1, rank, 1);
  Tensor order;
  {
    const OpScope scope("", "concat", x.graph());
    const Tensor moved = AsTensor(Array({static_cast<int32_t>(axis)}), kInt32, "values_2");
    const Tensor along = AsTensor(Array(int32_t{0}), kInt32, "axis");
    order = OpBuilder("ConcatV2", scope.self()).InList({before, behind, moved}).In(along).Output();
  }
  return OpBuilder("Transpose", "", "transpose").In(x).In(order).Output();
}

PartialShape WithoutAxis(const PartialShape& shape, int axis) {
  if (!shape.known_rank() || shape.rank() == 0) return PartialShape::Unknown();
  std::vector<int64_t> sizes(shape.dims().begin(), shape.dims().end());
  sizes.erase(sizes.begin() + (axis < 0 ? axis + shape.rank() : axis));
  return PartialShape(sizes);
}

}  // namespace

Tensor Softmax(const Input& logits, const SoftmaxOptions& options) {
  return SoftmaxOver("Softmax", logits, options);
}
Tensor LogSoftmax(const Input& logits, const SoftmaxOptions& options) {
  return SoftmaxOver("LogSoftmax", logits, options);
}

Tensor SoftmaxCrossEntropyWithLogitsV2(const Input& labels, const Input& logits,
                                       const SoftmaxOptions& o) {
  const OpScope scope(o.name, "softmax_cross_entropy_with_logits", {&logits, &labels});
  const Tensor given = AsTensor(logits, kInvalidType, "logits");
  const DataType dtype = RemoveRef(given.dtype());
  const PartialShape shape = given.shape();
  if (shape.known_rank()) CheckedAxis("SoftmaxCrossEntropyWithLogits", o.axis, shape);
  Tensor x = CastUnlessSame(given, PreciseDtype(dtype));
  Tensor p = CastUnlessSame(AsTensor(labels, dtype, "labels"), PreciseDtype(dtype));
  const Tensor rank = Rank(x);
  if (o.axis != -1) {
    const int axis = CheckedAxis("SoftmaxCrossEntropyWithLogits", o.axis, shape);
    if (axis != shape.rank() - 1) {
      x = MoveToLast(x, axis, rank);
      p = MoveToLast(p, axis, rank);
    }
  }
  const Tensor sizes = ShapeOf(x);
  const Tensor rows = FlattenOuter(x), row_labels = FlattenOuter(p);
  const Tensor costs =
      OpBuilder("SoftmaxCrossEntropyWithLogits", scope.self()).In(rows).In(row_labels).Outputs()[0];
  const Tensor outer = LastIndex(rank);
  Tensor outer_sizes;
  {
    const OpScope slice("", "Slice", x.graph());
    const Tensor begin = AsTensor(Array({0}), kInt32, "begin");
    const Tensor size = OpBuilder("Pack", "size").InList({outer}).Attr("axis", 0).Output();
    outer_sizes = OpBuilder("Slice", slice.self()).In(sizes).In(begin).In(size).Output();
  }
  const Tensor cost = OpBuilder("Reshape", NameOptions()).In(costs).In(outer_sizes).Output();
  cost.set_shape(WithoutAxis(shape, o.axis));
  return CastUnlessSame(cost, dtype);
}

Tensor SoftmaxCrossEntropyWithLogits(const Input& labels, const Input& logits,
                                     const SoftmaxOptions& o) {
  const OpScope scope(o.name, "softmax_cross_entropy_with_logits_sg", {&logits, &labels});
  const Tensor fixed = OpBuilder("StopGradient", "labels_stop_gradient")
                           .In(AsTensor(labels, logits.dtype(), "labels"))
                           .Output();
  return SoftmaxCrossEntropyWithLogitsV2(fixed, logits, {.axis = o.axis, .name = scope.name()});
}

// ---- cross entropy with class numbers -----------------------------------------------------------

namespace {

constexpr char kSparse[] = "SparseSoftmaxCrossEntropyWithLogits";

void CheckSparseShapes(const PartialShape& labels, const PartialShape& logits) {
  if (logits.known_rank() && logits.rank() == 0) {
    ThrowError(Code::kInvalidArgument,
               StrCat(kSparse, ": Logits cannot be scalars - received shape ",
                      logits.ToPythonString(), "."));
  }
  if (!logits.known_rank() || !labels.known_rank()) return;
  if (labels.rank() != logits.rank() - 1) {
    ThrowError(Code::kInvalidArgument,
               StrCat(kSparse, ": Rank mismatch: Rank of labels (received ", labels.rank(),
                      ") should equal rank of logits minus 1 (received ", logits.rank(), ")."));
  }
  if (!labels.IsCompatibleWith(WithoutAxis(logits, -1))) {
    ThrowError(
        Code::kInvalidArgument,
        StrCat(kSparse, ": Shape mismatch: The shape of labels (received ", labels.ToPythonString(),
               ") should equal the shape of logits except for the last dimension (received ",
               logits.ToPythonString(), ")."));
  }
}

// Fails in the run unless labels have the shape of logits without the last dimension.
Operation AssertOuterShape(const Tensor& labels, const Tensor& logits) {
  const Tensor have = ShapeOf(labels), all = ShapeOf(logits);
  const Tensor want = internal::SliceOf(all, Array({0}), Array({-1}), "begin_mask");
  const NameScope scope("assert_equal_1");
  const Tensor same = ReduceAll(Equal(have, want));
  return Assert(same, {Array("Condition x == y did not hold element-wise:"),
                       Array(StrCat("x (", have.name(), ") = ")), have,
                       Array(StrCat("y (", want.name(), ") = ")), want});
}

// The last size of x as a scalar.
Tensor LastSize(const Tensor& x) {
  const Tensor sizes = ShapeOf(x), rank = Rank(x);
  const Tensor begin = Minus(rank, 1), end = Plus(begin, 1);
  const OpScope scope("", "strided_slice", x.graph());
  const Tensor from = OpBuilder("Pack", "stack").InList({begin}).Attr("axis", 0).Output();
  const Tensor to = OpBuilder("Pack", "stack_1").InList({end}).Attr("axis", 0).Output();
  const Tensor step = AsTensor(Array({1}), kInt32, "stack_2");
  return OpBuilder("StridedSlice", scope.self())
      .In(sizes)
      .In(from)
      .In(to)
      .In(step)
      .Attr("shrink_axis_mask", 1)
      .Output();
}

}  // namespace

Tensor SparseSoftmaxCrossEntropyWithLogits(const Input& labels, const Input& logits,
                                           const NameOptions& options) {
  const OpScope scope(options.name, kSparse, {&labels, &logits});
  // Within the scope, under the name that was asked for: "loss/loss".
  const std::string name = options.name;
  const Tensor classes = AsTensor(labels, kInvalidType, "Const");
  const Tensor given = AsTensor(logits, kInvalidType, "Const");
  const DataType dtype = RemoveRef(given.dtype());
  const PartialShape class_shape = classes.shape(), shape = given.shape();
  Tensor x = CastUnlessSame(given, PreciseDtype(dtype));
  const Tensor class_sizes = ShapeOf(classes);
  CheckSparseShapes(class_shape, shape);
  const auto entropy = [&](const Tensor& rows, const Tensor& row_classes) {
    return OpBuilder(kSparse, name).In(rows).In(row_classes).Outputs()[0];
  };
  if (shape.known_rank() && shape.rank() == 2) return CastUnlessSame(entropy(x, classes), dtype);
  std::vector<Operation> checks;
  if (!class_shape.IsFullyKnown() || !WithoutAxis(shape, -1).IsFullyKnown())
    checks.push_back(AssertOuterShape(classes, given));
  const ControlDependencies checked(checks, scope.graph());
  Tensor sizes;
  const Tensor num_classes = LastSize(given);
  {
    const OpScope reshape("", "Reshape", scope.graph());
    {
      const OpScope pack("", "shape", scope.graph());
      const Tensor rows = AsTensor(Array(-1), kInt32, "0");
      sizes = OpBuilder("Pack", pack.self()).InList({rows, num_classes}).Attr("axis", 0).Output();
    }
    x = OpBuilder("Reshape", reshape.self()).In(x).In(sizes).Output();
  }
  const Tensor flat = OpBuilder("Reshape", NameOptions()).In(classes).In(Array({-1})).Output();
  const Tensor cost =
      OpBuilder("Reshape", NameOptions()).In(entropy(x, flat)).In(class_sizes).Output();
  cost.set_shape(class_shape);
  return CastUnlessSame(cost, dtype);
}

// ---- other losses -------------------------------------------------------------------------------

namespace {

void CheckSameShape(const char* op, const Tensor& logits, const char* name, const Tensor& other) {
  if (logits.shape().IsCompatibleWith(other.shape())) return;
  ThrowError(Code::kInvalidArgument,
             StrCat(op, ": `logits` and `", name, "` must have the same shape, received (",
                    logits.shape().ToPythonString(), " vs ", other.shape().ToPythonString(), ")."));
}

struct LossOperands {
  Tensor logits, labels;
};
LossOperands OperandsOf(const char* op, const Input& logits, const Input& labels,
                        const char* labels_name, const char* logits_name = "logits") {
  const DataType dtype = DtypeOf({&logits, &labels}, kFloat32);
  const Tensor x = AsTensor(logits, dtype, logits_name);
  const Tensor z = AsTensor(labels, RemoveRef(x.dtype()), labels_name);
  CheckSameShape(op, x, labels_name, z);
  return {x, z};
}

Tensor Select(const Tensor& condition, const Tensor& yes, const Tensor& no) {
  return OpBuilder("Select", NameOptions()).In(condition).In(yes).In(no).Output();
}

}  // namespace

Tensor SigmoidCrossEntropyWithLogits(const Input& labels, const Input& logits,
                                     const NameOptions& options) {
  const OpScope scope(options.name, "logistic_loss", {&logits, &labels});
  const auto [x, z] = OperandsOf("SigmoidCrossEntropyWithLogits", logits, labels, "labels");
  // max(x, 0) - x z + log(1 + e^-|x|), with selections that have right derivatives at 0.
  const Tensor zeros = ZerosLike(x);
  const Tensor positive = GreaterEqual(x, zeros);
  const Tensor relu = Select(positive, x, zeros);
  const Tensor negative_abs = Select(positive, Unary("Neg", x), x);
  const Tensor linear = Minus(relu, Times(x, z));
  const Tensor rest = Unary("Log1p", Unary("Exp", negative_abs));
  return OpBuilder("AddV2", scope.self()).In(linear).In(rest).Output();
}

Tensor WeightedCrossEntropyWithLogits(const Input& labels, const Input& logits,
                                      const Input& pos_weight, const NameOptions& options) {
  const OpScope scope(options.name, "logistic_loss", {&logits, &labels});
  const auto [x, z] = OperandsOf("WeightedCrossEntropyWithLogits", logits, labels, "labels");
  // (1 - z) x + (1 + (q - 1) z) (log(1 + e^-|x|) + max(-x, 0)).
  const DataType dtype = RemoveRef(x.dtype());
  Input excess = 1;
  if (pos_weight.is_tensor())
    excess = Minus(pos_weight, 1);
  else if (!pos_weight.array().valid() || pos_weight.array().rank() != 0)
    excess = Minus(AsTensor(pos_weight, dtype, "pos_weight"), 1);
  else
    excess = pos_weight.array().AsDouble() - 1;
  const Tensor weight = Plus(1, Times(excess, z));
  const Tensor linear = Times(Minus(1, z), x);
  const Tensor small = Unary("Log1p", Unary("Exp", Unary("Neg", Unary("Abs", x))));
  const Tensor hinge = Unary("Relu", Unary("Neg", x));
  return OpBuilder("AddV2", scope.self()).In(linear).In(Times(weight, Plus(small, hinge))).Output();
}

Tensor LogPoissonLoss(const Input& targets, const Input& log_input,
                      const LogPoissonLossOptions& o) {
  const OpScope scope(o.name, "log_poisson_loss", {&log_input, &targets});
  const auto [x, z] = OperandsOf("LogPoissonLoss", log_input, targets, "targets", "log_input");
  const Tensor rate = Unary("Exp", x);
  const Tensor loss = Minus(rate, Times(x, z));
  if (!o.compute_full_loss) return loss;
  // Stirling: log z! is about z log z - z + log(2 pi z) / 2; 0 for z in [0, 1].
  const DataType dtype = RemoveRef(x.dtype());
  const Tensor half = AsTensor(0.5, dtype), two_pi = AsTensor(2 * 3.14159265358979323846, dtype);
  const Tensor power = Minus(Times(z, Unary("Log", z)), z);
  const Tensor root = Times(half, Unary("Log", Times(two_pi, z)));
  const Tensor stirling = Plus(power, root);
  const Tensor zeros = ZerosLike(z), ones = OnesLike(z);
  const Tensor above = GreaterEqual(z, zeros), below = LessEqual(z, ones);
  const Tensor small = LogicalAnd(above, below);
  return Plus(loss, Select(small, zeros, stirling));
}

}  // namespace weft::nn
