// SPDX-License-Identifier: Apache-2.0
// DynamicRnn and what is built of it. Nodes are added in the order in which TensorFlow's
// dynamic_rnn adds them, so that their names are the same.
#include <algorithm>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/nn/rnn_layer_cell.h"
#include "src/nn/rnn_steps.h"
#include "src/ops/operators.h"
#include "weft/graph/graph.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/control_flow.h"
#include "weft/ops/logging.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/reduction.h"

namespace weft::nn {
namespace {

using rnn_cell::CellResult;
using rnn_cell::RNNCell;

// [batch, time, ...] <-> [time, batch, ...].
Tensor TransposeBatchTime(const Tensor& x) {
  const PartialShape& shape = x.shape();
  if (shape.known_rank() && shape.rank() < 2) return x;
  const Tensor rank = Rank(x);
  const Tensor rest = Range(2, rank);
  const Tensor order = Concat({Array({1, 0}), rest}, 0);
  const Tensor y = Transpose(x, order);
  if (!shape.known_rank()) return y;
  PartialShape swapped = shape;
  swapped.set_dim(0, shape.dim(1));
  swapped.set_dim(1, shape.dim(0));
  y.set_shape(swapped);
  return y;
}

// Of inputs [time, batch, ...]: a number if it is known.
Input BatchSizeOf(const Tensor& inputs) {
  const PartialShape& shape = inputs.shape();
  if (shape.known_rank() && shape.dim(1) >= 0) return static_cast<int32_t>(shape.dim(1));
  return At(ShapeOf(inputs), {1});
}

void CheckInputs(const Tensor& inputs) {
  const PartialShape& shape = inputs.shape();
  if (!shape.known_rank() || shape.rank() < 3) {
    ThrowError(Code::kInvalidArgument,
               StrCat("DynamicRnn: inputs must be of rank 3 at least, [batch, time, size] (or "
                      "[time, batch, size]); '",
                      inputs.name(), "' is of shape ", shape.ToString()));
  }
  for (int d = 2; d < shape.rank(); ++d) {
    if (shape.dim(d) >= 0) continue;
    ThrowError(Code::kInvalidArgument,
               StrCat("DynamicRnn: Input size (depth of inputs) must be accessible via shape "
                      "inference, but saw value None for input '",
                      inputs.name(), "' of shape ", shape.ToString()));
  }
}

// int32 lengths, which fail a run if they are not as many as the batch has rows.
Tensor CheckedLengths(const Tensor& lengths, const Input& batch_size) {
  const Tensor found = ShapeOf(lengths);
  const Tensor wanted =
      batch_size.is_tensor()
          ? Stack({batch_size})
          : Constant(Array({static_cast<int32_t>(rnn_cell::StaticSize(batch_size))}), "stack");
  const Tensor equal = Equal(found, wanted);
  const Tensor all = ReduceAll(equal);
  const Operation check = Assert(all, {StrCat("Expected shape for Tensor ", lengths.name(), " is "),
                                       wanted, " but saw shape: ", found});
  const ControlDependencies after({check});
  return Identity(lengths, "CheckSeqLen");
}

Tensor LengthsOf(const Input& given) {
  const Tensor lengths = AsTensor(given, kInt32, "sequence_length");
  if (lengths.shape().known_rank() && lengths.shape().rank() != 1) {
    ThrowError(Code::kInvalidArgument,
               StrCat("DynamicRnn: sequence_length must be a vector of length batch_size, not of "
                      "shape ",
                      lengths.shape().ToString()));
  }
  return Identity(weft::internal::CastUnlessSame(lengths, kInt32), "sequence_length");
}

struct Loop {
  const RNNCell& cell;
  const DynamicRnnOptions& options;
  Tensor inputs;  // [time, batch, ...]
  RnnState state;
  Tensor lengths;  // int32 [batch]; invalid: all sequences are as long as the inputs

  DynamicRnnResult Build() {
    const DataType dtype = StateDtype(options.dtype, state);
    const PartialShape& shape = inputs.shape();
    const Tensor sizes = ShapeOf(inputs);
    const Tensor time_steps = At(sizes, {0});
    const Input batch_size = BatchSizeOf(inputs);
    CheckInputs(inputs);
    const Shape output_size({cell.output_size()});
    const Tensor zero_sizes = rnn_cell::WithBatch(batch_size, output_size);
    const Tensor zero_output = Zeros(zero_sizes, dtype);
    Tensor longest = time_steps;
    if (lengths.valid()) {
      ReduceMin(lengths);
      longest = ReduceMax(lengths);
    }
    const Tensor time = Constant(Array(int32_t{0}), "time");
    std::string base_name;
    {
      const NameScope scope("dynamic_rnn", inputs.graph());
      base_name = scope.name();
    }
    const PartialShape element =
        PartialShape::Vector(shape.dim(1)).Concatenate(PartialShape(output_size));
    TensorArrayOptions array;
    array.tensor_array_name = base_name + "output_0";
    array.element_shape = element;
    const TensorArray outputs(dtype, time_steps, array);
    array.tensor_array_name = base_name + "input_0";
    array.element_shape = PartialShape(shape.dims().subspan(1));
    const TensorArray steps =
        TensorArray(RemoveRef(inputs.dtype()), time_steps, array).Unstack(inputs);
    const Tensor at_least_one = Maximum(1, longest);
    const Tensor bound = Minimum(time_steps, at_least_one);

    std::vector<Input> variables = {time, outputs.flow()};
    for (const Tensor& t : state.Flatten()) variables.emplace_back(t);
    WhileOptions loop;
    loop.parallel_iterations = options.parallel_iterations;
    loop.swap_memory = options.swap_memory;
    loop.maximum_iterations = time_steps;
    const std::vector<Tensor> finals =
        WhileLoop([&](const std::vector<Tensor>& v) { return Less(v[0], bound); },
                  [&](const std::vector<Tensor>& v) {
                    const RnnState now = state.Pack(std::vector<Tensor>(v.begin() + 2, v.end()));
                    const Tensor x = steps.Read(v[0]);
                    const CellResult next = Step(v[0], x, now, zero_output);
                    const TensorArray written = outputs.WithFlow(v[1]).Write(v[0], next.output);
                    std::vector<Tensor> results = {weft::internal::Plus(v[0], 1), written.flow()};
                    for (const Tensor& t : next.state.Flatten()) results.push_back(t);
                    return results;
                  },
                  variables, loop);

    DynamicRnnResult result;
    result.outputs = outputs.WithFlow(finals[1]).Stack();
    result.outputs.set_shape(FinalShape(shape, output_size));
    result.state = state.Pack(std::vector<Tensor>(finals.begin() + 2, finals.end()));
    return result;
  }

 private:
  CellResult Step(const Tensor& time, const Tensor& x, const RnnState& now,
                  const Tensor& zero_output) const {
    if (!lengths.valid()) return Checked(cell(x, now), now);
    const Tensor over = GreaterEqual(time, lengths);
    const CellResult computed = Checked(cell(x, now), now);
    const CellResult chosen = CopyThrough(over, zero_output, now, computed);
    chosen.output.set_shape(zero_output.shape());
    const std::vector<Tensor> before = now.Flatten(), after = chosen.state.Flatten();
    for (size_t i = 0; i < before.size(); ++i) after[i].set_shape(before[i].shape());
    return chosen;
  }

  static CellResult Checked(CellResult result, const RnnState& now) {
    if (result.state.SameStructure(now)) return result;
    ThrowError(Code::kInvalidArgument,
               "DynamicRnn: the cell returns a state of another structure than it takes");
  }

  // Python's code makes constants of the sizes on the way.
  static PartialShape FinalShape(const PartialShape& inputs, const Shape& output_size) {
    std::vector<int32_t> known;
    for (int d = 0; d < 2; ++d) known.push_back(static_cast<int32_t>(inputs.dim(d)));
    if (known[0] >= 0 && known[1] >= 0) Constant(Array::FromVector(known));
    Constant(Array({static_cast<int32_t>(output_size.dim(0))}));
    return PartialShape({inputs.dim(0), inputs.dim(1), output_size.dim(0)});
  }
};

DynamicRnnResult Unroll(const RNNCell& cell, const Tensor& given,
                        const DynamicRnnOptions& options) {
  const PartialShape& shape = given.shape();
  if (shape.known_rank() && shape.rank() < 2) {
    ThrowError(Code::kInvalidArgument, StrCat("DynamicRnn: Input tensor should have rank >= 2. '",
                                              given.name(), "' is of shape ", shape.ToString()));
  }
  const Tensor x = options.time_major ? given : TransposeBatchTime(given);
  Loop loop{cell, options, x, {}, {}};
  if (options.sequence_length) loop.lengths = LengthsOf(*options.sequence_length);
  const Input batch_size = BatchSizeOf(x);
  loop.state = InitialState("DynamicRnn", cell, options.initial_state, batch_size, options.dtype);
  if (loop.lengths.valid()) loop.lengths = CheckedLengths(loop.lengths, batch_size);
  DynamicRnnResult result = loop.Build();
  if (!options.time_major) result.outputs = TransposeBatchTime(result.outputs);
  return result;
}

}  // namespace

DynamicRnnResult DynamicRnn(const RNNCell& cell, const Input& inputs,
                            const DynamicRnnOptions& options) {
  const Tensor x = AsTensor(inputs, kInvalidType, "inputs");
  const Graph graph = x.graph();
  const GraphScope use(graph);
  const VariableScope scope(options.scope.empty() ? "rnn" : options.scope, {}, graph);
  ReadVariablesHere(scope.scope(), graph);
  return Unroll(cell, x, options);
}

DynamicRnnResult DynamicRnnIn(const VarScope& scope, const RNNCell& cell, const Tensor& inputs,
                              const DynamicRnnOptions& options) {
  const VariableScope inside(scope, {}, inputs.graph());
  ReadVariablesHere(inside.scope(), inputs.graph());
  return Unroll(cell, inputs, options);
}

BidirectionalDynamicRnnResult BidirectionalDynamicRnn(const RNNCell& cell_fw,
                                                      const RNNCell& cell_bw, const Input& inputs,
                                                      const BidirectionalRnnOptions& options) {
  const Tensor x = AsTensor(inputs, kInvalidType, "inputs");
  const Graph graph = x.graph();
  const GraphScope use(graph);
  DynamicRnnOptions each;
  each.sequence_length = options.sequence_length;
  each.dtype = options.dtype;
  each.parallel_iterations = options.parallel_iterations;
  each.swap_memory = options.swap_memory;
  each.time_major = options.time_major;
  const int time_axis = options.time_major ? 0 : 1;
  const auto reverse = [&](const Tensor& t) {
    if (!options.sequence_length) return Reverse(t, {time_axis});
    return ReverseSequence(t, *options.sequence_length,
                           {.seq_axis = time_axis, .batch_axis = 1 - time_axis});
  };
  BidirectionalDynamicRnnResult result;
  Tensor backwards;
  {
    const VariableScope scope(options.scope.empty() ? "bidirectional_rnn" : options.scope, {},
                              graph);
    {
      const VariableScope fw("fw", {}, graph);
      each.initial_state = options.initial_state_fw;
      DynamicRnnResult forward = DynamicRnnIn(fw.scope(), cell_fw, x, each);
      result.output_fw = forward.outputs;
      result.state_fw = std::move(forward.state);
    }
    {
      const VariableScope bw("bw", {}, graph);
      const Tensor reversed = reverse(x);
      each.initial_state = options.initial_state_bw;
      DynamicRnnResult backward = DynamicRnnIn(bw.scope(), cell_bw, reversed, each);
      backwards = backward.outputs;
      result.state_bw = std::move(backward.state);
    }
  }
  result.output_bw = reverse(backwards);
  return result;
}

}  // namespace weft::nn
