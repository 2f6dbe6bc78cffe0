// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/plan_match.h"

#include <algorithm>

#include "src/runtime/loop.h"
#include "weft/graph/op_def.h"

namespace weft {

PlanUsers::PlanUsers(const PlanGraph& graph) {
  for (const auto& n : graph.nodes) {
    for (const PlanEdge& e : n->inputs) users_[e.node].push_back(n.get());
    for (PlanNode* c : n->control_inputs) users_[c].push_back(n.get());
  }
  for (const PlanEdge& e : graph.fetches) kept_.insert(e.node);
  for (const PlanNode* t : graph.targets) kept_.insert(t);
}

const std::vector<PlanNode*>& PlanUsers::of(const PlanNode* n) const {
  static const std::vector<PlanNode*> none;
  const auto found = users_.find(n);
  return found == users_.end() ? none : found->second;
}

bool IsFreeFloatNode(const PlanNode& n) {
  const DataType* type = n.FindAttrOf<DataType>("T");
  return !n.is_feed && n.device && n.device->type() == kCpu && type && *type == kFloat32 &&
         n.control_inputs.empty();
}

bool IsRefEdge(const PlanEdge& e) {
  return IsRef(e.node->output_types[static_cast<size_t>(e.index)]);
}

bool HasRefs(const PlanNode& n) {
  return std::any_of(n.input_types.begin(), n.input_types.end(), IsRef) ||
         std::any_of(n.output_types.begin(), n.output_types.end(), IsRef);
}

bool ReadsRefs(const PlanNode& n) {
  return std::any_of(n.inputs.begin(), n.inputs.end(), IsRefEdge);
}

void MakeConstant(PlanNode* n, Array value) {
  n->op = "Const";
  n->def = OpRegistry::Global().Find("Const");
  n->origin = nullptr;
  n->output_types = {value.dtype()};
  n->attrs = {{"dtype", value.dtype()}, {"value", std::move(value)}};
  n->inputs.clear();
  n->input_types.clear();
}

bool IsConstantZero(const PlanEdge& e) {
  const Array* value = IsPreloaded(*e.node) ? e.node->FindAttrOf<Array>("value") : nullptr;
  return value && value->dtype() == kFloat32 &&
         std::ranges::all_of(value->values<float>(), [](float x) { return x == 0; });
}

bool IsProductOfRows(const PlanNode& n, bool transpose_b) {
  if (n.op != "MatMul" || !IsFreeFloatNode(n)) return false;
  const bool* a = n.FindAttrOf<bool>("transpose_a");
  const bool* b = n.FindAttrOf<bool>("transpose_b");
  return a && !*a && b && *b == transpose_b && !IsRefEdge(n.inputs[0]);
}

const Array* ConstantIntegers(const PlanEdge& e) {
  if (e.node->op != "Const" || !e.node->control_inputs.empty()) return nullptr;
  const Array* a = e.node->FindAttrOf<Array>("value");
  return a && (a->dtype() == kInt32 || a->dtype() == kInt64) ? a : nullptr;
}

int64_t IntegerAt(const Array& a, int64_t i) {
  return a.dtype() == kInt32 ? a.data<int32_t>()[i] : a.data<int64_t>()[i];
}

const PartialShape* StaticShapeOf(const PlanEdge& e) {
  if (!e.node->origin) return nullptr;
  const auto& shapes = e.node->origin->output_shapes;
  const auto index = static_cast<size_t>(e.node->is_feed ? e.node->fed_output : e.index);
  return index < shapes.size() ? &shapes[index] : nullptr;
}

Extent ExtentOf(const PlanEdge& e) {
  if (const Array* a = e.node->op == "Const" ? e.node->FindAttrOf<Array>("value") : nullptr)
    return a->rank() == 2 ? Extent{a->dim(0), a->dim(1)} : Extent{};
  const PartialShape* shape = StaticShapeOf(e);
  if (!shape || !shape->known_rank() || shape->rank() != 2) return {};
  return {shape->dim(0), shape->dim(1)};
}

bool IsConcatOfColumns(const PlanNode& n) {
  if (n.op != "ConcatV2" || !IsFreeFloatNode(n)) return false;
  const Array* axis = ConstantIntegers(n.inputs.back());
  if (!axis || axis->num_elements() != 1) return false;
  if (const int64_t d = IntegerAt(*axis, 0); d != 1 && d != -1) return false;
  for (size_t i = 0; i + 1 < n.inputs.size(); ++i) {  // a reference is read when its turn has come
    if (IsRefEdge(n.inputs[i])) return false;
  }
  return true;
}

bool ReadColumnSlice(PlanNode* slice, const PlanEdge& whole, const Extent& extent,
                     ColumnSlice* result) {
  if (slice->op != "Slice" || !IsFreeFloatNode(*slice) || slice->inputs[0] != whole) return false;
  const Array *begin = ConstantIntegers(slice->inputs[1]),
              *size = ConstantIntegers(slice->inputs[2]);
  if (!begin || !size || begin->num_elements() != 2 || size->num_elements() != 2) return false;
  const int64_t height = IntegerAt(*size, 0);
  if (IntegerAt(*begin, 0) != 0 || (height != -1 && height != extent.rows)) return false;
  const int64_t column = IntegerAt(*begin, 1);
  int64_t width = IntegerAt(*size, 1);
  if (width == -1 && extent.columns >= 0) width = extent.columns - column;
  *result = {slice, column, width};
  return true;
}

std::optional<int64_t> RowTaken(const PlanNode& slice, size_t first, int64_t rows) {
  const Array *begin = ConstantIntegers(slice.inputs[first]),
              *strides = ConstantIntegers(slice.inputs[first + 2]);
  const auto mask = [&](const char* name) {
    const int64_t* value = slice.FindAttrOf<int64_t>(name);
    return value ? *value : 0;
  };
  if (!begin || !strides || begin->num_elements() != 1 || strides->num_elements() != 1 ||
      mask("shrink_axis_mask") != 1 || mask("begin_mask") != 0 || mask("ellipsis_mask") != 0 ||
      mask("new_axis_mask") != 0)
    return std::nullopt;
  int64_t row = IntegerAt(*begin, 0);
  if (row < 0) row += rows;
  if (row < 0 || row >= rows) return std::nullopt;
  return row;
}

bool HasEffect(const PlanNode& n) {
  if (n.is_feed) return false;
  const bool harmless = n.op == "ReadVariableOp" || n.op == "VarHandleOp" || n.op == "VariableV2" ||
                        n.op == "Variable" || n.op.starts_with("TensorArray") ||
                        n.op.starts_with("Stack");
  // An error is the only effect of CheckNumerics, and what it is there for.
  return (n.is_stateful() && !harmless) || n.op.starts_with("CheckNumerics") || n.op == kLoopOp;
}

bool WaitsForEffects(const PlanNode& n) {
  std::unordered_set<const PlanNode*> seen;
  std::vector<const PlanNode*> stack(n.control_inputs.begin(), n.control_inputs.end());
  while (!stack.empty()) {
    const PlanNode* c = stack.back();
    stack.pop_back();
    if (!seen.insert(c).second) continue;
    if (HasEffect(*c)) return true;
    stack.insert(stack.end(), c->control_inputs.begin(), c->control_inputs.end());
  }
  return false;
}

std::string VariableNameOf(const PlanNode& variable) {
  const auto text = [&](const char* attr) {
    const std::string* value = variable.FindAttrOf<std::string>(attr);
    return value ? *value : std::string();
  };
  const std::string name = text("shared_name");
  return text("container") + "\n" + (name.empty() ? variable.name : name);
}

void ReadInstead(PlanGraph* graph, const PlanUsers& users, PlanNode* n, const PlanEdge& value) {
  if (!users.kept(n)) {
    graph->Redirect({n, 0}, value);
    return;
  }
  n->op = "Identity";
  n->def = OpRegistry::Global().Find("Identity");
  n->attrs = {{"T", kFloat32}};
  n->inputs = {value};
  n->input_types = {kFloat32};
}

}  // namespace weft
