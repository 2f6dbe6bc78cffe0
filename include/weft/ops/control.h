// SPDX-License-Identifier: Apache-2.0
// Order among ops, and the nodes that branches are made of. Programs want wf::Cond and
// wf::WhileLoop; these are for graphs built by hand.
//
//   auto [no, yes] = wf::Switch(x, pred);
//   Tensor y = wf::Merge({wf::Neg(no), wf::Square(yes)}).output;   // pred ? x * x : -x
//
// A dead tensor is one whose branch was not taken: whatever reads it is not computed and is dead
// itself, up to a Merge. Fetching a dead tensor is an InvalidArgumentError.
#pragma once

#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

// Does nothing; ops that run before it are its control inputs (wf::ControlDependencies).
Operation NoOp(const NameOptions& options = {});

struct Branches {
  Tensor output_false;
  Tensor output_true;
};
// Sends `data` to one of two outputs by the boolean scalar `pred`; the other one is dead. A
// reference stays one (RefSwitch).
Branches Switch(const Input& data, const Input& pred, const NameOptions& options = {});

struct Merged {
  Tensor output;
  Tensor value_index;  // int32: which input it was
};
// The one of `inputs` that is not dead. They have one dtype; what their shapes agree on is the
// output's shape.
Merged Merge(const std::vector<Input>& inputs, const NameOptions& options = {});

// As NoOp, but runs even if some of its control inputs are dead.
Operation ControlTrigger(const NameOptions& options = {});

struct AbortOptions {
  std::string error_msg = {};
  // Leaves with exit code 0 instead of by abort().
  bool exit_without_error = false;
  std::string name = {};
};
// Ends the process when it runs.
Operation Abort(const AbortOptions& options = {});

// ---- Order among ops without data between them --------------------------------------------------

// An op that is done when all `ops` are. Ops of one device are gathered there first, as tf.group
// does.
Operation Group(const std::vector<Operation>& ops, const NameOptions& name = {});

// The same tensors, each available only when all of them have been computed. Invalid ones stay
// invalid.
std::vector<Tensor> Tuple(const std::vector<Tensor>& tensors, const NameOptions& name = {},
                          const std::vector<Operation>& control_inputs = {});

// `t`, available only when all `ops` are done.
Tensor WithDependencies(const std::vector<Operation>& ops, const Tensor& t,
                        const NameOptions& name = {});

}  // namespace weft
