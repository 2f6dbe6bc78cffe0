// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/evaluate.h"

#include "src/core/strings.h"
#include "src/runtime/exec_state.h"
#include "src/runtime/fn_kernel.h"
#include "weft/core/error.h"
#include "weft/runtime/session.h"

namespace weft {

std::string PlanNodeConstruction::UniqueNodeName() const {
  return StrCat("_", node_.origin ? node_.origin->id : node_.order, "_", node_.name);
}

namespace {

// Lives as long as the program.
Device* HostDevice() {
  using Devices = std::vector<std::unique_ptr<Device>>;
  static const Devices* const devices = [] {
    auto* made = new Devices();
    ConfigProto one_cpu;
    one_cpu.device_count = {{"CPU", 1}, {"GPU", 0}};
    (void)DeviceRegistry::Global().Create(one_cpu, "/job:localhost/replica:0/task:0", made);
    return made;
  }();
  for (const auto& d : *devices) {
    if (d->type() == kCpu) return d.get();
  }
  return nullptr;
}

absl::Status Evaluate(const PlanNode& original, const std::vector<Array>& inputs,
                      std::vector<Array>* outputs) {
  static ResourceManager* const no_resources = new ResourceManager();
  WEFT_ASSIGN_OR_RETURN(const KernelEntry* entry,
                        KernelRegistry::Global().Find(original.op, kCpu, original.attrs));
  Plan plan;
  PlanNode* node = plan.graph.Add();
  *node = original;
  node->device = HostDevice();
  PlanNodeConstruction construction(*node, kCpu, no_resources);
  node->kernel = entry->factory(construction);
  WEFT_RETURN_IF_ERROR(construction.status());
  const int n = static_cast<int>(inputs.size());
  node->first_slot = n;
  plan.num_slots = n + static_cast<int>(node->output_types.size());
  plan.slot_device.assign(static_cast<size_t>(plan.num_slots), node->device);
  plan.slot_is_fetched.assign(static_cast<size_t>(plan.num_slots), 0);
  Step step;
  step.node = node;
  for (int i = 0; i < n; ++i) step.inputs.push_back(i);
  step.deref.assign(inputs.size(), 0);
  step.last_use.assign(inputs.size(), 0);
  plan.steps.push_back(step);
  ExecState state(plan);
  state.run.resources = no_resources;
  for (size_t i = 0; i < inputs.size(); ++i) state.values[i].array = inputs[i];
  WEFT_RETURN_IF_ERROR(node->kernel->Compute(state.calls[0].ctx));
  for (size_t o = 0; o < node->output_types.size(); ++o) {
    const Value& v = state.values[static_cast<size_t>(n) + o];
    outputs->push_back(v.dead ? Array() : v.array);
  }
  return absl::OkStatus();
}

}  // namespace

bool EvaluateOnce(const PlanNode* node, const std::vector<Array>& inputs,
                  std::vector<Array>* outputs) {
  try {
    return Evaluate(*node, inputs, outputs).ok();
  } catch (const Error&) {
    return false;
  }
}

bool EvaluateNode(const Node& node, const std::vector<Array>& inputs, std::vector<Array>* outputs) {
  PlanNode n;
  n.order = node.id;
  n.name = node.name;
  n.op = node.type();
  n.def = node.def;
  n.attrs = *node.attrs;
  n.input_types.assign(node.input_types.begin(), node.input_types.end());
  n.output_types.assign(node.output_types.begin(), node.output_types.end());
  return EvaluateOnce(&n, inputs, outputs);
}

}  // namespace weft
