// SPDX-License-Identifier: Apache-2.0
// Public functions that count: bincount, confusion matrix.
#include "src/core/strings.h"
#include "src/ops/one_node.h"
#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/logging.h"
#include "weft/ops/reduction.h"

namespace weft {

using weft::internal::BinaryNode;
namespace {

using internal::CastUnlessSame;
using internal::Plus;
using internal::Times;

bool IsGiven(const Input& in) { return in.is_tensor() || in.array().valid(); }

}  // namespace

Tensor Bincount(const Input& arr, const BincountOptions& o) {
  const OpScope scope(o.name, "bincount", {&arr});
  const Tensor values = AsTensor(arr, kInt32, "arr");
  const Tensor any = CastUnlessSame(BinaryNode("Greater", Size(values), 0), kInt32);
  // 0 for no values, whose maximum is no number.
  Tensor length = Times(any, Plus(ReduceMax(values), 1));
  if (IsGiven(o.minlength))
    length = BinaryNode("Maximum", AsTensor(o.minlength, kInt32, "minlength"), length);
  if (IsGiven(o.maxlength))
    length = BinaryNode("Minimum", AsTensor(o.maxlength, kInt32, "maxlength"), length);
  const Tensor weights =
      IsGiven(o.weights) ? Reshape(o.weights, {-1}) : AsTensor(Array(o.dtype, Shape({0})));
  const Tensor flat = Reshape(values, {-1});
  return OpBuilder("DenseBincount", NameOptions()).In(flat).In(length).In(weights).Output();
}

namespace {

// x, if `holds` everywhere; else the run fails with `text`.
Tensor Checked(const Tensor& x, const Tensor& holds, const std::string& text, const Tensor& bound) {
  const Operation check =
      Assert(ReduceAll(holds),
             {Array(text), Array(StrCat("x (", x.name(), ") = ")), x, Array("bound = "), bound});
  return OpBuilder("Identity", "control_dependency").In(x).ControlInput(check).Output();
}

Tensor AtLeast0(const Tensor& x, const char* what) {
  const NameScope scope("assert_non_negative");
  const Tensor zero = AsTensor(0, RemoveRef(x.dtype()));
  return Checked(x, BinaryNode("LessEqual", zero, x),
                 StrCat("`", what, "` contains negative values."), zero);
}
Tensor Below(const Tensor& x, const Tensor& bound, const char* what) {
  const NameScope scope("assert_less");
  return Checked(x, BinaryNode("Less", x, bound), StrCat("`", what, "` out of bound"), bound);
}

}  // namespace

Tensor ConfusionMatrix(const Input& labels, const Input& predictions,
                       const ConfusionMatrixOptions& o) {
  const OpScope scope(o.name, "confusion_matrix", {&predictions, &labels});
  const Tensor given = AsTensor(labels, kInvalidType, "labels");
  Tensor columns = CastUnlessSame(AsTensor(predictions, kInvalidType, "predictions"), kInt64);
  Tensor rows = CastUnlessSame(given, kInt64);
  rows = AtLeast0(rows, "labels");
  columns = AtLeast0(columns, "predictions");
  Tensor classes;
  if (IsGiven(o.num_classes)) {
    classes = CastUnlessSame(AsTensor(o.num_classes), kInt64);
    rows = Below(rows, classes, "labels");
    columns = Below(columns, classes, "predictions");
  } else {
    const Tensor last_column = ReduceMax(columns), last_row = ReduceMax(rows);
    classes = Plus(BinaryNode("Maximum", last_column, last_row), 1);
  }
  Tensor values;
  if (IsGiven(o.weights)) values = CastUnlessSame(AsTensor(o.weights), o.dtype);
  const Tensor shape = Stack({classes, classes});
  const Tensor places = Stack({rows, columns}, {.axis = 1});
  if (!values.valid()) values = OnesLike(columns, o.dtype);
  const Tensor matrix =
      OpBuilder("ScatterNd", NameOptions()).In(places).In(values).In(shape).Output();
  return matrix;
}

}  // namespace weft
