// SPDX-License-Identifier: Apache-2.0
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/ops/one_node.h"
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/math_binary.h"

namespace weft {

using weft::internal::BinaryNode;
namespace {}  // namespace

namespace {
// As Python's overloads do, an operator reads its own variable before it opens the node's scope: x
// of x + y, y of 2 + y.
void ReadOwner(const Input& a, const Input& b) {
  if (a.is_tensor())
    a.tensor();
  else
    b.tensor();
}
}  // namespace

Tensor internal::BinaryOperator(const char* op, const char* name, const Input& a, const Input& b) {
  ReadOwner(a, b);
  return BinaryNode(op, a, b, {}, name);
}
Tensor internal::NegateOperator(const Tensor& a) {
  return OpBuilder("Neg", NameOptions()).In(a).Output();
}

Tensor internal::DivideOperator(const Input& a, const Input& b) {
  ReadOwner(a, b);
  return Divide(a, b, "truediv");
}

Tensor Add(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("AddV2", x, y, options, "Add");
}
Tensor Subtract(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("Sub", x, y, options);
}
Tensor Multiply(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("Mul", x, y, options);
}
Tensor RealDiv(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("RealDiv", x, y, options);
}
Tensor FloorDiv(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("FloorDiv", x, y, options, "floordiv");
}
Tensor TruncateDiv(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("TruncateDiv", x, y, options);
}
Tensor DivideNoNan(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("DivNoNan", x, y, options, "div_no_nan");
}
Tensor MultiplyNoNan(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("MulNoNan", x, y, options, "multiply_no_nan");
}
Tensor FloorMod(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("FloorMod", x, y, options);
}
Tensor TruncateMod(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("TruncateMod", x, y, options);
}
Tensor Pow(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("Pow", x, y, options);
}
Tensor Maximum(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("Maximum", x, y, options);
}
Tensor Minimum(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("Minimum", x, y, options);
}
Tensor SquaredDifference(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("SquaredDifference", x, y, options);
}
Tensor Atan2(const Input& y, const Input& x, const NameOptions& options) {
  return BinaryNode("Atan2", y, x, options);
}
Tensor Xdivy(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("Xdivy", x, y, options, "xdivy");
}
Tensor Xlogy(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("Xlogy", x, y, options, "xlogy");
}
Tensor Xlog1py(const Input& x, const Input& y, const NameOptions& options) {
  return BinaryNode("Xlog1py", x, y, options, "xlog1py");
}

Tensor Divide(const Input& x, const Input& y, const NameOptions& options) {
  const DataType dtype = DtypeOf({&x, &y}, x.array().valid() ? x.array().dtype() : kFloat32);
  if (!IsInteger(dtype)) return BinaryNode("RealDiv", x, y, options, "truediv");
  const DataType real = DTypeSize(dtype) <= 2 ? kFloat32 : kFloat64;
  const OpScope scope(options.name, "truediv", {&x, &y});
  auto cast = [&](const Input& in, const char* name) {
    return OpBuilder("Cast", NameOptions("Cast"))
        .In(AsTensor(in, dtype, name))
        .Attr("DstT", real)
        .Output();
  };
  return OpBuilder("RealDiv", scope.self()).In(cast(x, "x")).In(cast(y, "y")).Output();
}

Tensor AddN(const std::vector<Input>& inputs, const NameOptions& options) {
  for (const Input& in : inputs) in.tensor();
  if (inputs.size() != 1) return OpBuilder("AddN", options).InList(inputs).Output();
  const Tensor only = AsTensor(inputs[0], kInvalidType, "inputs");
  return options.name.empty() ? only : OpBuilder("Identity", options).In(only).Output();
}
Tensor AccumulateN(const std::vector<Input>& inputs, const NameOptions& options) {
  return AddN(inputs, options);
}

Tensor ClipByValue(const Input& t, const Input& low, const Input& high,
                   const NameOptions& options) {
  const OpScope scope(options.name, "clip_by_value", {&t, &low, &high});
  const Tensor values = AsTensor(t, DtypeOf({&t, &low, &high}, kFloat32), "t");
  const auto check = [&](const Tensor& limited) {
    if (values.shape().IsCompatibleWith(limited.shape())) return limited;
    ThrowError(Code::kInvalidArgument,
               StrCat("ClipByValue: the limits change the shape ", values.shape().ToPythonString(),
                      " of t to ", limited.shape().ToPythonString()));
  };
  const Tensor upper = check(BinaryNode("Minimum", values, high, "Minimum"));
  return check(OpBuilder("Maximum", scope.self()).In(upper).In(low).Output());
}

}  // namespace weft
