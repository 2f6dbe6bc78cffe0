// SPDX-License-Identifier: Apache-2.0
// Reverse-mode differentiation. The order of work, what is skipped and how nodes are named follow
// tf.gradients: ops between ys and xs are visited when all gradients of their outputs have arrived;
// these are added up and handed to the op's rule.
#include "weft/gradients/gradients.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/gradients/gradient_nodes.h"
#include "src/graph/graph_impl.h"

namespace weft {
namespace {

const GradientFn* FindRule(const Node& node, bool* known) {
  *known = true;
  if (const std::string* name = node.FindAttrOf<std::string>("_gradient_op_type")) {
    const GradientFn* fn = node.graph->registry().FindGradient(*name);
    if (!fn && &node.graph->registry() != &OpRegistry::Global())
      fn = OpRegistry::Global().FindGradient(*name);
    *known = fn != nullptr;
    return fn;
  }
  if (node.def->gradient()) return &node.def->gradient();
  *known = !node.def->no_gradient().empty();
  return nullptr;
}

class RuleContext final : public GradientContext {
 public:
  RuleContext(Node* node, std::vector<Grad> dys, const std::unordered_set<Node*>& wanted)
      : node_(node), dys_(std::move(dys)), wanted_(wanted) {
    dxs_.resize(node->inputs.size());
  }
  Operation op() const override { return Operation(node_); }
  Tensor dy(int i) override {
    Grad& g = dys_[static_cast<size_t>(i)];
    if (g.none()) g = ZerosLike(output(i));
    if (g.is_slices()) g = ToDense(*this, g.slices());
    return g.tensor();
  }
  const Grad& dy_raw(int i) const override { return dys_[static_cast<size_t>(i)]; }
  void SetDx(int i, Grad dx) override { dxs_[static_cast<size_t>(i)] = std::move(dx); }
  bool needs_dx(int i) const override {
    return wanted_.contains(node_->inputs[static_cast<size_t>(i)].node());
  }
  std::vector<Grad>& dxs() { return dxs_; }

 protected:
  absl::StatusOr<Node*> AddNode(std::string_view type, const std::vector<Tensor>& inputs,
                                const AttrMap& attrs, std::string_view name,
                                const std::vector<Operation>& control_inputs) override {
    return AddGraphNode(node_->graph, type, inputs, attrs, name, control_inputs);
  }

 private:
  Node* node_;
  std::vector<Grad> dys_, dxs_;
  const std::unordered_set<Node*>& wanted_;
};

class Differentiator {
 public:
  Differentiator(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                 const GradientOptions& options)
      : ys_(ys), xs_(xs), options_(options), graph_(ys[0].graph()), nodes_(&graph_.impl()) {}

  std::vector<Grad> Run() {
    std::lock_guard lock(graph_.impl().mu());
    GraphScope use(graph_);
    NameScope scope(options_.name, graph_);
    StartWithYs();
    CountPending();
    FindStops();
    while (!queue_.empty()) {
      Node* node = queue_.front();
      queue_.pop_front();
      Visit(node);
      for (const Tensor& in : node->inputs) {
        if (--pending_[in.node()] == 0) queue_.push_back(in.node());
      }
    }
    std::vector<Grad> result;
    for (const Tensor& x : xs_) result.push_back(Result(x));
    Check();
    return result;
  }

 private:
  void Check() { ThrowIfError(nodes_.status()); }

  void StartWithYs() {
    for (size_t i = 0; i < ys_.size(); ++i) {
      const Tensor& y = ys_[i];
      Tensor given = i < options_.grad_ys.size() ? options_.grad_ys[i] : Tensor();
      if (given.valid()) {
        if (RemoveRef(given.dtype()) != RemoveRef(y.dtype())) {
          ThrowError(Code::kInvalidArgument,
                     StrCat("Gradients: grad_ys[", i, "] has dtype ", DTypeName(given.dtype()),
                            ", y '", y.name(), "' has ", DTypeName(y.dtype())));
        }
        if (!given.shape().IsCompatibleWith(y.shape())) {
          ThrowError(Code::kInvalidArgument,
                     StrCat("Gradients: grad_ys[", i, "] has shape ", given.shape().ToString(),
                            ", y '", y.name(), "' has ", y.shape().ToString()));
        }
      } else {
        if (IsComplex(y.dtype())) {
          ThrowError(Code::kInvalidArgument,
                     StrCat("Gradients of complex tensors ('", y.name(),
                            "') must set grad_ys (y.dtype = ", DTypeName(y.dtype()), ")"));
        }
        std::optional<ColocateWith> colocate;
        if (options_.colocate_gradients_with_ops) colocate.emplace(y.op());
        given = Ones(y, StrCat("grad_ys_", i));
      }
      Receive(y, given);
    }
  }

  Tensor Ones(const Tensor& y, const std::string& name) {
    Tensor shape = nodes_.Shape(y);
    NameScope scope(name, graph_);
    Tensor one = nodes_.ConstOf(RemoveRef(y.dtype()), 1);
    Tensor ones = nodes_.Op("Fill", {shape, one}, {}, scope.name());
    Check();
    return ones;
  }

  void Receive(const Tensor& t, Grad g) {
    auto& lists = received_[t.node()];
    lists.resize(static_cast<size_t>(t.node()->num_outputs()));
    lists[static_cast<size_t>(t.index())].push_back(std::move(g));
  }

  // Which nodes lie between xs and ys, and how many of their consumers do.
  void CountPending() {
    std::unordered_set<Node*> reached;
    std::deque<Node*> queue;
    for (const Tensor& x : xs_) queue.push_back(x.node());
    while (!queue.empty()) {
      Node* n = queue.front();
      queue.pop_front();
      if (!reached.insert(n).second) continue;
      for (Node* consumer : n->consumers) {
        const bool through = std::any_of(
            consumer->inputs.begin(), consumer->inputs.end(),
            [&](const Tensor& in) { return in.node() == n && IsDifferentiable(in.dtype()); });
        if (through) queue.push_back(consumer);
      }
    }
    std::unordered_set<Node*> reachable_ys;
    for (const Tensor& y : ys_) {
      if (reached.contains(y.node())) reachable_ys.insert(y.node());
      queue.push_back(y.node());
    }
    while (!queue.empty()) {
      Node* n = queue.front();
      queue.pop_front();
      if (!reached.contains(n) || !between_.insert(n).second) continue;
      for (const Tensor& in : n->inputs) queue.push_back(in.node());
    }
    for (Node* n : between_) {
      for (const Tensor& in : n->inputs) {
        if (between_.contains(in.node())) ++pending_[in.node()];
      }
    }
    std::unordered_set<Node*> queued;
    for (const Tensor& y : ys_) {
      if (pending_[y.node()] == 0 && reachable_ys.contains(y.node()) &&
          queued.insert(y.node()).second)
        queue_.push_back(y.node());
    }
  }

  void FindStops() {
    for (const Tensor& x : xs_) {
      const bool last = std::none_of(x.node()->inputs.begin(), x.node()->inputs.end(),
                                     [&](const Tensor& in) { return pending_[in.node()] > 0; });
      if (last) stops_.insert(x.node());
    }
    for (const Tensor& t : options_.stop_gradients) stops_.insert(t.node());
  }

  void Visit(Node* node) {
    std::optional<ColocateWith> colocate;
    if (options_.colocate_gradients_with_ops)
      colocate.emplace(Operation(node), /*ignore_existing=*/true);
    auto it = received_.find(node);
    if (it == received_.end()) return;
    std::vector<Grad> dys(static_cast<size_t>(node->num_outputs()));
    bool any = false;
    it->second.resize(dys.size());
    for (size_t i = 0; i < dys.size(); ++i) {
      std::vector<Grad>& list = it->second[i];
      std::erase_if(list, [](const Grad& g) { return g.none(); });
      if (list.size() > 1) list = {Aggregate(*node, list)};
      if (!list.empty()) dys[i] = list[0];
      any |= !dys[i].none();
    }
    Check();
    if (!any || stops_.contains(node)) return;
    bool known = true;
    const GradientFn* rule = FindRule(*node, &known);
    if (!known) {
      ThrowError(Code::kNotFound,
                 StrCat("No gradient defined for operation '", node->name,
                        "' (op type: ", node->type(), ")"),
                 node->name, node->type());
    }
    if (!rule) return;
    for (size_t i = 0; i < dys.size(); ++i) {
      const DataType t = RemoveRef(node->output_types[i]);
      if (dys[i].none() && IsDifferentiable(t) && t != kResource && t != kVariant)
        dys[i] = nodes_.ZerosLike(Tensor(node, static_cast<int>(i)));
    }
    ApplyRule(node, *rule, std::move(dys));
  }

  void ApplyRule(Node* node, const GradientFn& rule, std::vector<Grad> dys) {
    NameScope scope(node->name + "_grad", graph_);
    RuleContext context(node, std::move(dys), between_);
    rule(context);
    if (!context.ok()) {
      const absl::Status& s = context.status();
      ThrowStatus(
          WithNode(absl::Status(s.code(), StrCat(s.message(), " (while adding the gradient of ",
                                                 node->type(), " '", node->name, "')")),
                   node->name, node->type()));
    }
    std::vector<Grad>& dxs = context.dxs();
    const auto count =
        std::count_if(dxs.begin(), dxs.end(), [](const Grad& g) { return !g.none(); });
    if (options_.gate_gradients && count > 1) Gate(&dxs);
    for (size_t i = 0; i < dxs.size(); ++i) {
      if (dxs[i].none()) continue;
      const Tensor& in = node->inputs[i];
      if (!dxs[i].is_slices() && RemoveRef(in.dtype()) != kResource &&
          RemoveRef(in.dtype()) != kVariant) {
        ThrowIfError(WithNode(graph_.impl().SetShape(dxs[i].tensor(), in.shape()), node->name,
                              node->type()));
      }
      Receive(in, dxs[i]);
    }
  }

  // control_flow_ops.tuple: each gradient waits for all of them.
  void Gate(std::vector<Grad>* dxs) {
    NameScope scope("tuple", graph_);
    std::vector<Operation> all;
    for (const Grad& g : *dxs) {
      if (!g.none()) all.push_back(g.is_slices() ? g.slices().values.op() : g.tensor().op());
    }
    const Operation gate = nodes_.AddOperation("NoOp", {}, {}, "group_deps", all);
    Check();
    for (Grad& g : *dxs) {
      if (g.none()) continue;
      Tensor t = g.is_slices() ? g.slices().values : g.tensor();
      ColocateWith colocate(t.op());
      Operation wait = nodes_.AddOperation("Identity", {t}, {}, "control_dependency", {gate});
      Check();
      if (g.is_slices())
        g = IndexedSlices{wait.output(0), g.slices().indices, g.slices().dense_shape};
      else
        g = wait.output(0);
    }
  }

  Grad Aggregate(const Node& node, const std::vector<Grad>& list) {
    const bool dense =
        std::none_of(list.begin(), list.end(), [](const Grad& g) { return g.is_slices(); });
    if (!dense) return AggregateSlices(list);
    std::vector<Tensor> tensors;
    for (const Grad& g : list) tensors.push_back(g.tensor());
    if (options_.aggregation_method == AggregationMethod::kExperimentalTree) {
      NameScope scope(node.name + "_gradient_sum", graph_);
      Tensor sum = tensors[0];
      for (size_t i = 1; i + 1 < tensors.size(); ++i) sum = nodes_.Add(sum, tensors[i]);
      return nodes_.Op("AddV2", {sum, tensors.back()}, {}, "add_n");
    }
    return nodes_.Op("AddN", tensors);
  }

  Grad AggregateSlices(const std::vector<Grad>& list) {
    std::vector<Tensor> values, indices;
    Tensor dense_shape;
    for (const Grad& g : list) {
      const IndexedSlices s = g.is_slices() ? g.slices() : ToSlices(g.tensor());
      values.push_back(s.values);
      indices.push_back(s.indices);
      if (!dense_shape.valid()) dense_shape = s.dense_shape;
    }
    // Indices of mixed widths meet as int64.
    const bool wide = std::any_of(indices.begin(), indices.end(),
                                  [](const Tensor& t) { return t.dtype() == kInt64; });
    if (wide) {
      for (Tensor& t : indices) t = nodes_.Cast(t, kInt64);
    }
    auto concat = [&](std::vector<Tensor> parts) {
      parts.push_back(nodes_.ConstInt(0, "concat/axis"));
      return nodes_.Op("ConcatV2", parts, {}, "concat");
    };
    const Tensor all_values = concat(values);
    return IndexedSlices{all_values, concat(indices), dense_shape};
  }

  IndexedSlices ToSlices(const Tensor& t) {
    Tensor shape = nodes_.Shape(t);
    Tensor rows =
        nodes_.Op("StridedSlice",
                  {shape, nodes_.ConstInts({0}), nodes_.ConstInts({1}), nodes_.ConstInts({1})},
                  {{"shrink_axis_mask", 1}});
    Tensor range = nodes_.Op("Range", {nodes_.ConstInt(0), rows, nodes_.ConstInt(1)});
    return {t, range, shape};
  }

  Grad Result(const Tensor& x) {
    auto it = received_.find(x.node());
    const size_t i = static_cast<size_t>(x.index());
    if (it != received_.end() && i < it->second.size() && !it->second[i].empty()) {
      std::vector<Grad>& list = it->second[i];
      if (list.size() > 1) list = {Aggregate(*x.node(), list)};
      return list[0];
    }
    if (options_.unconnected_gradients == UnconnectedGradients::kZero) return nodes_.ZerosLike(x);
    return {};
  }

  const std::vector<Tensor>& ys_;
  const std::vector<Tensor>& xs_;
  const GradientOptions& options_;
  Graph graph_;
  GraphNodes nodes_;
  std::unordered_map<Node*, std::vector<std::vector<Grad>>> received_;  // by output
  std::unordered_set<Node*> between_, stops_;
  std::unordered_map<Node*, int> pending_;
  std::deque<Node*> queue_;
};

}  // namespace

std::vector<Grad> Gradients(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                            const GradientOptions& options) {
  if (ys.empty()) return std::vector<Grad>(xs.size());
  for (const auto* list : {&ys, &xs}) {
    for (const Tensor& t : *list) {
      if (!t.valid()) ThrowError(Code::kInvalidArgument, "Gradients: an empty Tensor was given");
      if (t.node()->graph != ys[0].node()->graph)
        ThrowError(Code::kInvalidArgument,
                   StrCat("Gradients: tensor '", t.name(), "' is from another graph than '",
                          ys[0].name(), "'"));
    }
  }
  if (!options.grad_ys.empty() && options.grad_ys.size() != ys.size()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Gradients: ", options.grad_ys.size(), " grad_ys for ", ys.size(), " ys"));
  }
  return Differentiator(ys, xs, options).Run();
}

Tensor DenseGradient(const Grad& g) {
  if (g.none())
    ThrowError(Code::kInvalidArgument, "DenseGradient: there is no gradient (no path from y to x)");
  if (!g.is_slices()) return g.tensor();
  GraphNodes nodes(g.slices().values.node()->graph);
  Tensor t = ToDense(nodes, g.slices());
  ThrowIfError(nodes.status());
  return t;
}

}  // namespace weft
