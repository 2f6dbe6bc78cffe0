// SPDX-License-Identifier: Apache-2.0
// Structured loops. A while loop of TensorFlow 1 is a cycle of nodes:
//
//   Enter -> Merge -> Switch -> (true) body ... -> NextIteration -> Merge
//              |        \--> (false) Exit
//              \-> condition -> LoopCond -> Switch
//
// Where a graph has it in just this form, the plan gets one node in its place, whose kernel runs
// two plans, one of the condition and one of the body, until the condition fails. The values of the
// loop variables move from one iteration to the next; what enters as a constant stays in its slots,
// and so does what the body computes from constants and unwritten variables alone, in a third plan
// that is run before the first iteration. So an iteration costs what its kernels cost. Loops of any
// other form are run node by node (execute_frames.cc).
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "src/runtime/exec_state.h"
#include "src/runtime/plan.h"
#include "weft/runtime/kernel.h"

namespace weft {

// The op type of the node that stands for a loop. Inputs: the initial values of the loop variables,
// then the invariants. Outputs: for each Exit the final value of its variable.
inline constexpr char kLoopOp[] = "_Loop";

struct LoopPlan {
  // Feeds: variables, invariants. Fetches: the condition, then the extras.
  std::unique_ptr<Plan> condition;
  // Feeds: variables, invariants, extras, the results of the prologue. Fetches: the variables' next
  // values.
  std::unique_ptr<Plan> body;
  // Null: the body computes nothing from invariants alone. Feeds: invariants. Fetches: its results.
  std::unique_ptr<Plan> prologue;
  size_t num_variables = 0;
  size_t num_invariants = 0;
  size_t num_extras = 0;           // values that the condition computes and the body uses
  std::vector<int> exit_variable;  // by output of the loop's node
  std::string name;                // for messages
};

// Runs a LoopPlan. Keeps the states of finished runs: their slots are bound and laid out.
class LoopKernel final : public Kernel {
 public:
  explicit LoopKernel(LoopPlan plan) : plan_(std::move(plan)) {}
  absl::Status Compute(KernelContext& ctx) override;

 private:
  friend class SessionImpl;
  struct State {
    std::unique_ptr<ExecState> condition, body, prologue;
  };
  State Take();
  void GiveBack(State state);

  LoopPlan plan_;
  std::mutex mu_;
  std::vector<State> idle_;
};

// Nodes that make a sum of products once a loop has collected the factors (loop_products.cc). The
// list is begun outside of the loop: each run must have one of its own.
inline constexpr char kBeginProductsOp[] = "_BeginProducts";
inline constexpr char kCollectProductOp[] = "_CollectProduct";
inline constexpr char kEndProductsOp[] = "_EndProducts";

// For each variable to which the body adds a product of a transposed matrix and another one.
// `loop`, in `graph`, is the node of the loop.
void CollectProducts(PlanGraph* graph, PlanNode* loop, LoopPlan* plan);

// A loop that is a node of a plan's graph, and will get a kernel.
struct FoundLoop {
  PlanNode* node = nullptr;
  LoopPlan plan;
};

// Puts copies of their bodies in the place of loops whose number of iterations is known
// (unroll_loops.cc).
void UnrollLoops(PlanGraph* graph, std::vector<FoundLoop>* loops);

// What TensorArrays hand from known writes to known reads goes without them (forward_arrays.cc).
void ForwardArrays(SessionImpl* session, PlanGraph* graph);

// Makes the prologue (hoist_invariants.cc).
void HoistInvariants(SessionImpl* session, LoopPlan* plan);

// Puts a node for each structured loop into the graph in the loop's place, or copies of its body
// (ConfigProto::unroll_loops). An error for nodes whose inputs are of different frames, and for an
// Exit without an Enter.
absl::Status ExtractLoops(SessionImpl* session, PlanGraph* graph);

}  // namespace weft
