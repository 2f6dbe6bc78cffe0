// SPDX-License-Identifier: Apache-2.0
// Short ways to add nodes, for this layer.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "src/core/strings.h"
#include "weft/graph/graph.h"
#include "weft/graph/op_builder.h"

namespace weft::internal {

inline OpBuilder Builder(std::string type, const std::vector<Input>& inputs,
                         const std::string& name,
                         std::initializer_list<std::pair<std::string, AttrValue>> attrs) {
  OpBuilder b(std::move(type), name);
  for (const Input& in : inputs) b.In(in);
  for (const auto& [attr, value] : attrs) b.Attr(attr, value);
  return b;
}
inline Tensor Op(std::string type, const std::vector<Input>& inputs, const std::string& name = {},
                 std::initializer_list<std::pair<std::string, AttrValue>> attrs = {}) {
  return Builder(std::move(type), inputs, name, attrs).Output();
}
inline Operation OpOf(std::string type, const std::vector<Input>& inputs,
                      const std::string& name = {},
                      std::initializer_list<std::pair<std::string, AttrValue>> attrs = {}) {
  return Builder(std::move(type), inputs, name, attrs).Build();
}

// "layer/w" for "w" in scope "layer" or "layer/"; "w" without a scope.
inline std::string InScope(const std::string& scope, const std::string& name) {
  if (scope.empty() || name.empty()) return name;
  return scope.back() == '/' ? scope + name : StrCat(scope, "/", name);
}

// "w" of "layer/w".
inline std::string LastPart(const std::string& name) {
  const size_t slash = name.rfind('/');
  return slash == std::string::npos ? name : name.substr(slash + 1);
}

// `x` as `dtype`, as tf.cast gives it: nothing but a constant or a read where it has that dtype.
// Literals have Python's dtypes first: int32, float32.
inline Tensor CastTo(const Input& x, DataType dtype, const std::string& name = "Cast") {
  // A tensor stays as it is; for a reference variable, which is read, a scope is opened.
  if (const Tensor t = x.source(); t.valid() && t.dtype() == dtype && dtype != kResource) {
    const bool is_read = t.op().type() == "Identity" && IsRef(t.op().input(0).dtype());
    if (!is_read) return x.tensor();
  }
  if (x.is_tensor() && x.source().valid()) {
    const GraphScope use(x.source().graph());
    const NameScope scope(name);
    const Tensor t = x.tensor();
    return RemoveRef(t.dtype()) == dtype ? t : Op("Cast", {t}, scope.name(), {{"DstT", dtype}});
  }
  const NameScope scope(name);
  const Tensor t = AsTensor(x, x.dtype() == kFloat64 ? kFloat32 : kInvalidType, "x");
  return t.dtype() == dtype ? t : Op("Cast", {t}, scope.name(), {{"DstT", dtype}});
}

}  // namespace weft::internal
