// SPDX-License-Identifier: Apache-2.0
// Conditionals and loops (tf.cond, tf.case, tf.while_loop of TensorFlow 1).
//
//   Tensor y = wf::Cond(wf::Less(x, 0.f), [&] { return wf::Neg(x); }, [&] { return wf::Sqrt(x); });
//
//   std::vector<Tensor> r = wf::WhileLoop(
//       [&](const std::vector<Tensor>& v) { return wf::Less(v[0], n); },
//       [&](const std::vector<Tensor>& v) {
//         return std::vector<Tensor>{v[0] + 1, wf::MatMul(v[1], w)};
//       },
//       {0, x});
//
// The functions are called once, when the graph is built; the nodes that they add run if their
// branch is taken, or once in each iteration. They may use any tensor of the graph. What is to
// happen in the branch or the body must be made inside: an op that was made before runs in any
// case.
//
// Gradients flow through all of them. A loop keeps for its gradient what the body has computed in
// each iteration, so its memory grows with their number. Structured loops (all that are built here)
// run without allocating anything but what their kernels allocate.
//
// Mistakes throw InvalidArgumentError: functions that return different numbers or dtypes of
// tensors, a body whose results have other shapes than the loop variables.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weft/core/shape.h"
#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

// What true_fn returns where the boolean scalar `pred` is true, else what false_fn returns. Both
// give as many tensors, of the same dtypes; shapes may differ.
std::vector<Tensor> Cond(const Input& pred, const std::function<std::vector<Tensor>()>& true_fn,
                         const std::function<std::vector<Tensor>()>& false_fn,
                         const NameOptions& options = {});
Tensor Cond(const Input& pred, const std::function<Input()>& true_fn,
            const std::function<Input()>& false_fn, const NameOptions& options = {});
// For what the branches do; the op has run when the branch's op has.
Operation Cond(const Input& pred, const std::function<Operation()>& true_fn,
               const std::function<Operation()>& false_fn, const NameOptions& options = {});

using Branch = std::function<std::vector<Tensor>()>;
struct CaseOptions {
  Branch default_fn = {};  // if no predicate holds; without it a run then fails
  bool exclusive = false;  // a run fails if several predicates hold
  std::string name = {};
};
// What the first function whose predicate holds returns.
std::vector<Tensor> Case(const std::vector<std::pair<Tensor, Branch>>& pairs,
                         const CaseOptions& options = {});

struct WhileOptions {
  // By loop variable: the static shape that it keeps over all iterations; by default the one that
  // it begins with. Sizes of -1 may change.
  std::vector<PartialShape> shape_invariants = {};
  int parallel_iterations = 10;  // kept with the graph
  bool back_prop = true;         // false: no gradient flows
  bool swap_memory = false;      // kept with the graph
  std::optional<Input> maximum_iterations = {};
  std::string name = {};
};
// body(body(... loop_vars)) as long as `cond`, a boolean scalar, holds; the final loop variables.
std::vector<Tensor> WhileLoop(
    const std::function<Tensor(const std::vector<Tensor>&)>& cond,
    const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& body,
    const std::vector<Input>& loop_vars, const WhileOptions& options = {});
// With one variable.
Tensor WhileLoop(const std::function<Tensor(Tensor)>& cond,
                 const std::function<Input(Tensor)>& body, const Input& loop_var,
                 const WhileOptions& options = {});

}  // namespace weft
