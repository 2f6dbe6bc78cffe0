// SPDX-License-Identifier: Apache-2.0
// Fuses trees of element-wise float ops, and the update of a variable by their value, into one node
// each: one pass over memory, no intermediate values.
//
//   y = relu(x w + b)        Add, Relu                  -> one node after the product
//   w -= rate * (g + c w)    Mul, AddN, ApplyGradient.. -> one node that reads g and reads and
//   writes w
//
//   (x - mean(x)) * rsqrt(..)        with sums, means and extremes over the last dimension, which
//                                    stays with size 1: row by row
//
// The program of a fused node is in its attributes; kernels/cpu/fused_chain.cc describes them and
// runs it.
#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/runtime/plan.h"

namespace weft {
namespace {

// What the kernel has room for.
constexpr size_t kMaxInputs = 16;
constexpr size_t kMaxInstructions = 128;
constexpr int kMaxRegisters = 8;

// Element-wise ops of float with a loop for tiles, by number of operands; AddN has any number.
int OperandsOf(const std::string& op) {
  static const auto* const operands =
      new std::unordered_map<std::string, int>{{"Abs", 1},
                                               {"Elu", 1},
                                               {"Exp", 1},
                                               {"Expm1", 1},
                                               {"Inv", 1},
                                               {"Log", 1},
                                               {"Log1p", 1},
                                               {"Neg", 1},
                                               {"Relu", 1},
                                               {"Reciprocal", 1},
                                               {"Relu6", 1},
                                               {"Rsqrt", 1},
                                               {"Selu", 1},
                                               {"Sigmoid", 1},
                                               {"Softplus", 1},
                                               {"Softsign", 1},
                                               {"Sqrt", 1},
                                               {"Square", 1},
                                               {"Tanh", 1},
                                               {"Add", 2},
                                               {"AddV2", 2},
                                               {"BiasAdd", 2},
                                               {"Div", 2},
                                               {"EluGrad", 2},
                                               {"Maximum", 2},
                                               {"Minimum", 2},
                                               {"Mul", 2},
                                               {"RealDiv", 2},
                                               {"ReluGrad", 2},
                                               {"Relu6Grad", 2},
                                               {"SeluGrad", 2},
                                               {"SoftplusGrad", 2},
                                               {"Sub", 2},
                                               {"SoftsignGrad", 2},
                                               {"SquaredDifference", 2}};
  const auto it = operands->find(op);
  return it == operands->end() ? 0 : it->second;
}

bool IsFloat(const PlanNode& n, std::string_view attr) {
  const DataType* t = n.FindAttrOf<DataType>(attr);
  return t && *t == kFloat32;
}

// The static size of the last dimension; 0 if it is not known.
int64_t LastDimOf(const PlanEdge& e) {
  const Node* origin = e.node->origin;
  if (!origin || static_cast<size_t>(e.index) >= origin->output_shapes.size()) return 0;
  const PartialShape& s = origin->output_shapes[static_cast<size_t>(e.index)];
  if (!s.known_rank() || s.rank() == 0) return 0;
  return std::max<int64_t>(0, s.dim(s.rank() - 1));
}

bool IsElementwise(const PlanNode& n) {
  if (n.is_feed || !n.def || !n.device || n.device->type() != kCpu || !IsFloat(n, "T"))
    return false;
  if (n.op == "AddN") return n.inputs.size() >= 2;
  if (OperandsOf(n.op) == 0) return false;
  if (n.op != "BiasAdd") return true;
  const std::string* format = n.FindAttrOf<std::string>("data_format");
  return !format || *format == "NHWC";
}

// Lengths of rows that are worth their own pass over the program, and stay in the cache.
constexpr int64_t kShortestRow = 16, kLongestRow = 16384;

// The length of the rows that a reduction over the last dimension, which stays with size 1, takes;
// 0 if it is none, or that can't be told.
int64_t ReducedRow(const PlanNode& n) {
  if (n.is_feed || !n.def || !n.device || n.device->type() != kCpu || !IsFloat(n, "T")) return 0;
  if (n.op != "Sum" && n.op != "Mean" && n.op != "Max" && n.op != "Min") return 0;
  const bool* keep = n.FindAttrOf<bool>("keep_dims");
  const PlanEdge &x = n.inputs[0], &axes = n.inputs[1];
  if (!keep || !*keep || axes.node->op != "Const" || !axes.node->control_inputs.empty()) return 0;
  const Array* axis = axes.node->FindAttrOf<Array>("value");
  const Node* origin = n.origin;
  if (!axis || axis->num_elements() != 1 || !origin || origin->output_shapes.empty()) return 0;
  const PartialShape& result = origin->output_shapes[0];
  const int64_t a = axis->AsInt64();
  if (!result.known_rank() || result.rank() == 0 || (a != -1 && a != result.rank() - 1)) return 0;
  return LastDimOf(x);
}

// How an update computes the variable's new value from the old one.
enum class Update { kNone, kAdd, kSubtract, kGradientDescent };
Update UpdateOf(const PlanNode& n) {
  if (!n.def || !n.device || n.device->type() != kCpu) return Update::kNone;
  if (n.op == "AssignAdd" && IsFloat(n, "T")) return Update::kAdd;
  if (n.op == "AssignSub" && IsFloat(n, "T")) return Update::kSubtract;
  if (n.op == "AssignAddVariableOp" && IsFloat(n, "dtype")) return Update::kAdd;
  if (n.op == "AssignSubVariableOp" && IsFloat(n, "dtype")) return Update::kSubtract;
  if ((n.op == "ApplyGradientDescent" || n.op == "ResourceApplyGradientDescent") && IsFloat(n, "T"))
    return Update::kGradientDescent;
  return Update::kNone;
}

DataType TypeOf(const PlanEdge& e) { return e.node->output_types[static_cast<size_t>(e.index)]; }

// The node that stands for the variable behind a reference or handle; null if that can't be told.
const PlanNode* VariableOf(PlanEdge e) {
  while (IsRef(TypeOf(e))) {
    if (e.node->op == "VariableV2" || e.node->op == "Variable") return e.node;
    if (e.node->inputs.empty() || !IsRef(e.node->input_types[0])) return nullptr;
    e = e.node->inputs[0];  // assignments and the like hand their reference on
  }
  return e.node->op == "VarHandleOp" ? e.node : nullptr;
}

bool OnlyReads(const std::string& op) {
  return op == "ReadVariableOp" || op == "VariableShape" || op == "VarIsInitializedOp" ||
         op == "IsVariableInitialized" || op == "ResourceGather" || op == "ResourceGatherNd";
}

class Fuser {
 public:
  explicit Fuser(PlanGraph* graph) : graph_(*graph) {}

  void Run() {
    std::vector<PlanNode*> order;
    if (!TopologicalOrder(graph_, &order)) return;
    Note(order);
    for (size_t i = order.size(); i-- > 0;) {
      PlanNode* n = order[i];
      if (taken_.contains(n)) continue;
      const Update update = UpdateOf(*n);
      if (update != Update::kNone || IsElementwise(*n)) FuseAt(n, update);
    }
  }

 private:
  struct Argument {
    bool is_input = true;
    PlanEdge edge;        // an input
    int instruction = 0;  // or the result of one
  };
  struct Instruction {
    std::string op, name;
    std::vector<Argument> arguments;
  };

  void Note(const std::vector<PlanNode*>& order) {
    for (size_t i = 0; i < order.size(); ++i) {
      PlanNode* n = order[i];
      position_[n] = i;
      for (size_t k = 0; k < n->inputs.size(); ++k) {
        const PlanEdge& e = n->inputs[k];
        users_[e.node].push_back(n);
        const DataType type = n->input_types[k];
        if ((IsRef(type) || type == kResource) && !OnlyReads(n->op)) {
          if (const PlanNode* v = VariableOf(e))
            writers_[v].insert(n);
          else
            unknown_writers_ = true;
        }
      }
      for (PlanNode* c : n->control_inputs) fixed_.insert(c);
    }
    for (const PlanEdge& e : graph_.fetches) fixed_.insert(e.node);
    for (PlanNode* t : graph_.targets) fixed_.insert(t);
  }

  // The variable that only `root` changes in this plan, so that it has one value before it.
  bool ChangedOnlyBy(const PlanNode* variable, const PlanNode* root) const {
    if (!variable || unknown_writers_) return false;
    const auto it = writers_.find(variable);
    return it == writers_.end() || (it->second.size() == 1 && it->second.contains(root));
  }

  // A read of the variable that root updates: the operand is the variable itself.
  bool ReadsUpdated(const PlanEdge& e, const PlanNode* root, const PlanNode* variable) const {
    if (!variable || !ChangedOnlyBy(variable, root)) return false;
    if (IsRef(TypeOf(e))) return VariableOf(e) == variable && e.node == variable;
    return e.node->op == "ReadVariableOp" && VariableOf(e.node->inputs[0]) == variable;
  }

  // n reduces rows of the length of the root's.
  static bool CanReduceFor(const PlanNode& n, const PlanNode& root) {
    const int64_t row = ReducedRow(n);
    return row >= kShortestRow && row <= kLongestRow && UpdateOf(root) == Update::kNone &&
           LastDimOf({const_cast<PlanNode*>(&root), 0}) == row;
  }

  // n may be computed when the root is, and for it alone.
  bool CanJoin(const PlanNode* n, const PlanNode* root,
               const std::unordered_set<const PlanNode*>& members) const {
    if (n->device != root->device || fixed_.contains(n) || taken_.contains(n)) return false;
    if (!IsElementwise(*n) && !CanReduceFor(*n, *root)) return false;
    for (const PlanNode* u : users_.at(n)) {
      if (!members.contains(u)) return false;
    }
    for (const PlanEdge& e : n->inputs) {
      // Read later than now, the variable must be the same.
      if (IsRef(TypeOf(e)) && !ChangedOnlyBy(VariableOf(e), root)) return false;
    }
    return true;
  }

  void FuseAt(PlanNode* root, Update update) {
    std::unordered_set<const PlanNode*> members{root};
    std::vector<PlanNode*> list{root};
    const PlanNode* variable = nullptr;
    if (update != Update::kNone) variable = VariableOf(root->inputs[0]);
    // Producers join one by one, as long as there is room; a producer with several users joins
    // after the last of them.
    for (bool grown = true; grown;) {
      grown = false;
      for (size_t i = 0; i < list.size(); ++i) {
        for (const PlanEdge& e : list[i]->inputs) {
          if (members.contains(e.node) || !CanJoin(e.node, root, members)) continue;
          members.insert(e.node);
          list.push_back(e.node);
          if (Fits(list, root, update, variable)) {
            grown = true;
          } else {
            members.erase(e.node);
            list.pop_back();
          }
        }
      }
    }
    if (list.size() > 1) Replace(list, root, update, variable);
  }

  std::vector<Instruction> Program(std::vector<PlanNode*> list, const PlanNode* root,
                                   Update update) const {
    std::sort(list.begin(), list.end(),
              [&](PlanNode* a, PlanNode* b) { return position_.at(a) < position_.at(b); });
    std::unordered_map<const PlanNode*, int> result;
    std::vector<Instruction> program;
    const auto argument = [&](const PlanEdge& e) {
      const auto it = result.find(e.node);
      return it == result.end() ? Argument{true, e, 0} : Argument{false, {}, it->second};
    };
    const auto last = [&] { return Argument{false, {}, static_cast<int>(program.size()) - 1}; };
    for (const PlanNode* n : list) {
      const bool updates = n == root && update != Update::kNone;
      if (updates && update == Update::kGradientDescent) {
        program.push_back({"Mul", n->name, {argument(n->inputs[2]), argument(n->inputs[1])}});
        program.push_back({"Sub", n->name, {{true, n->inputs[0], 0}, last()}});
      } else if (updates) {
        program.push_back({update == Update::kAdd ? "Add" : "Sub",
                           n->name,
                           {{true, n->inputs[0], 0}, argument(n->inputs[1])}});
      } else if (n->op == "AddN") {
        program.push_back({"AddN", n->name, {argument(n->inputs[0]), argument(n->inputs[1])}});
        for (size_t k = 2; k < n->inputs.size(); ++k)
          program.push_back({"AddN", n->name, {last(), argument(n->inputs[k])}});
      } else {
        Instruction i{n->op, n->name, {}};
        const size_t operands = IsElementwise(*n) ? n->inputs.size() : 1;  // not a reduction's axis
        for (size_t k = 0; k < operands; ++k) i.arguments.push_back(argument(n->inputs[k]));
        program.push_back(std::move(i));
      }
      result[n] = static_cast<int>(program.size()) - 1;
    }
    return program;
  }

  // The inputs of the fused node; an update's variable is the first.
  std::vector<PlanEdge> Inputs(const std::vector<Instruction>& program, const PlanNode* root,
                               const PlanNode* variable) const {
    std::vector<PlanEdge> inputs;
    if (UpdateOf(*root) != Update::kNone) inputs.push_back(root->inputs[0]);
    for (const Instruction& i : program) {
      for (const Argument& a : i.arguments) {
        if (a.is_input && !ReadsUpdated(a.edge, root, variable) &&
            std::find(inputs.begin(), inputs.end(), a.edge) == inputs.end())
          inputs.push_back(a.edge);
      }
    }
    return inputs;
  }

  static int Registers(const std::vector<Instruction>& program) {
    std::vector<int> last(program.size(), -1);
    for (size_t i = 0; i < program.size(); ++i) {
      for (const Argument& a : program[i].arguments) {
        if (!a.is_input) last[static_cast<size_t>(a.instruction)] = static_cast<int>(i);
      }
    }
    int alive = 0, most = 0;
    std::vector<int> ends(program.size() + 1, 0);
    for (size_t i = 0; i < program.size(); ++i) {
      alive -= ends[i];
      if (last[i] >= 0) {
        ++alive;
        ++ends[static_cast<size_t>(last[i])];
      }
      most = std::max(most, alive);
    }
    return most;
  }

  bool Fits(const std::vector<PlanNode*>& list, const PlanNode* root, Update update,
            const PlanNode* variable) const {
    // The step size is an input of its own.
    if (update == Update::kGradientDescent &&
        std::find(list.begin(), list.end(), root->inputs[1].node) != list.end())
      return false;
    const std::vector<Instruction> program = Program(list, root, update);
    return program.size() <= kMaxInstructions && Registers(program) <= kMaxRegisters &&
           Inputs(program, root, variable).size() <= kMaxInputs;
  }

  void Replace(const std::vector<PlanNode*>& list, PlanNode* root, Update update,
               const PlanNode* variable) {
    const std::vector<Instruction> program = Program(list, root, update);
    const std::vector<PlanEdge> inputs = Inputs(program, root, variable);
    const auto number = [&](const PlanEdge& e) -> int64_t {
      if (ReadsUpdated(e, root, variable)) return 0;
      return std::find(inputs.begin(), inputs.end(), e) - inputs.begin();
    };
    std::vector<std::string> ops, names;
    std::vector<int64_t> arguments;
    std::vector<PlanNode*> control = root->control_inputs;
    for (const Instruction& i : program) {
      ops.push_back(i.op);
      names.push_back(i.name);
      for (const Argument& a : i.arguments) {
        arguments.push_back(a.is_input ? number(a.edge) : -1 - a.instruction);
        // What the read waited for, the update that now reads waits for.
        if (a.is_input && a.edge.node->op == "ReadVariableOp" &&
            ReadsUpdated(a.edge, root, variable)) {
          const auto& more = a.edge.node->control_inputs;
          control.insert(control.end(), more.begin(), more.end());
        }
      }
    }
    for (PlanNode* n : list) {
      taken_.insert(n);
      if (n != root)
        control.insert(control.end(), n->control_inputs.begin(), n->control_inputs.end());
    }
    std::sort(control.begin(), control.end());
    control.erase(std::unique(control.begin(), control.end()), control.end());
    AttrMap attrs{{"T", kFloat32}, {"ops", ops}, {"names", names}, {"arguments", arguments}};
    if (update != Update::kNone) attrs.emplace("update", root->op);
    if (update == Update::kGradientDescent) attrs.emplace("alpha", number(root->inputs[1]));
    std::vector<DataType> types;
    for (size_t k = 0; k < inputs.size(); ++k) {
      const bool is_variable = update != Update::kNone && k == 0;
      types.push_back(is_variable ? root->input_types[0] : kFloat32);
    }
    root->op = "_FusedChain";
    root->attrs = std::move(attrs);
    root->inputs = inputs;
    root->input_types = std::move(types);
    root->control_inputs = std::move(control);
  }

  PlanGraph& graph_;
  std::unordered_map<const PlanNode*, size_t> position_;
  std::unordered_map<const PlanNode*, std::vector<PlanNode*>> users_;
  std::unordered_map<const PlanNode*, std::unordered_set<const PlanNode*>> writers_;
  bool unknown_writers_ = false;               // something may change any variable
  std::unordered_set<const PlanNode*> fixed_;  // others wait for or fetch it
  std::unordered_set<const PlanNode*> taken_;
};

}  // namespace

void FuseNodes(PlanGraph* graph) { Fuser(graph).Run(); }

}  // namespace weft
