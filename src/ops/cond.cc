// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/control_flow.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/control.h"
#include "weft/ops/control_flow.h"
#include "weft/ops/logging.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/reduction.h"

namespace weft {
namespace {

// A branch under construction: its context is current, and left in any case.
class BranchScope {
 public:
  BranchScope(GraphImpl& graph, const Tensor& pred, const Tensor& pivot, bool branch)
      : context_(std::make_shared<CondContext>(&graph, "cond_text", pred, pivot, branch)) {
    ControlFlowState::Of(graph).Own(context_);
    context_->Enter();
  }
  ~BranchScope() { context_->Exit(); }
  BranchScope(const BranchScope&) = delete;
  BranchScope& operator=(const BranchScope&) = delete;
  const std::shared_ptr<CondContext>& context() const { return context_; }

 private:
  std::shared_ptr<CondContext> context_;
};

struct BranchResult {
  std::shared_ptr<CondContext> context;
  std::vector<Tensor> tensors;
};

// `results` gives what the branch returns, as tensors of the branch.
BranchResult BuildBranch(GraphImpl& graph, const Tensor& pred, const Tensor& pivot, bool branch,
                         const std::function<std::vector<Tensor>(CondContext&)>& results) {
  const BranchScope scope(graph, pred, pivot, branch);
  BranchResult result{scope.context(), results(*scope.context())};
  for (Tensor& t : result.tensors) t = ValueOrThrow(scope.context()->AddResult(t));
  scope.context()->ExitResult(result.tensors);
  return result;
}

void CheckResults(const std::vector<Tensor>& then, const std::vector<Tensor>& otherwise) {
  if (then.size() != otherwise.size()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Cond: true_fn returns ", then.size(), " tensors, false_fn ",
                      otherwise.size(), "; both must return as many"));
  }
  if (then.empty())
    ThrowError(Code::kInvalidArgument, "true_fn and false_fn must return at least one result.");
  for (size_t i = 0; i < then.size(); ++i) {
    const DataType a = RemoveRef(then[i].dtype()), b = RemoveRef(otherwise[i].dtype());
    if (a == b) continue;
    ThrowError(
        Code::kInvalidArgument,
        StrCat("Cond: result ", i, " is of dtype ", DTypeName(a), " in true_fn ('", then[i].name(),
               "') and of ", DTypeName(b), " in false_fn ('", otherwise[i].name(), "')"));
  }
}

using Results = std::function<std::vector<Tensor>(CondContext&)>;

std::vector<Tensor> BuildCond(const Input& pred_input, const Results& true_fn,
                              const Results& false_fn, const std::string& name) {
  const Graph graph = pred_input.is_tensor() ? pred_input.source().graph() : Graph::Default();
  const GraphScope use(graph);
  const NameScope scope(name.empty() ? "cond" : name, graph);
  Tensor pred;
  const Operation pivot = [&] {
    const NameScope switch_scope("Switch", graph);
    pred = AsTensor(pred_input, kBool, "data");
    return OpBuilder("Switch", switch_scope.name()).In(pred).In(pred).Build();
  }();
  if (RemoveRef(pred.dtype()) != kBool)
    ThrowError(Code::kInvalidArgument, StrCat("Cond: pred '", pred.name(), "' is of dtype ",
                                              DTypeName(pred.dtype()), "; it must be bool"));
  const Tensor taken = Identity(pivot.output(1), "switch_t");
  const Tensor not_taken = Identity(pivot.output(0), "switch_f");
  const Tensor id = Identity(pred, "pred_id");
  const BranchResult then = BuildBranch(graph.impl(), id, taken, true, true_fn);
  const BranchResult otherwise = BuildBranch(graph.impl(), id, not_taken, false, false_fn);
  CheckResults(then.tensors, otherwise.tensors);
  std::vector<Tensor> merged;
  for (size_t i = 0; i < then.tensors.size(); ++i)
    merged.push_back(Merge({otherwise.tensors[i], then.tensors[i]}).output);
  // What is inside another context is kept with that one.
  if (!then.context->outer()) {
    for (const auto& context : {then.context, otherwise.context}) {
      Graph(graph).AddToCollection(GraphKeys::kCondContext,
                                   {std::static_pointer_cast<void>(context)});
    }
  }
  return merged;
}

Results OfTensors(const std::function<std::vector<Tensor>()>& fn) {
  return [&fn](CondContext&) {
    std::vector<Tensor> results = fn();
    for (const Tensor& t : results) {
      if (!t.valid()) ThrowError(Code::kInvalidArgument, "Cond: a branch returned an empty Tensor");
    }
    return results;
  };
}

}  // namespace

std::vector<Tensor> Cond(const Input& pred, const std::function<std::vector<Tensor>()>& true_fn,
                         const std::function<std::vector<Tensor>()>& false_fn,
                         const NameOptions& options) {
  return BuildCond(pred, OfTensors(true_fn), OfTensors(false_fn), options.name);
}

Tensor Cond(const Input& pred, const std::function<Input()>& true_fn,
            const std::function<Input()>& false_fn, const NameOptions& options) {
  // A literal of one branch takes the dtype of the other's result.
  DataType dtype = kInvalidType;
  const auto result_of = [&dtype](const std::function<Input()>& fn) -> Results {
    return [&dtype, &fn](CondContext&) {
      const Tensor t = AsTensor(fn(), dtype);
      dtype = RemoveRef(t.dtype());
      return std::vector<Tensor>{t};
    };
  };
  return BuildCond(pred, result_of(true_fn), result_of(false_fn), options.name)[0];
}

Operation Cond(const Input& pred, const std::function<Operation()>& true_fn,
               const std::function<Operation()>& false_fn, const NameOptions& options) {
  const auto done = [](const std::function<Operation()>& fn) -> Results {
    return [&fn](CondContext& context) {
      const Operation op = fn();
      if (!op.valid()) ThrowError(Code::kInvalidArgument, "Cond: a branch returned no Operation");
      return std::vector<Tensor>{WithDependencies({op}, context.pivot())};
    };
  };
  return BuildCond(pred, done(true_fn), done(false_fn), options.name)[0].op();
}

// ---- Case ----

namespace {

Operation AssertAtMost(const std::vector<Tensor>& predicates, int n, const std::string& message) {
  const std::vector<Input> inputs(predicates.begin(), predicates.end());
  const Tensor all = Stack(inputs, {.name = "preds_c"});
  const Tensor count = ReduceSum(Cast(all, kInt32), {.name = "num_true_conds"});
  const Tensor holds = LessEqual(count, Constant(Array(int32_t{n}), "n_true_conds"));
  const std::string names =
      StrJoin(predicates, ", ", [](std::string* s, const Tensor& t) { s->append(t.name()); });
  return Assert(
      holds,
      {StrCat(message, ": more than ", n, " conditions (", names, ") evaluated as True:"), all},
      {.summarize = static_cast<int64_t>(predicates.size())});
}

}  // namespace

std::vector<Tensor> Case(const std::vector<std::pair<Tensor, Branch>>& pairs,
                         const CaseOptions& options) {
  if (pairs.empty()) ThrowError(Code::kInvalidArgument, "Case: there is no pair");
  std::vector<Tensor> predicates;
  for (const auto& [pred, fn] : pairs) {
    if (!pred.valid() || RemoveRef(pred.dtype()) != kBool || !fn)
      ThrowError(Code::kInvalidArgument, "Case: each pair must be a boolean tensor and a function");
    predicates.push_back(pred);
  }
  const Graph graph = predicates[0].graph();
  const GraphScope use(graph);
  const NameScope scope(options.name.empty() ? "case" : options.name, graph);
  Branch fn = options.default_fn;
  size_t n = pairs.size();
  if (!fn) {
    // The last action is the default one, which checks its predicate.
    --n;
    fn = [&, n] {
      std::vector<Operation> checks;
      const std::vector<Tensor> others(predicates.begin(),
                                       predicates.begin() + static_cast<ptrdiff_t>(n));
      if (!others.empty()) {
        checks.push_back(AssertAtMost(others, 0,
                                      StrCat("Implementation error: selected default action #", n,
                                             " was called, but some of other predicates are "
                                             "True: ")));
      }
      const std::vector<Input> all(predicates.begin(), predicates.end());
      checks.push_back(Assert(predicates[n], {"Input error: None of conditions evaluated as True:",
                                              Stack(all, {.name = "preds_c"})}));
      const ControlDependencies after(checks, graph);
      return pairs[n].second();
    };
  }
  for (size_t i = n; i-- > 0;) {
    fn = [&, i, otherwise = fn] { return Cond(predicates[i], pairs[i].second, otherwise); };
  }
  if (!options.exclusive) return fn();
  const ControlDependencies after({AssertAtMost(predicates, 1, "Input error: exclusive=True")});
  return fn();
}

}  // namespace weft
