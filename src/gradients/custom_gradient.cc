// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/gradients/gradient_nodes.h"
#include "weft/gradients/gradients.h"

namespace weft {

// The outputs and the inputs pass through one IdentityN whose gradient rule is the user's: what
// arrives for the outputs goes, through it, to the inputs, and the nodes of `forward` get nothing.
std::vector<Tensor> CustomGradient(
    const std::function<CustomGradientResult(const std::vector<Tensor>& inputs)>& forward,
    const std::vector<Tensor>& inputs) {
  if (inputs.empty()) ThrowError(Code::kInvalidArgument, "CustomGradient: no inputs");
  const Graph graph = inputs[0].graph();
  GraphScope scope(graph);
  GraphNodes nodes(&graph.impl());
  std::vector<Tensor> arguments;
  for (const Tensor& t : inputs) arguments.push_back(nodes.Identity(t));
  ThrowIfError(nodes.status());
  CustomGradientResult result = forward(arguments);
  const size_t num_outputs = result.outputs.size();

  static std::atomic<int64_t> counter{0};
  const std::string rule = StrCat("CustomGradient-", counter.fetch_add(1));
  OpRegistry::Global().AddGradient(rule, [gradient = result.gradient, num_outputs,
                                          num_inputs = inputs.size()](GradientContext& g) {
    std::vector<Tensor> dys;
    for (size_t i = 0; i < num_outputs; ++i) dys.push_back(g.dy(static_cast<int>(i)));
    if (!g.ok()) return;
    const std::vector<Tensor> dxs = gradient(dys);
    if (dxs.size() != num_inputs) {
      return g.Fail(absl::InvalidArgumentError(StrCat("a custom gradient returned ", dxs.size(),
                                                      " gradients for ", num_inputs, " inputs")));
    }
    for (size_t i = 0; i < dxs.size(); ++i) {
      if (dxs[i].valid()) g.SetDx(static_cast<int>(num_outputs + i), dxs[i]);
    }
  });
  std::vector<Tensor> all = result.outputs;
  all.insert(all.end(), inputs.begin(), inputs.end());
  GradientOverrideMap use({{"IdentityN", rule}}, graph);
  std::vector<Tensor> passed = nodes.Ops("IdentityN", all);
  ThrowIfError(nodes.status());
  passed.resize(num_outputs);
  return passed;
}

}  // namespace weft
