// SPDX-License-Identifier: Apache-2.0
#include "src/raw/raw_node.h"

#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"

namespace weft::raw {
namespace {

bool IsGiven(const Array& value) { return value.valid(); }
bool IsGiven(const FuncRef& value) { return !value.name.empty(); }
template <typename T>
bool IsGiven(const T&) {
  return true;
}

// Tensors of one output argument of a node.
int64_t CountOf(const ArgDef& arg, Operation node) {
  if (!arg.number_attr.empty()) return *node.attr(arg.number_attr).Get<int64_t>();
  if (!arg.type_list_attr.empty()) {
    const auto* types = node.attr(arg.type_list_attr).Get<std::vector<DataType>>();
    return static_cast<int64_t>(types->size());
  }
  return 1;
}

}  // namespace

RawNode::RawNode(const char* op, const std::string& name)
    : builder_(std::make_unique<OpBuilder>(op, NameOptions(name))) {}
RawNode::~RawNode() = default;

void RawNode::In(const Input& input) { builder_->In(input); }
void RawNode::In(const std::vector<Input>& inputs) { builder_->InList(inputs); }

template <typename T>
void RawNode::Attr(const char* name, const T& value) {
  if (IsGiven(value)) builder_->Attr(name, value);
}
template void RawNode::Attr(const char*, const std::string&);
template void RawNode::Attr(const char*, const int64_t&);
template void RawNode::Attr(const char*, const float&);
template void RawNode::Attr(const char*, const bool&);
template void RawNode::Attr(const char*, const DataType&);
template void RawNode::Attr(const char*, const PartialShape&);
template void RawNode::Attr(const char*, const Array&);
template void RawNode::Attr(const char*, const FuncRef&);
template void RawNode::Attr(const char*, const std::vector<std::string>&);
template void RawNode::Attr(const char*, const std::vector<int64_t>&);
template void RawNode::Attr(const char*, const std::vector<float>&);
template void RawNode::Attr(const char*, const std::vector<bool>&);
template void RawNode::Attr(const char*, const std::vector<DataType>&);
template void RawNode::Attr(const char*, const std::vector<PartialShape>&);
template void RawNode::Attr(const char*, const std::vector<Array>&);
template void RawNode::Attr(const char*, const std::vector<FuncRef>&);

Operation RawNode::Build() { return operation_ = builder_->Build(); }

Tensor RawNode::Next() {
  ++argument_;
  return operation_.output(output_++);
}

std::vector<Tensor> RawNode::NextList() {
  const OpDef* def = OpRegistry::Global().Find(operation_.type());
  std::vector<Tensor> tensors;
  for (int64_t n = CountOf(def->outputs()[argument_++], operation_); n > 0; --n)
    tensors.push_back(operation_.output(output_++));
  return tensors;
}

}  // namespace weft::raw
