// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/calls.h"

#include <algorithm>

#include "src/core/nesting.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/function_body.h"
#include "src/runtime/loop.h"
#include "src/runtime/session_impl.h"

namespace weft {
namespace {

constexpr size_t kMaxIdleCallStates = 8;

// One function, ready to be run by any number of threads.
class FunctionPlan {
 public:
  explicit FunctionPlan(std::unique_ptr<Plan> plan) : plan_(std::move(plan)) {}

  // f(inputs [first, ...)) -> the outputs.
  absl::Status Run(KernelContext& ctx, int first) {
    std::unique_ptr<ExecState> state = Take();
    for (size_t i = 0; i < plan_->feed_slots.size(); ++i) {
      const int slot = plan_->feed_slots[i];
      if (slot >= 0)
        state->values[static_cast<size_t>(slot)].array = ctx.input(first + static_cast<int>(i));
    }
    WEFT_RETURN_IF_ERROR(SessionImpl::RunPart(SessionImpl::RunOf(ctx), *state));
    for (size_t o = 0; o < plan_->fetch_slots.size(); ++o) {
      const size_t slot = static_cast<size_t>(plan_->fetch_slots[o]);
      Value& result = state->values[slot];
      if (result.dead) {
        return ctx.InvalidArgument(
            StrCat("result ", o, " of the function is on a branch that was not taken"));
      }
      Array value = result.ref ? result.ref->Read() : result.array;
      if (!value.valid()) return ctx.InvalidArgument(StrCat("result ", o, " has no value"));
      ctx.set_output(static_cast<int>(o), std::move(value));
    }
    GiveBack(std::move(state));
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<ExecState> Take() {
    std::lock_guard lock(mu_);
    if (idle_.empty()) return std::make_unique<ExecState>(*plan_);
    std::unique_ptr<ExecState> state = std::move(idle_.back());
    idle_.pop_back();
    return state;
  }
  void GiveBack(std::unique_ptr<ExecState> state) {
    for (const auto* slots : {&plan_->feed_slots, &plan_->fetch_slots}) {
      for (int slot : *slots) {
        if (slot >= 0 && !plan_->slot_is_constant[static_cast<size_t>(slot)] &&
            !state->output_plans[static_cast<size_t>(slot)].prepared.valid())
          state->values[static_cast<size_t>(slot)].array = Array();
      }
    }
    std::lock_guard lock(mu_);
    if (idle_.size() < kMaxIdleCallStates) idle_.push_back(std::move(state));
  }

  std::unique_ptr<Plan> plan_;
  std::mutex mu_;
  std::vector<std::unique_ptr<ExecState>> idle_;
};

class CallKernel final : public Kernel {
 public:
  explicit CallKernel(std::unique_ptr<Plan> plan) : function_(std::move(plan)) {}
  absl::Status Compute(KernelContext& ctx) override { return function_.Run(ctx, 0); }

 private:
  FunctionPlan function_;
};

// If: {else, then}; Case: the branches.
class BranchKernel final : public Kernel {
 public:
  BranchKernel(std::vector<std::unique_ptr<FunctionPlan>> branches, bool by_truth)
      : branches_(std::move(branches)), by_truth_(by_truth) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& choice = ctx.input(0);
    size_t i = branches_.size() - 1;
    if (by_truth_) {
      i = IsTrue(choice) ? 1 : 0;
    } else {
      if (choice.rank() != 0) {
        return ctx.InvalidArgument("branch_index must be a scalar, but has shape " +
                                   choice.shape().ToString());
      }
      const int32_t index = *choice.data<int32_t>();
      if (index >= 0 && static_cast<size_t>(index) < i) i = static_cast<size_t>(index);
    }
    return branches_[i]->Run(ctx, 1);
  }

 private:
  std::vector<std::unique_ptr<FunctionPlan>> branches_;
  bool by_truth_;
};

// Compiles functions for one node.
class Compiler {
 public:
  Compiler(SessionImpl* session, const PlanNode& node) : session_(session), node_(node) {}

  absl::StatusOr<std::shared_ptr<Kernel>> Make() {
    if (node_.op == "PartitionedCall" || node_.op == "StatefulPartitionedCall") {
      WEFT_ASSIGN_OR_RETURN(std::unique_ptr<Plan> plan,
                            Compile(Function("f"), Types(0), Results()));
      return std::shared_ptr<Kernel>(std::make_shared<CallKernel>(std::move(plan)));
    }
    if (node_.op == "SymbolicGradient") {
      WEFT_ASSIGN_OR_RETURN(std::unique_ptr<Plan> plan, CompileGradient());
      return std::shared_ptr<Kernel>(std::make_shared<CallKernel>(std::move(plan)));
    }
    if (node_.op.ends_with("While")) return MakeLoop();
    std::vector<FuncRef> functions;
    const bool by_truth = node_.op.ends_with("If");
    if (by_truth)
      functions = {Function("else_branch"), Function("then_branch")};
    else
      functions = *node_.FindAttrOf<std::vector<FuncRef>>("branches");
    std::vector<std::unique_ptr<FunctionPlan>> branches;
    for (const FuncRef& f : functions) {
      WEFT_ASSIGN_OR_RETURN(std::unique_ptr<Plan> plan, Compile(f, Types(1), Results()));
      branches.push_back(std::make_unique<FunctionPlan>(std::move(plan)));
    }
    return std::shared_ptr<Kernel>(std::make_shared<BranchKernel>(std::move(branches), by_truth));
  }

 private:
  FuncRef Function(std::string_view attr) const {
    const FuncRef* f = node_.FindAttrOf<FuncRef>(attr);
    return f ? *f : FuncRef();
  }
  std::vector<DataType> Types(size_t first) const {
    std::vector<DataType> types;
    for (size_t i = first; i < node_.input_types.size(); ++i)
      types.push_back(RemoveRef(node_.input_types[i]));
    return types;
  }
  std::vector<DataType> Results() const { return node_.output_types; }

  // The graph that the node is in: its library has the functions.
  GraphImpl& graph() const { return node_.origin ? *node_.origin->graph : session_->graph(); }

  absl::StatusOr<std::shared_ptr<Kernel>> MakeLoop() {
    LoopPlan loop;
    loop.name = node_.name;
    loop.num_variables = node_.input_types.size();
    WEFT_ASSIGN_OR_RETURN(loop.condition, Compile(Function("cond"), Types(0), {}));
    if (loop.condition->fetch_slots.size() != 1) {
      return absl::InvalidArgumentError(
          StrCat("the function ", Function("cond").name, " must return one value"));
    }
    WEFT_ASSIGN_OR_RETURN(loop.body, Compile(Function("body"), Types(0), Results()));
    for (size_t i = 0; i < loop.num_variables; ++i)
      loop.exit_variable.push_back(static_cast<int>(i));
    return std::shared_ptr<Kernel>(std::make_shared<LoopKernel>(std::move(loop)));
  }

  // `results` empty: any.
  absl::StatusOr<std::unique_ptr<Plan>> Compile(const FuncRef& f, const std::vector<DataType>& args,
                                                const std::vector<DataType>& results) {
    WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<const FunctionBody> body,
                          InstantiateFunction(graph(), f));
    RunSpec spec;
    spec.feeds = body->args;
    spec.fetches = body->results;
    spec.targets = body->targets;
    WEFT_RETURN_IF_ERROR(Check(f, "argument", args, body->args));
    if (!results.empty()) WEFT_RETURN_IF_ERROR(Check(f, "result", results, body->results));
    return CompilePart(session_, body->graph, spec);
  }

  static absl::Status Check(const FuncRef& f, const char* what, const std::vector<DataType>& wanted,
                            const std::vector<Tensor>& have) {
    if (wanted.size() != have.size()) {
      return absl::InvalidArgumentError(StrCat("the function ", f.name, " has ", have.size(), " ",
                                               what, "s; the node has ", wanted.size()));
    }
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (RemoveRef(have[i].dtype()) == wanted[i]) continue;
      return absl::InvalidArgumentError(StrCat("the function ", f.name, ": ", what, " ", i,
                                               " is of ", DTypeName(RemoveRef(have[i].dtype())),
                                               ", the node's is of ", DTypeName(wanted[i])));
    }
    return absl::OkStatus();
  }

  // A graph of the function and of its gradients.
  absl::StatusOr<std::unique_ptr<Plan>> CompileGradient() {
    const FuncRef f = Function("f");
    WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<const FunctionBody> body,
                          InstantiateFunction(graph(), f));
    if (body->args.size() + body->results.size() != node_.input_types.size() ||
        body->args.size() != node_.output_types.size()) {
      return absl::InvalidArgumentError(
          StrCat("the function ", f.name, " has ", body->args.size(), " arguments and ",
                 body->results.size(), " results; the gradient has ", node_.input_types.size(),
                 " inputs and ", node_.output_types.size(), " outputs"));
    }
    WEFT_ASSIGN_OR_RETURN(const FunctionGradients made, GradientsOf(graph(), *body));
    RunSpec spec;
    spec.feeds = made.args;
    spec.fetches = made.results;
    return CompilePart(session_, made.graph, spec);
  }

  SessionImpl* session_;
  const PlanNode& node_;
};

// Each call has a plan of its own, made with the caller's: a function that calls itself would have
// no end, and functions that call others twice each have very many.
struct PlansOfCalls {};
constexpr int kMaxDepth = 64;
constexpr int kMaxCalls = 10000;

absl::Status CheckNesting(const Nesting<PlansOfCalls>& nesting) {
  if (nesting.depth() > kMaxDepth) {
    return absl::UnimplementedError(StrCat("functions call each other more than ", kMaxDepth,
                                           " deep; a function that calls itself can't be run"));
  }
  if (nesting.calls() > kMaxCalls) {
    return absl::ResourceExhaustedError(
        StrCat("the functions below one node make more than ", kMaxCalls, " calls"));
  }
  return absl::OkStatus();
}

}  // namespace

bool CallsFunctions(std::string_view op) {
  static constexpr std::string_view kOps[] = {"PartitionedCall",  "StatefulPartitionedCall",
                                              "SymbolicGradient", "If",
                                              "StatelessIf",      "Case",
                                              "StatelessCase",    "While",
                                              "StatelessWhile"};
  return std::find(std::begin(kOps), std::end(kOps), op) != std::end(kOps);
}

absl::StatusOr<std::shared_ptr<Kernel>> MakeCallKernel(SessionImpl* session, const PlanNode& node) {
  const Nesting<PlansOfCalls> nesting;
  absl::Status s = CheckNesting(nesting);
  if (s.ok()) {
    absl::StatusOr<std::shared_ptr<Kernel>> kernel = Compiler(session, node).Make();
    if (kernel.ok()) return kernel;
    s = std::move(kernel).status();
  }
  return WithNode(absl::Status(s.code(), StrCat(node.op, " '", node.name, "': ", s.message())),
                  node.name, node.op);
}

bool IsTrue(const Array& value) {
  if (value.rank() != 0) return value.num_elements() > 0;
  if (value.dtype() == kString) return !value.data<std::string>()->empty();
  if (value.dtype() == kBool) return *value.data<bool>();
  return IsPlain(value.dtype()) && value.AsDouble() != 0;
}

}  // namespace weft
