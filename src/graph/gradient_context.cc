// SPDX-License-Identifier: Apache-2.0
// Nodes by op name for gradient rules, and the gradient of broadcasting.
#include <algorithm>
#include <optional>
#include <utility>

#include "src/core/strings.h"
#include "weft/core/complex.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

template <typename T>
Array ScalarOf(double value) {
  if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>) {
    return Array(T(static_cast<float>(value)));
  } else if constexpr (std::is_same_v<T, complex64>) {
    return Array(complex64(static_cast<float>(value)));
  } else {
    return Array(static_cast<T>(value));
  }
}

// Invalid if numbers of this type can't be written.
Array NumberOf(DataType dtype, double value) {
  switch (RemoveRef(dtype)) {
    case kFloat32:
      return ScalarOf<float>(value);
    case kFloat64:
      return ScalarOf<double>(value);
    case kFloat16:
      return ScalarOf<half>(value);
    case kBfloat16:
      return ScalarOf<bfloat16>(value);
    case kInt8:
      return ScalarOf<int8_t>(value);
    case kInt16:
      return ScalarOf<int16_t>(value);
    case kInt32:
      return ScalarOf<int32_t>(value);
    case kInt64:
      return ScalarOf<int64_t>(value);
    case kUint8:
      return ScalarOf<uint8_t>(value);
    case kUint16:
      return ScalarOf<uint16_t>(value);
    case kUint32:
      return ScalarOf<uint32_t>(value);
    case kUint64:
      return ScalarOf<uint64_t>(value);
    case kBool:
      return Array(value != 0);
    case kComplex64:
      return ScalarOf<complex64>(value);
    case kComplex128:
      return ScalarOf<complex128>(value);
    default:
      return Array();
  }
}

bool FitsInt32(int64_t v) { return v == static_cast<int32_t>(v); }

// The axes to sum over for each operand as far as static shapes decide that; nullopt if they don't.
struct StaticAxes {
  std::vector<int32_t> a;
  std::vector<int32_t> b;
};
std::optional<StaticAxes> InferAxes(const PartialShape& a, const PartialShape& b) {
  if (!a.known_rank() || !b.known_rank()) return std::nullopt;
  const int rank = std::max(a.rank(), b.rank());
  StaticAxes axes;
  for (int d = 0; d < rank; ++d) {
    const int in_a = d - (rank - a.rank());
    const int in_b = d - (rank - b.rank());
    const int64_t size_a = in_a < 0 ? 1 : a.dim(in_a);
    const int64_t size_b = in_b < 0 ? 1 : b.dim(in_b);
    if (size_a == 1 && size_b != 1) {
      axes.a.push_back(d);
    } else if (size_b == 1 && size_a != 1) {
      axes.b.push_back(d);
    } else if (size_a == kUnknownDim || size_b == kUnknownDim) {
      return std::nullopt;
    }
  }
  return axes;
}

}  // namespace

Operation NodeAdder::AddOperation(std::string_view type, const std::vector<Tensor>& inputs,
                                  AttrList attrs, std::string_view name,
                                  const std::vector<Operation>& control_inputs) {
  if (!ok()) return Operation();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].valid()) continue;
    Fail(absl::InternalError(StrCat("input ", i, " of a new ", type, " node is no tensor")));
    return Operation();
  }
  AttrMap map;
  for (const auto& [key, value] : attrs) map.insert_or_assign(std::string(key), value);
  absl::StatusOr<Node*> node =
      AddNode(type, inputs, map, name.empty() ? type : name, control_inputs);
  if (!node.ok()) {
    Fail(node.status());
    return Operation();
  }
  return Operation(*node);
}

Tensor NodeAdder::Op(std::string_view type, const std::vector<Tensor>& inputs, AttrList attrs,
                     std::string_view name) {
  const Operation op = AddOperation(type, inputs, attrs, name);
  return op.valid() ? op.output(0) : Tensor();
}

std::vector<Tensor> NodeAdder::Ops(std::string_view type, const std::vector<Tensor>& inputs,
                                   AttrList attrs, std::string_view name) {
  const Operation op = AddOperation(type, inputs, attrs, name);
  if (op.valid()) return op.outputs();
  // Rules index the result before they look at the status.
  constexpr size_t kMostOutputs = 16;
  return std::vector<Tensor>(kMostOutputs);
}

Tensor NodeAdder::Const(Array value, std::string_view name) {
  if (!value.valid()) {
    Fail(absl::InternalError(StrCat("the constant '", name, "' has no value")));
    return Tensor();
  }
  const DataType dtype = value.dtype();
  return Op("Const", {}, {{"value", std::move(value)}, {"dtype", dtype}}, name);
}

Tensor NodeAdder::ConstOf(DataType dtype, double value, std::string_view name) {
  Array number = NumberOf(dtype, value);
  if (number.valid()) return Const(std::move(number), name);
  Fail(absl::InvalidArgumentError(
      StrCat("the constant '", name, "' is a number, dtype ", DTypeName(dtype), " has none")));
  return Tensor();
}

Tensor NodeAdder::ConstLike(double value, Tensor like, std::string_view name) {
  return like.valid() ? ConstOf(like.dtype(), value, name) : Tensor();
}

Tensor NodeAdder::ConstInts(const std::vector<int32_t>& values, std::string_view name) {
  return Const(Array::FromVector(values), name);
}

Tensor NodeAdder::ConstInt(int32_t value, std::string_view name) {
  return Const(Array(value), name);
}

Tensor NodeAdder::Conj(Tensor a) {
  return a.valid() && IsComplex(RemoveRef(a.dtype())) ? Op("Conj", {a}) : a;
}

Tensor NodeAdder::Shape(Tensor a) {
  if (!a.valid() || !a.shape().IsFullyKnown()) return Op("Shape", {a});
  const std::span<const int64_t> dims = a.shape().dims();
  if (!std::ranges::all_of(dims, FitsInt32)) return Op("Shape", {a});
  return ConstInts(std::vector<int32_t>(dims.begin(), dims.end()), "Shape");
}

Tensor NodeAdder::Size(Tensor a) {
  if (!a.valid()) return Op("Size", {a});
  const int64_t n = a.shape().num_elements();
  return n < 0 || !FitsInt32(n) ? Op("Size", {a}) : ConstInt(static_cast<int32_t>(n), "Size");
}

Tensor NodeAdder::Rank(Tensor a) {
  if (!a.valid() || !a.shape().known_rank()) return Op("Rank", {a});
  return ConstInt(a.shape().rank(), "Rank");
}

Tensor NodeAdder::Cast(Tensor a, DataType to) {
  if (a.valid() && RemoveRef(a.dtype()) == RemoveRef(to)) return a;
  return Op("Cast", {a}, {{"DstT", RemoveRef(to)}});
}

void GradientContext::SetBroadcastDx(int a, Tensor da, int b, Tensor db) {
  if (!ok()) return;
  const Tensor x = input(a), y = input(b);
  // An operand that meets itself is repeated nowhere.
  const std::optional<StaticAxes> axes = x == y ? StaticAxes() : InferAxes(x.shape(), y.shape());
  std::vector<Tensor> dynamic_axes;
  if (!axes && (da.valid() || db.valid())) {
    dynamic_axes = Ops("BroadcastGradientArgs", {Shape(x), Shape(y)});
    if (!ok()) return;
  }
  const auto set = [&](int i, Tensor dx, const std::vector<int32_t>* known, int other_rank) {
    if (!dx.valid()) return;
    const Tensor like = input(i);
    if (known && known->empty() && like.shape().rank() >= other_rank) return SetDx(i, dx);
    const Tensor over = known ? ConstInts(*known) : dynamic_axes[i == a ? 0 : 1];
    const Tensor dense = Reshape(Sum(dx, over, /*keep_dims=*/true), Shape(like));
    if (ok()) SetDx(i, dense);
  };
  set(a, da, axes ? &axes->a : nullptr, y.shape().rank());
  set(b, db, axes ? &axes->b : nullptr, x.shape().rank());
}

}  // namespace weft
