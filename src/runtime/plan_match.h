// SPDX-License-Identifier: Apache-2.0
// What passes over a plan's graph ask of its nodes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "src/runtime/plan.h"

namespace weft {

// Who reads a node, and what a run gives back, at the time of the constructor.
class PlanUsers {
 public:
  PlanUsers() = default;
  explicit PlanUsers(const PlanGraph& graph);
  // A node that reads twice is there twice; control edges count.
  const std::vector<PlanNode*>& of(const PlanNode* n) const;
  // Is it fetched, or a target?
  bool kept(const PlanNode* n) const { return kept_.contains(n); }

 private:
  std::unordered_map<const PlanNode*, std::vector<PlanNode*>> users_;
  std::unordered_set<const PlanNode*> kept_;
};

// Computed on the CPU, of attribute T = float, and waiting for nothing but its inputs.
bool IsFreeFloatNode(const PlanNode& n);
// A reference that is read where it is an input.
bool IsRefEdge(const PlanEdge& e);
// Does it take or give a reference?
bool HasRefs(const PlanNode& n);
// Is one of its inputs a reference?
bool ReadsRefs(const PlanNode& n);

// Makes a node a constant: it keeps its name, place and control inputs.
void MakeConstant(PlanNode* n, Array value);
// A float constant of zeros that waits for nothing.
bool IsConstantZero(const PlanEdge& e);

// A free float MatMul of an untransposed matrix that is no reference.
bool IsProductOfRows(const PlanNode& n, bool transpose_b);

// The value of a constant of int32 or int64; null if it isn't one, or waits for something.
const Array* ConstantIntegers(const PlanEdge& e);
int64_t IntegerAt(const Array& a, int64_t i);

// What shape inference knows of it; null for what a pass made. Fed values fit it.
const PartialShape* StaticShapeOf(const PlanEdge& e);

// The static numbers of rows and columns of a matrix; -1: unknown.
struct Extent {
  int64_t rows = -1, columns = -1;
};
Extent ExtentOf(const PlanEdge& e);

// A concatenation of matrices' columns, by a node that is free.
bool IsConcatOfColumns(const PlanNode& n);

// A Slice of all rows of `whole` and known columns.
struct ColumnSlice {
  PlanNode* slice = nullptr;
  int64_t column = 0, width = -1;  // -1: unknown
};
// `whole`: its static sizes. False if it is something else, or its sizes are no constants.
bool ReadColumnSlice(PlanNode* slice, const PlanEdge& whole, const Extent& extent,
                     ColumnSlice* result);

// The number of the row that a StridedSlice, or the gradient of one, takes of a value of so many:
// x[i]. `first`: which input says where to begin. Nothing if it takes something else.
std::optional<int64_t> RowTaken(const PlanNode& slice, size_t first, int64_t rows);

// Does it do something (an update, an assertion) besides giving its outputs? Reading a variable is
// none of that, nor is making a handle.
bool HasEffect(const PlanNode& n);
// Must something with an effect have happened before it, as its control inputs say?
bool WaitsForEffects(const PlanNode& n);

// Of a handle or a reference variable: nodes of one name stand for one variable.
std::string VariableNameOf(const PlanNode& variable);

// Whoever reads the only output of `n` reads `value`. A node that is kept becomes an Identity.
void ReadInstead(PlanGraph* graph, const PlanUsers& users, PlanNode* n, const PlanEdge& value);

}  // namespace weft
