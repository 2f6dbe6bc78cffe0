// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/graph_impl.h"
#include "src/runtime/numeric_check.h"
#include "weft/framework/debug.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/basic.h"
#include "weft/ops/control.h"

namespace weft {
namespace {

bool HasNumericOutput(const Node& n) {
  return std::any_of(n.output_types.begin(), n.output_types.end(), [](DataType t) {
    return IsFloating(RemoveRef(t)) || IsComplex(RemoveRef(t));
  });
}

// Ops whose outputs hold whatever was in memory, or nobody computed.
bool IsUndefined(const std::string& op) {
  return op == "Empty" || op == "VariableV2" || op == "Variable" || op == "TemporaryVariable";
}

bool IsChosen(const Node& n, const debug::CheckNumericsOptions& options) {
  if (!HasNumericOutput(n) || IsUndefined(n.type())) return false;
  for (const std::string& e : options.except) {
    if (n.type() == e || n.name == e) return false;
  }
  return options.scopes.empty() ||
         std::any_of(options.scopes.begin(), options.scopes.end(),
                     [&](const std::string& s) { return n.name.starts_with(s); });
}

int64_t MaskOf(const debug::CheckNumericsOptions& options) {
  return (options.nan ? int64_t{kCheckNaN} : 0) + (options.inf ? int64_t{kCheckInf} : 0);
}

int Mark(const Graph& graph, const debug::CheckNumericsOptions& options,
         const std::function<bool(const Node*)>& wanted) {
  const int64_t mask = MaskOf(options);
  int marked = 0;
  GraphImpl& impl = graph.impl();
  std::lock_guard lock(impl.mu());
  for (const auto& n : impl.nodes()) {
    if (!wanted(n.get()) || !IsChosen(*n, options)) continue;
    const int64_t* old = n->FindAttrOf<int64_t>(kNumericCheckAttr);
    if (old && *old == mask) continue;
    marked += old == nullptr || *old == 0;
    impl.SetAttr(n.get(), kNumericCheckAttr, mask);
  }
  return marked;
}

// In a conditional (after a Switch and before the Merge) or a loop.
class ControlFlowRegions {
 public:
  bool Holds(const Node& n) {
    const std::string& op = n.type();
    if (op == "Merge" || op == "RefMerge" || op == "Exit" || op == "RefExit") return false;
    bool inside = op == "Switch" || op == "RefSwitch" || op == "Enter" || op == "RefEnter" ||
                  op == "NextIteration" || op == "RefNextIteration" || op == "LoopCond";
    for (const Tensor& t : n.inputs) inside |= inside_.contains(t.node());
    for (const Node* c : n.control_inputs) inside |= inside_.contains(c);
    if (inside) inside_.insert(&n);
    return inside;
  }

 private:
  std::unordered_set<const Node*> inside_;
};

}  // namespace

Operation AddCheckNumericsOps() {
  const Graph graph = Graph::Default();
  ControlFlowRegions regions;
  std::vector<Operation> last;
  for (const Operation& op : graph.operations()) {
    const bool inside = regions.Holds(*op.node());
    for (const Tensor& output : op.outputs()) {
      const DataType t = output.dtype();  // references are left out
      if (t != kFloat16 && t != kFloat32 && t != kFloat64) continue;
      if (inside)
        ThrowError(Code::kInvalidArgument,
                   StrCat("AddCheckNumericsOps is not compatible with control flow operations such "
                          "as Cond or WhileLoop: op '",
                          op.name(), "' (", op.type(), ") belongs to one"),
                   op.name(), op.type());
      const ControlDependencies after(last, graph);
      last = {CheckNumerics(output, StrCat(op.name(), ":", output.index())).op()};
    }
  }
  return Group(last);
}

namespace debug {

int CheckNumerics(const Graph& graph, const CheckNumericsOptions& options) {
  return Mark(graph, options, [](const Node*) { return true; });
}

int CheckNumerics(const std::vector<Tensor>& fetches, const CheckNumericsOptions& options) {
  if (fetches.empty()) return 0;
  std::unordered_set<const Node*> needed;
  std::vector<const Node*> open;
  const auto need = [&](const Node* n) {
    if (needed.insert(n).second) open.push_back(n);
  };
  for (const Tensor& t : fetches) {
    if (!t.valid() || !(t.graph() == fetches[0].graph()))
      ThrowError(Code::kInvalidArgument, "CheckNumerics: the fetches must be tensors of one graph");
    need(t.node());
  }
  while (!open.empty()) {
    const Node* n = open.back();
    open.pop_back();
    for (const Tensor& t : n->inputs) {
      if (t.valid()) need(t.node());
    }
    for (const Node* c : n->control_inputs) need(c);
  }
  return Mark(fetches[0].graph(), options, [&](const Node* n) { return needed.contains(n); });
}

void StopCheckingNumerics(const Graph& graph) {
  GraphImpl& impl = graph.impl();
  std::lock_guard lock(impl.mu());
  for (const auto& n : impl.nodes()) {
    if (n->FindAttr(kNumericCheckAttr)) impl.SetAttr(n.get(), kNumericCheckAttr, int64_t{0});
  }
}

}  // namespace debug
}  // namespace weft
