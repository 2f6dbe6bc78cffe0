// SPDX-License-Identifier: Apache-2.0
// Finding out where a program goes wrong, and what it is made of.
//
//   wf::debug::CheckNumerics();            // once, when the graph is complete
//   session.Run(train_op);
//   // InvalidArgumentError: Log 'loss/Log' made Inf from finite inputs.
//   //   output 0 'loss/Log:0': float32 [100,10], 0 NaN, 0 +Inf, 3 -Inf of 1000 elements, the
//   //   first at [7,2]; finite ones from -16.1 to -0.001
//   //   input 0 'softmax:0': float32 [100,10], all finite, min 0.0, max 0.999
//   std::cout << wf::debug::Summary();     // a table of the variables
#pragma once

#include <string>
#include <vector>

#include "weft/graph/graph.h"
#include "weft/graph/tensor.h"

namespace weft {

// tf.add_check_numerics_ops: adds a CheckNumerics for each float16, float32 and float64 output that
// the default graph has so far, each after the one before, and returns the group of them: run it
// beside a fetch. InvalidArgumentError for a graph with such outputs inside a conditional or a
// loop. The names are TensorFlow's (CheckNumerics, CheckNumerics_1, ...). debug::CheckNumerics
// tells more, and works everywhere.
Operation AddCheckNumericsOps();

namespace debug {

struct CheckNumericsOptions {
  // Only ops whose name begins with one of these ("layer1/"); all if empty.
  std::vector<std::string> scopes = {};
  // Not these op types, or ops of these names: where Inf belongs to the program, as in a mask.
  std::vector<std::string> except = {};
  bool nan = true, inf = true;  // what is looked for
};

// From now on every op of the graph with floating-point or complex outputs is checked each time it
// has run, in all Sessions. The first one, in the order of execution, whose output holds NaN or Inf
// ends the run with InvalidArgumentError, whose text names it, its type and its inputs, with their
// shapes, the range of their values and whether they were finite. The op's error carries its name
// and type (Error::op_name).
//
// Ops run one by one as they stand in the graph: nothing is folded or fused, and no buffer is taken
// over from an input. Ops that are added later are not checked; calling again checks them too.
// Constants and fed values are not checked themselves. Returns the number of ops that are checked
// now and were not before. The marks are attributes of the nodes ("_check_numerics"), which a
// GraphDef of the graph keeps.
int CheckNumerics(const Graph& graph = Graph::Default(), const CheckNumericsOptions& options = {});
// Only what these tensors are computed from.
int CheckNumerics(const std::vector<Tensor>& fetches, const CheckNumericsOptions& options = {});
// Ends all checks of the graph.
void StopCheckingNumerics(const Graph& graph = Graph::Default());

struct SummaryOptions {
  bool only_trainable = false;
  // Of scopes that lie this deep only the sum is shown: with 1 that of each outermost scope, with 0
  // nothing but the totals; -1: all variables.
  int max_depth = -1;
};

// The variables of a graph as a table: by name scope, in the order in which they were made, with
// shape, dtype, number of elements, bytes and whether they are trainable; sums for each scope and
// for the whole. A shape that is not fully known shows "?" and counts nothing. For graphs that were
// imported too: variables are found by their ops; trainable are those of the collection
// GraphKeys::kTrainableVariables.
//
//   name         shape       dtype    elements     bytes  trainable
//   global_step  ()          int64           1       8 B  no
//   layer1/                            392,500  1.50 MiB
//     weights    (784, 500)  float32   392,000  1.50 MiB  yes
//     biases     (500,)      float32       500  1.95 KiB  yes
//   total                              392,501  1.50 MiB
//   trainable                          392,500  1.50 MiB
std::string Summary(const Graph& graph = Graph::Default(), const SummaryOptions& options = {});

}  // namespace debug
}  // namespace weft
