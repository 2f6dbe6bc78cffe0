// SPDX-License-Identifier: Apache-2.0
// SessionImpl: devices, resources, kernels and plans of a Session.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/graph/graph_impl.h"
#include "src/runtime/cancellation.h"
#include "src/runtime/plan.h"
#include "weft/runtime/session.h"

namespace weft {

class SessionImpl {
 public:
  static absl::StatusOr<std::shared_ptr<SessionImpl>> Create(std::shared_ptr<GraphImpl> graph,
                                                             const ConfigProto& config);
  ~SessionImpl();

  GraphImpl& graph() const { return *graph_; }
  const ConfigProto& config() const { return config_; }
  const std::vector<std::unique_ptr<Device>>& devices() const { return devices_; }
  Device* cpu() const { return cpu_; }
  ResourceManager& resources() { return resources_; }

  // Names to graph elements.
  absl::Status ResolveFetch(const Fetch& fetch, RunSpec* spec) const;
  absl::StatusOr<Tensor> ResolveFeed(const Feed& feed) const;

  absl::StatusOr<std::vector<Array>> Run(const std::vector<Fetch>& fetches, const Feeds& feeds,
                                         const RunOptions& options, RunMetadata* metadata);
  // The plan for a request, compiled if it is new.
  absl::StatusOr<std::shared_ptr<Plan>> GetPlan(const RunSpec& spec);
  // feeds[i] is the value of the plan's feed i.
  absl::Status RunPlan(Plan& plan, const Array* const* feeds, Array* fetches,
                       const RunOptions& options, RunMetadata* metadata);

  // The kernel of a node: one for each node and device of the session, so that its state (a random
  // generator's, a queue's) is the same in every plan.
  absl::Status MakeKernel(PlanNode* node);

  // Runs a plan that is a part of another one, as `outer` runs: with its cancellation, resources
  // and trace. The values are in the feed slots, and afterwards in the fetch slots.
  static absl::Status RunPart(RunState& outer, ExecState& state);
  // The run that a kernel is called in.
  static RunState& RunOf(const KernelContext& ctx) { return *ctx.binding_->run; }
  static const Value* InputValue(const KernelContext& ctx, int i) {
    return ctx.binding_->input_values[i];
  }
  static Value& OutputValue(const KernelContext& ctx, int o) { return ctx.output_values_[o]; }

  void Close();
  bool closed() const { return closed_.load(std::memory_order_acquire); }

 private:
  explicit SessionImpl(std::shared_ptr<GraphImpl> graph, const ConfigProto& config)
      : graph_(std::move(graph)), config_(config) {}
  absl::Status Execute(const Plan& plan, ExecState& state);
  // The same for a plan with several steps that wait: each starts as soon as its inputs are there,
  // in whatever order that is (execute_waiting.cc).
  absl::Status ExecuteWaiting(const Plan& plan, ExecState& state);
  // The same for a plan with loops that are no sub-plans: each step runs once an iteration, when
  // its inputs of that iteration are there (execute_frames.cc).
  absl::Status ExecuteFrames(const Plan& plan, ExecState& state);

  struct SpecHash {
    size_t operator()(const RunSpec& s) const;
  };
  struct SpecEqual {
    bool operator()(const RunSpec& a, const RunSpec& b) const {
      return a.feeds == b.feeds && a.fetches == b.fetches && a.targets == b.targets;
    }
  };

  std::shared_ptr<GraphImpl> graph_;
  ConfigProto config_;
  std::vector<std::unique_ptr<Device>> devices_;
  Device* cpu_ = nullptr;
  ResourceManager resources_;
  CancellationManager cancellation_;
  std::atomic<bool> closed_{false};
  std::atomic<int64_t> next_step_{1};

  std::shared_mutex plans_mu_;
  int64_t plans_version_ = -1;  // of the graph's existing nodes
  std::unordered_map<RunSpec, std::shared_ptr<Plan>, SpecHash, SpecEqual> plans_;

  std::mutex kernels_mu_;
  struct CachedKernel {
    std::shared_ptr<Kernel> kernel;
    KernelFn fn = nullptr;
  };
  std::map<std::pair<const Node*, Device*>, CachedKernel> kernels_;
};

}  // namespace weft
