// SPDX-License-Identifier: Apache-2.0
// The public handles: Graph, Operation, Tensor.
#include "weft/graph/graph.h"

#include <algorithm>
#include <ostream>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/graph_impl.h"

namespace weft {
namespace {

struct DefaultGraphs {
  std::mutex mu;
  std::shared_ptr<GraphImpl> global;
};
DefaultGraphs& Defaults() {
  static DefaultGraphs* const defaults = new DefaultGraphs();
  return *defaults;
}
thread_local std::vector<std::shared_ptr<GraphImpl>> graph_stack;

}  // namespace

Graph::Graph(const OpRegistry* registry) : impl_(std::make_shared<GraphImpl>(registry)) {}

Graph Graph::Default() {
  if (!graph_stack.empty()) return Graph(graph_stack.back());
  std::lock_guard lock(Defaults().mu);
  if (!Defaults().global) Defaults().global = std::make_shared<GraphImpl>(nullptr);
  return Graph(Defaults().global);
}

void Graph::ResetDefault() {
  if (!graph_stack.empty())
    ThrowError(Code::kFailedPrecondition,
               "Graph::ResetDefault inside a GraphScope: the scope's graph is the default here");
  std::lock_guard lock(Defaults().mu);
  Defaults().global = std::make_shared<GraphImpl>(nullptr);
}

std::vector<Operation> Graph::operations() const {
  std::lock_guard lock(impl_->mu());
  std::vector<Operation> ops;
  ops.reserve(impl_->nodes().size());
  for (const auto& n : impl_->nodes()) ops.emplace_back(n.get());
  return ops;
}

std::optional<Operation> Graph::FindOperation(std::string_view name) const {
  Node* n = impl_->FindNode(name);
  return n ? std::optional<Operation>(Operation(n)) : std::nullopt;
}

Operation Graph::OperationByName(std::string_view name) const {
  if (auto op = FindOperation(name)) return *op;
  ThrowError(Code::kNotFound,
             StrCat("The name '", name, "' refers to an Operation not in the graph."));
}

Tensor Graph::TensorByName(std::string_view name) const {
  std::string op;
  int index = 0;
  if (!ParseTensorName(name, &op, &index) || name.find(':') == std::string_view::npos) {
    ThrowError(Code::kInvalidArgument,
               StrCat("The name '", name,
                      "' is no tensor name; they have the form \"<op_name>:<output_index>\"."));
  }
  const auto found = FindOperation(op);
  if (!found)
    ThrowError(
        Code::kNotFound,
        StrCat("The name '", name, "' refers to a Tensor which does not exist. The operation, '",
               op, "', does not exist in the graph."));
  if (index >= found->num_outputs()) {
    ThrowError(
        Code::kNotFound,
        StrCat("The name '", name, "' refers to a Tensor which does not exist. The operation, '",
               op, "', exists but only has ", found->num_outputs(), " outputs."));
  }
  return found->output(index);
}

int64_t Graph::version() const { return impl_->version(); }
void Graph::Finalize() { impl_->Finalize(); }
bool Graph::finalized() const { return impl_->finalized(); }

void Graph::set_seed(int64_t seed) {
  std::lock_guard lock(impl_->mu());
  impl_->seed = seed;
}
void Graph::clear_seed() {
  std::lock_guard lock(impl_->mu());
  impl_->seed.reset();
}

SeedPair Graph::GetSeed(std::optional<int64_t> op_seed) const {
  // tf.get_seed: a default seed stands in for the one that is missing; both are reduced to [0, 2^31
  // - 1).
  constexpr int64_t kDefaultGraphSeed = 87654321;
  constexpr int64_t kMaxInt32 = 2147483647;
  std::lock_guard lock(impl_->mu());
  if (!impl_->seed && !op_seed) return {0, 0};
  const int64_t first = impl_->seed ? *impl_->seed : kDefaultGraphSeed;
  const int64_t second = op_seed ? *op_seed : impl_->seedless_ops++;
  auto truncate = [](int64_t s) {
    const int64_t m = s % kMaxInt32;
    return m < 0 ? m + kMaxInt32 : m;
  };
  SeedPair pair{truncate(first), truncate(second)};
  // (0, 0) would mean "not seeded".
  if (pair.seed == 0 && pair.seed2 == 0) return {0, kMaxInt32};
  return pair;
}

std::string Graph::UniqueName(std::string_view name, bool mark_as_used) const {
  return impl_->UniqueName(name, mark_as_used);
}
std::string Graph::current_name_scope() const { return impl_->scopes().name_scope; }

void Graph::AddToCollection(std::string_view collection, CollectionItem item) {
  std::lock_guard lock(impl_->mu());
  auto& all = impl_->collections;
  auto it =
      std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.first == collection; });
  if (it == all.end()) it = all.insert(all.end(), {std::string(collection), {}});
  it->second.push_back(std::move(item));
}

namespace {
std::string NameOf(const CollectionItem& item) {
  if (const auto* t = std::get_if<Tensor>(&item.value)) return t->name();
  if (const auto* o = std::get_if<Operation>(&item.value)) return o->name();
  if (const auto* s = std::get_if<std::string>(&item.value)) return *s;
  return {};
}
}  // namespace

std::vector<CollectionItem> Graph::GetCollection(std::string_view collection,
                                                 std::string_view scope) const {
  std::lock_guard lock(impl_->mu());
  std::vector<CollectionItem> items;
  for (const auto& [name, list] : impl_->collections) {
    if (name != collection) continue;
    for (const CollectionItem& item : list) {
      if (scope.empty() || NameOf(item).starts_with(scope)) items.push_back(item);
    }
  }
  return items;
}

void Graph::ClearCollection(std::string_view collection) {
  std::lock_guard lock(impl_->mu());
  std::erase_if(impl_->collections, [&](const auto& c) { return c.first == collection; });
}

std::vector<std::string> Graph::CollectionNames() const {
  std::lock_guard lock(impl_->mu());
  std::vector<std::string> names;
  for (const auto& c : impl_->collections) names.push_back(c.first);
  return names;
}

void Graph::set_versions(int producer, int min_consumer) {
  std::lock_guard lock(impl_->mu());
  impl_->producer = producer;
  impl_->min_consumer = min_consumer;
}
std::pair<int, int> Graph::versions() const {
  std::lock_guard lock(impl_->mu());
  return {impl_->producer, impl_->min_consumer};
}

GraphScope::GraphScope(const Graph& graph) {
  // While a function's body is built, what belongs to the graph around it adds its nodes to the
  // body.
  const bool in_body = !graph_stack.empty() && graph_stack.back()->function_of == &graph.impl();
  graph_stack.push_back(in_body ? graph_stack.back() : graph.shared_impl());
}
GraphScope::~GraphScope() { graph_stack.pop_back(); }

// -- Operation
// ---------------------------------------------------------------------------------------------------------------------

namespace {
const Node& Checked(const Node* node, const char* what) {
  if (!node)
    ThrowError(Code::kInvalidArgument,
               StrCat("an empty ", what, " was used: it refers to no node"));
  return *node;
}
}  // namespace

const std::string& Operation::name() const { return Checked(node_, "Operation").name; }
const std::string& Operation::type() const { return Checked(node_, "Operation").type(); }
const std::string& Operation::device() const { return Checked(node_, "Operation").device; }
Graph Operation::graph() const {
  return Graph(Checked(node_, "Operation").graph->shared_from_this());
}
int Operation::num_inputs() const {
  return static_cast<int>(Checked(node_, "Operation").inputs.size());
}
int Operation::num_outputs() const { return Checked(node_, "Operation").num_outputs(); }
Tensor Operation::input(int i) const {
  if (i < 0 || i >= num_inputs())
    ThrowError(
        Code::kOutOfRange,
        StrCat("op '", name(), "' has ", num_inputs(), " inputs; input ", i, " was asked for"),
        name(), type());
  return node_->inputs[static_cast<size_t>(i)];
}
Tensor Operation::output(int i) const {
  if (i < 0 || i >= num_outputs())
    ThrowError(
        Code::kOutOfRange,
        StrCat("op '", name(), "' has ", num_outputs(), " outputs; output ", i, " was asked for"),
        name(), type());
  return Tensor(node_, i);
}
std::vector<Tensor> Operation::inputs() const { return Checked(node_, "Operation").inputs; }
std::vector<Tensor> Operation::outputs() const {
  std::vector<Tensor> all;
  for (int i = 0; i < num_outputs(); ++i) all.emplace_back(node_, i);
  return all;
}
std::vector<Operation> Operation::control_inputs() const {
  std::vector<Operation> all;
  for (Node* n : Checked(node_, "Operation").control_inputs) all.emplace_back(n);
  return all;
}
const AttrValue& Operation::attr(std::string_view attr_name) const {
  if (const AttrValue* v = Checked(node_, "Operation").FindAttr(attr_name)) return *v;
  ThrowError(Code::kInvalidArgument,
             StrCat("Operation '", name(), "' (op type ", type(), ") has no attr named '",
                    attr_name, "'."),
             name(), type());
}
const AttrMap& Operation::attrs() const { return *Checked(node_, "Operation").attrs; }
bool Operation::has_attr(std::string_view attr_name) const {
  return Checked(node_, "Operation").FindAttr(attr_name) != nullptr;
}

// -- Tensor
// ------------------------------------------------------------------------------------------------------------------------

DataType Tensor::dtype() const {
  return Checked(node_, "Tensor").output_types[static_cast<size_t>(index_)];
}
const PartialShape& Tensor::shape() const {
  return Checked(node_, "Tensor").output_shapes[static_cast<size_t>(index_)];
}
std::string Tensor::name() const { return StrCat(Checked(node_, "Tensor").name, ":", index_); }
const std::string& Tensor::device() const { return Checked(node_, "Tensor").device; }
Graph Tensor::graph() const { return Graph(Checked(node_, "Tensor").graph->shared_from_this()); }
void Tensor::set_shape(const PartialShape& shape) const {
  Checked(node_, "Tensor");
  ThrowIfError(WithNode(node_->graph->SetShape(*this, shape), node_->name, node_->type()));
}
std::vector<Operation> Tensor::consumers() const {
  std::lock_guard lock(Checked(node_, "Tensor").graph->mu());
  std::vector<Operation> ops;
  for (Node* n : node_->consumers) {
    const bool uses = std::find(n->inputs.begin(), n->inputs.end(), *this) != n->inputs.end();
    if (uses && std::find(ops.begin(), ops.end(), Operation(n)) == ops.end()) ops.emplace_back(n);
  }
  return ops;
}
std::string Tensor::ToString() const {
  if (!valid()) return "Tensor(<none>)";
  std::string s = StrCat("Tensor(\"", name(), "\"");
  // As TensorFlow prints it: nothing is said of an unknown rank.
  if (shape().known_rank()) StrAppend(&s, ", shape=", shape().ToPythonString());
  StrAppend(&s, ", dtype=", DTypeName(dtype()));
  if (!device().empty()) StrAppend(&s, ", device=", device());
  return s + ")";
}
std::ostream& operator<<(std::ostream& out, const Tensor& t) { return out << t.ToString(); }

}  // namespace weft
