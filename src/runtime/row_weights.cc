// SPDX-License-Identifier: Apache-2.0
// Weights of a network in service, asked for one answer at a time: the work is to read them, and
// what fits the processor's caches is read twice as fast if it lies as the threads read it. Such
// products keep a copy of their matrix in that order (gemv.h), made when it is first worth it.
#include <cstdint>

#include "src/runtime/plan.h"

namespace weft {
namespace {

// Of all matrices that are copied: larger networks wait for memory in any order, and a copy would
// double what they hold.
constexpr int64_t kMostBytes = int64_t{4} << 20;

// The constant matrix of a product of floats as it lies; null if it isn't one.
const Array* WeightsOf(const PlanNode& n) {
  if (n.op != "MatMul" || !n.device || n.device->type() != kCpu || n.inputs.size() != 2)
    return nullptr;
  const DataType* type = n.FindAttrOf<DataType>("T");
  const bool* flipped = n.FindAttrOf<bool>("transpose_b");
  const PlanNode& source = *n.inputs[1].node;
  if (!type || *type != kFloat32 || (flipped && *flipped) || source.op != "Const") return nullptr;
  const Array* weights = source.FindAttrOf<Array>("value");
  return weights && weights->rank() == 2 ? weights : nullptr;
}

}  // namespace

void MarkRowWeights(PlanGraph* graph) {
  int64_t bytes = 0;
  for (const auto& n : graph->nodes) {
    if (const Array* weights = WeightsOf(*n)) bytes += weights->num_elements() * 4;
  }
  if (bytes > kMostBytes) return;
  for (const auto& n : graph->nodes) {
    if (!WeightsOf(*n)) continue;
    n->attrs.insert_or_assign("constant_weights", true);
    // Its kernel is not that of the graph's node, which other plans may feed another matrix.
    n->origin = nullptr;
  }
}

}  // namespace weft
