// SPDX-License-Identifier: Apache-2.0
// OpBuilder: adds one node. What functions that make ops are written with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weft/graph/attr_value.h"
#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

// Builds one node as Python's generated wrappers do: opens a name scope for it, makes constants of
// literals under it ("mul/y"), infers attributes, and throws wf::Error. The functions of
// include/weft/ops are thin calls of it.
//   return OpBuilder("MatMul", name).In(a).In(b).Attr("transpose_a", true).Output();
class OpBuilder {
 public:
  // `name`: what the user asked for, or `default_name` (the op type if empty).
  OpBuilder(std::string type, const NameOptions& name, std::string default_name = {});
  OpBuilder& In(const Input& input);
  // An argument of several tensors ("N * T" or a list of types).
  OpBuilder& InList(const std::vector<Input>& inputs);
  OpBuilder& Attr(std::string_view name, AttrValue value);
  OpBuilder& ControlInput(Operation op);
  // Literals of this node take this dtype where no input tells.
  OpBuilder& PreferDtype(DataType dtype);
  Operation Build();
  Tensor Output() { return Build().output(0); }
  std::vector<Tensor> Outputs() { return Build().outputs(); }

 private:
  struct Argument {
    std::vector<Input> values;
    bool is_list = false;
  };
  std::string type_, name_;
  std::vector<Argument> arguments_;
  AttrMap attrs_;
  std::vector<Operation> control_inputs_;
  DataType preferred_ = kInvalidType;
};

}  // namespace weft
