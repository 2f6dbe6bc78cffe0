// SPDX-License-Identifier: Apache-2.0
// Short ways to add nodes, for this layer.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "weft/graph/input.h"

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

}  // namespace weft::internal
