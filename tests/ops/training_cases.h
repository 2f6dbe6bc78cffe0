// SPDX-License-Identifier: Apache-2.0
// The formulas of training ops once more, for one number in double precision, and means to run the
// ops on given values.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tests/support/op_case.h"
#include "weft/runtime/session.h"

namespace weft {

// One op without "Apply" and its forms, with hyperparameters to test it with.
struct TrainingCase {
  // x[0] is the variable, x[1..] are the slots.
  using Formula =
      std::function<void(double* x, double g, const std::vector<double>& h, bool option)>;

  std::string name;
  int slots = 0;
  int before = 0;  // so many scalars come before the gradient
  std::vector<double> h = {};
  std::string option = {};  // bool attribute
  bool by_reference = true;
  bool has_sparse = true;
  Formula formula = {};
};
const std::vector<TrainingCase>& TrainingCases();
const TrainingCase& TrainingCaseOf(const std::string& name);

// Numbers in [low, high) that depend on the seed alone.
Array RandomArray(DataType dtype, const Shape& shape, double low, double high, uint64_t seed);

// The inputs of one step and what the variables hold after it, by the formula.
struct TrainingStep {
  std::vector<Array> inputs;
  std::vector<Array> after;
  AttrMap attrs;
};
TrainingStep MakeStep(const TrainingCase& c, DataType dtype, const Shape& shape, bool option);
// `indices` int32 or int64.
TrainingStep MakeSparseStep(const TrainingCase& c, DataType dtype, const Shape& shape,
                            const Array& indices, bool option);

// What the variables of an op hold after one run of it, in a session of its own. No static shape is
// known: values for variables are assigned, others are fed.
struct TrainingOutcome {
  absl::Status status;
  std::vector<Array> variables;
};
TrainingOutcome RunTrainingOp(const std::string& op, const std::vector<Array>& inputs,
                              const AttrMap& attrs = {}, int threads = 1);

}  // namespace weft
