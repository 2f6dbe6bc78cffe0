// SPDX-License-Identifier: Apache-2.0
// Functions of the API that add one node.
#pragma once

#include "weft/graph/op_builder.h"

namespace weft::internal {

inline Tensor UnaryNode(const char* op, const Input& x,
                        const NameOptions& options = NameOptions()) {
  return OpBuilder(op, options).In(x).Output();
}

inline Tensor BinaryNode(const char* op, const Input& x, const Input& y,
                         const NameOptions& options = NameOptions(),
                         const char* default_name = "") {
  return OpBuilder(op, options, default_name).In(x).In(y).Output();
}

}  // namespace weft::internal
