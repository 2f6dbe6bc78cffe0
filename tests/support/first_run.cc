// SPDX-License-Identifier: Apache-2.0
#include "tests/support/first_run.h"

namespace weft {

std::vector<std::vector<Array>> FirstRuns(const std::string& op, const std::vector<Array>& inputs,
                                          const AttrMap& attrs, int runs,
                                          const ConfigProto& config) {
  const Graph graph;
  const GraphScope use(graph);
  std::vector<Tensor> operands;
  for (const Array& value : inputs) operands.push_back(ConstantOf(value));
  const absl::StatusOr<Operation> node = AddNode(op, operands, attrs);
  if (!node.ok()) {
    ADD_FAILURE() << op << ": " << node.status();
    return std::vector<std::vector<Array>>(static_cast<size_t>(runs), std::vector<Array>(1));
  }
  Session session(graph, config);
  std::vector<std::vector<Array>> results;
  for (int i = 0; i < runs; ++i) {
    try {
      results.push_back(session.Run(node->outputs()));
    } catch (const Error& e) {
      ADD_FAILURE() << op << ": " << e.what();
      results.emplace_back(node->outputs().size());
    }
  }
  return results;
}

Array FirstRun(const std::string& op, const std::vector<Array>& inputs, const AttrMap& attrs,
               const ConfigProto& config) {
  return FirstRuns(op, inputs, attrs, 1, config)[0][0];
}

std::vector<std::string> NodeLines(const Graph& graph) {
  std::vector<std::string> lines;
  for (const Operation& op : graph.operations()) {
    std::string line = op.type() + " " + op.name() + "(";
    std::string_view separator = "";
    for (int i = 0; i < op.num_inputs(); ++i) {
      std::string name = op.input(i).name();
      if (name.ends_with(":0")) name.resize(name.size() - 2);
      line.append(separator).append(name);
      separator = ", ";
    }
    for (const Operation& control : op.control_inputs()) {
      line.append(separator).append("^" + control.name());
      separator = ", ";
    }
    lines.push_back(line + ")");
  }
  return lines;
}

}  // namespace weft
