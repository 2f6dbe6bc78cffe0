// SPDX-License-Identifier: Apache-2.0
// What the generated functions of wf::raw are made from. Everything is out of line: hundreds of
// functions use it, and each must be cheap to compile.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "weft/graph/op_builder.h"

namespace weft::raw {

// One node: its inputs in the order of the op's schema, its attributes, then its outputs, each by
// one call.
class RawNode {
 public:
  RawNode(const char* op, const std::string& name);
  ~RawNode();
  RawNode(const RawNode&) = delete;
  RawNode& operator=(const RawNode&) = delete;

  void In(const Input& input);
  void In(const std::vector<Input>& inputs);
  // T: one of the types an attribute may have. A function without a name, and an array without a
  // value, leave the attribute at its default.
  template <typename T>
  void Attr(const char* name, const T& value);

  // Adds the node. Outputs can be asked for from here on.
  Operation Build();
  // The next output argument, which is one tensor / as many tensors as the node's attributes say.
  Tensor Next();
  std::vector<Tensor> NextList();

 private:
  std::unique_ptr<OpBuilder> builder_;
  Operation operation_;
  size_t argument_ = 0;  // number of the next output argument
  int output_ = 0;       // number of its first tensor
};

}  // namespace weft::raw
