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
#include "src/gradients/function_gradient.h"
#include "src/gradients/gradient_nodes.h"
#include "src/gradients/loop_gradient.h"
#include "src/graph/graph_impl.h"
#include "weft/ops/basic.h"

namespace weft {
namespace {

// The rule of a node, or nullptr if no gradient flows through it. *known is false if nobody has
// said what its gradient is.
const GradientFn* FindRule(const Node& node, bool* known) {
  *known = true;
  if (node.inputs.empty()) return nullptr;
  const OpDef* def = node.def;
  if (const std::string* name = node.FindAttrOf<std::string>("_gradient_op_type")) {
    const OpRegistry* const registries[] = {&node.graph->registry(), &OpRegistry::Global()};
    for (const OpRegistry* registry : registries) {
      if (const GradientFn* fn = registry->FindGradient(*name)) return fn;
    }
    // The rule of another op type.
    def = node.graph->registry().Find(*name);
    *known = def != nullptr;
    if (!def) return nullptr;
  }
  if (def->gradient()) return &def->gradient();
  if (const GradientFn* fn = FunctionGradientOf(node)) return fn;
  *known = !def->no_gradient().empty();
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
    if (g.none()) g = ZeroGradient(*this, output(i));
    if (g.is_slices()) g = ToDense(*this, op().graph(), g.slices());
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
      : ys_(ys),
        xs_(xs),
        options_(options),
        graph_(ys[0].graph()),
        nodes_(&graph_.impl()),
        loops_(graph_.impl()) {}

  std::vector<Grad> Run() {
    std::lock_guard lock(graph_.impl().mu());
    GraphScope use(graph_);
    {
      NameScope scope(options_.name.empty() ? "gradients" : options_.name, graph_);
      StartWithYs();
      CountPending();
      FindStops();
      VisitAll();
      for (const auto& loop : loops_.all()) loop->Finish();
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
      std::optional<ColocateWith> colocate;
      if (options_.colocate_gradients_with_ops) colocate.emplace(ys_[i].op());
      Receive(ys_[i], StartOf(i));
    }
  }

  // The gradient that y number i begins with.
  Tensor StartOf(size_t i) {
    const Tensor& y = ys_[i];
    const std::string name = StrCat("grad_ys_", i);
    const Tensor given = i < options_.grad_ys.size() ? options_.grad_ys[i] : Tensor();
    if (given.valid()) {
      CheckGiven(i, given);
      const Tensor start = nodes_.Op("Identity", {given}, {}, name);
      Check();
      return start;
    }
    if (IsComplex(RemoveRef(y.dtype()))) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Gradients of complex tensors ('", y.name(),
                        "') must set grad_ys (y.dtype = ", DTypeName(y.dtype()), ")"));
    }
    const Tensor shape = nodes_.Shape(y);
    NameScope scope(name, graph_);
    const Tensor one = nodes_.ConstOf(RemoveRef(y.dtype()), 1);
    const Tensor ones = nodes_.Op("Fill", {shape, one}, {}, scope.name());
    Check();
    return ones;
  }

  void CheckGiven(size_t i, const Tensor& given) const {
    const Tensor& y = ys_[i];
    // The gradient by a handle is one by the variable's value.
    const bool is_handle = RemoveRef(y.dtype()) == kResource;
    if (is_handle ? given.dtype() == kResource : RemoveRef(given.dtype()) != RemoveRef(y.dtype())) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Gradients: grad_ys[", i, "] has dtype ", DTypeName(given.dtype()), ", y '",
                        y.name(), "' has ", DTypeName(y.dtype())));
    }
    if (is_handle) return;
    // Rules that multiply take a gradient that broadcasts to y.
    const absl::StatusOr<PartialShape> both = shape::BroadcastShapes(given.shape(), y.shape());
    if (!both.ok() || !both->IsCompatibleWith(y.shape())) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Gradients: grad_ys[", i, "] has shape ", given.shape().ToString(), ", y '",
                        y.name(), "' has ", y.shape().ToString()));
    }
  }

  void VisitAll() {
    while (!queue_.empty()) {
      Node* node = queue_.front();
      queue_.pop_front();
      Visit(node);
      for (const Tensor& in : node->inputs) InputDone(in);
    }
  }

  // One of the consumers of a tensor has been visited.
  void InputDone(const Tensor& in) {
    Node* const n = in.node();
    const int pending = --pending_[n];
    // A loop's Switch is visited from its Exit and from the body.
    const bool ready = pending == 0 || (!loops_.empty() && pending > 0 && IsLoopSwitch(*n));
    if (!ready) return;
    LoopGradientState* const loop = IsLoopExit(*n) ? loops_.Find(*n, /*before=*/false) : nullptr;
    if (!loop) return queue_.push_back(n);
    // The Exits of a loop go together.
    loop->deferred_exits.push_back(in);
    if (--loop->pending_exits > 0) return;
    bool any = false;
    for (const Tensor& exit : loop->deferred_exits) {
      if (HasGradient(exit.node())) {
        any = true;
        queue_.push_back(exit.node());
      } else {
        loop->unused_exits.push_back(exit);
      }
    }
    for (const Tensor& exit : loop->unused_exits) {
      if (any && IsTrainable(exit)) Receive(exit, loops_.ZerosForExit(exit));
      queue_.push_back(exit.node());
    }
  }

  bool HasGradient(Node* n) const {
    const auto found = received_.find(n);
    return found != received_.end() &&
           std::any_of(found->second.begin(), found->second.end(), [](const auto& list) {
             return std::any_of(list.begin(), list.end(), [](const Grad& g) { return !g.none(); });
           });
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
        const bool through =
            std::any_of(consumer->inputs.begin(), consumer->inputs.end(),
                        [&](const Tensor& in) { return in.node() == n && IsTrainable(in); });
        if (through) queue.push_back(consumer);
      }
    }
    std::vector<Node*> order;  // of the nodes between
    std::unordered_set<Node*> reachable_ys;
    for (const Tensor& y : ys_) {
      if (reached.contains(y.node())) reachable_ys.insert(y.node());
      queue.push_back(y.node());
    }
    while (!queue.empty()) {
      Node* n = queue.front();
      queue.pop_front();
      if (!reached.contains(n) || !between_.insert(n).second) continue;
      order.push_back(n);
      for (const Tensor& in : n->inputs) queue.push_back(in.node());
    }
    AddLoops(&order);
    for (Node* n : order) {
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
    StartUnusedExits(queued);
  }

  // A loop of gradients for each loop on the way; all Exits of such a loop are on the way.
  void AddLoops(std::vector<Node*>* order) {
    for (size_t i = 0; i < order->size(); ++i) {
      Node* const n = (*order)[i];
      if (!IsLoopExit(*n)) continue;
      std::optional<ColocateWith> colocate;
      if (options_.colocate_gradients_with_ops) colocate.emplace(Operation(n));
      for (const Tensor& exit : loops_.Add(n)->forward_exits) {
        if (between_.insert(exit.node()).second) order->push_back(exit.node());
      }
    }
  }

  // Exits that nothing on the way uses, of loops of which no other Exit is waited for.
  void StartUnusedExits(const std::unordered_set<Node*>& queued) {
    std::vector<Tensor> start;
    for (const auto& loop : loops_.all()) {
      for (const Tensor& exit : loop->forward_exits) {
        if (pending_[exit.node()] != 0) continue;
        --loop->pending_exits;
        if (!queued.contains(exit.node())) loop->unused_exits.push_back(exit);
        if (loop->pending_exits == 0)
          start.insert(start.end(), loop->unused_exits.begin(), loop->unused_exits.end());
      }
      for (const Tensor& enter : loop->forward_context()->loop_enters) {
        int& pending = pending_[enter.node()];
        if (pending == 0) pending = 1;
      }
    }
    for (const Tensor& exit : start) {
      if (!IsTrainable(exit)) continue;
      Receive(exit, loops_.ZerosForExit(exit));
      queue_.push_back(exit.node());
    }
  }

  // The context of the loop of gradients that a node's gradient belongs to, while it lives.
  class InLoop {
   public:
    explicit InLoop(LoopGradientState* loop) : context_(loop ? loop->context() : nullptr) {
      if (context_) context_->Enter();
    }
    ~InLoop() {
      if (context_) context_->Exit();
    }
    InLoop(const InLoop&) = delete;
    InLoop& operator=(const InLoop&) = delete;

   private:
    WhileContext* context_;
  };

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
    if (options_.colocate_gradients_with_ops) colocate.emplace(Operation(node));
    auto it = received_.find(node);
    if (it == received_.end()) return;
    std::vector<Grad> dys(static_cast<size_t>(node->num_outputs()));
    bool any = false;
    it->second.resize(dys.size());
    std::optional<InLoop> in_loop(loops_.Find(*node, /*before=*/true));
    for (size_t i = 0; i < dys.size(); ++i) {
      std::vector<Grad>& list = it->second[i];
      if (list.size() > 1) list = {AddUp(graph_, list, options_.aggregation_method, node->name)};
      if (!list.empty()) dys[i] = list[0];
      any |= !dys[i].none();
    }
    in_loop.reset();
    if (!any || stops_.contains(node)) return;
    in_loop.emplace(loops_.Find(*node, /*before=*/false));
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
      const Tensor output(node, static_cast<int>(i));
      if (dys[i].none() && IsTrainable(output))
        dys[i] = loops_.empty() ? ZerosOutsideLoops(output) : loops_.ZerosFor(output);
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
    if (options_.gate_gradients && count > 1) WaitForAll(graph_, &dxs);
    for (size_t i = 0; i < dxs.size(); ++i) {
      if (dxs[i].none()) continue;
      const Tensor& in = node->inputs[i];
      if (!dxs[i].is_slices() && RemoveRef(in.dtype()) != kResource)
        TakeShape(*node, i, dxs[i].tensor());
      Receive(in, dxs[i]);
    }
  }

  // A gradient has the shape of what it is the gradient of.
  void TakeShape(const Node& node, size_t i, const Tensor& dx) {
    const Tensor& in = node.inputs[i];
    if (graph_.impl().SetShape(dx, in.shape()).ok()) return;
    ThrowError(
        Code::kInvalidArgument,
        StrCat("Incompatible shapes between op input and calculated input gradient. Forward "
               "operation: ",
               node.name, ". Input index: ", i, ". Original input shape: ", in.shape().ToString(),
               ". Calculated input gradient shape: ", dx.shape().ToString()),
        node.name, node.type());
  }

  Grad Result(const Tensor& x) {
    auto it = received_.find(x.node());
    const size_t i = static_cast<size_t>(x.index());
    if (it != received_.end() && i < it->second.size() && !it->second[i].empty()) {
      std::vector<Grad>& list = it->second[i];
      if (list.size() > 1)
        list = {AddUp(graph_, list, options_.aggregation_method, x.node()->name)};
      return list[0];
    }
    if (options_.unconnected_gradients == UnconnectedGradients::kNone) return {};
    return RemoveRef(x.dtype()) == kResource ? ZeroGradient(nodes_, x) : Grad(ZerosLike(x));
  }

  const std::vector<Tensor>& ys_;
  const std::vector<Tensor>& xs_;
  const GradientOptions& options_;
  Graph graph_;
  GraphNodes nodes_;
  LoopGradients loops_;
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
  const Graph graph = g.slices().values.graph();
  GraphNodes nodes(&graph.impl());
  Tensor t = ToDense(nodes, graph, g.slices());
  ThrowIfError(nodes.status());
  return t;
}

}  // namespace weft
