// SPDX-License-Identifier: Apache-2.0
// Runs one kernel by itself on the CPU: constant folding and constant values in shape inference.
#pragma once

#include <vector>

#include "src/runtime/plan.h"

namespace weft {

// False if there is no kernel for the node or it fails.
bool EvaluateOnce(const PlanNode* node, const std::vector<Array>& inputs,
                  std::vector<Array>* outputs);

// What a kernel's constructor sees of a PlanNode.
class PlanNodeConstruction final : public KernelConstruction {
 public:
  PlanNodeConstruction(const PlanNode& node, std::string_view device_type,
                       ResourceManager* resources)
      : node_(node), device_type_(device_type), resources_(resources) {}
  const std::string& name() const override { return node_.name; }
  const std::string& op() const override { return node_.op; }
  std::string_view device_type() const override { return device_type_; }
  int num_inputs() const override { return static_cast<int>(node_.input_types.size()); }
  int num_outputs() const override { return static_cast<int>(node_.output_types.size()); }
  DataType input_dtype(int i) const override { return node_.input_types[static_cast<size_t>(i)]; }
  DataType output_dtype(int i) const override { return node_.output_types[static_cast<size_t>(i)]; }
  const AttrValue* FindAttr(std::string_view name) const override {
    auto it = node_.attrs.find(name);
    return it == node_.attrs.end() ? nullptr : &it->second;
  }
  ResourceManager& resources() const override { return *resources_; }
  std::string UniqueNodeName() const override;

 private:
  const PlanNode& node_;
  std::string_view device_type_;
  ResourceManager* resources_;
};

}  // namespace weft
