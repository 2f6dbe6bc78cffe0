// SPDX-License-Identifier: Apache-2.0
// StaticRnn and what is built of it, with TensorFlow's order of nodes.
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
#include "weft/ops/logical.h"
#include "weft/ops/reduction.h"

namespace weft::nn {
namespace {

using rnn_cell::CellResult;
using rnn_cell::RNNCell;

std::vector<Tensor> TensorsOf(const char* function, const std::vector<Input>& inputs) {
  if (inputs.empty())
    ThrowError(Code::kInvalidArgument, StrCat(function, ": inputs must not be empty"));
  std::vector<Tensor> tensors;
  for (const Input& in : inputs) tensors.push_back(AsTensor(in, kInvalidType, "inputs"));
  return tensors;
}

// The static batch size, which all inputs agree on; -1 if none tells it. Inputs of rank 1 (class
// numbers, for EmbeddingWrapper) are let through.
int64_t CheckInputs(const std::vector<Tensor>& inputs) {
  int64_t batch = kUnknownDim;
  const bool vectors = inputs[0].shape().known_rank() && inputs[0].shape().rank() == 1;
  for (const Tensor& x : inputs) {
    const PartialShape& shape = x.shape();
    if (!shape.known_rank() || shape.rank() < (vectors ? 1 : 2)) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("StaticRnn: inputs must be of rank 2 at least, [batch, size]; '", x.name(),
                        "' is of shape ", shape.ToString()));
    }
    for (int d = 1; d < shape.rank(); ++d) {
      if (shape.dim(d) >= 0) continue;
      ThrowError(Code::kInvalidArgument,
                 StrCat("StaticRnn: Input size (dimension ", d - 1, " of input '", x.name(),
                        "') must be accessible via shape inference, but saw value None."));
    }
    if (batch >= 0 && shape.dim(0) >= 0 && shape.dim(0) != batch) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("StaticRnn: inputs have batch sizes ", batch, " and ", shape.dim(0)));
    }
    if (batch < 0) batch = shape.dim(0);
  }
  return inputs[0].shape().dim(0) >= 0 ? batch : kUnknownDim;
}

// Sequences that end early, where the number of a step is known.
struct Lengths {
  Tensor zero_output, lengths, least, greatest;

  // Nothing after the longest sequence; everything before the shortest one ends; rows between.
  CellResult Step(int32_t time, const RnnState& state,
                  const std::function<CellResult()>& call) const {
    const Tensor over = LessEqual(lengths, time);
    const Tensor none_left = LessEqual(greatest, time);
    const auto flat = [](const CellResult& r) {
      std::vector<Tensor> all = {r.output};
      for (const Tensor& t : r.state.Flatten()) all.push_back(t);
      return all;
    };
    const std::vector<Tensor> all = Cond(
        none_left,
        [&] {
          return flat({zero_output, state});
        },
        [&] {
          const CellResult computed = call();
          if (!computed.state.SameStructure(state)) {
            ThrowError(Code::kInvalidArgument,
                       "StaticRnn: the cell returns a state of another structure than it takes");
          }
          const Tensor all_last = Greater(least, time);
          return Cond(
              all_last, [&] { return flat(computed); },
              [&] { return flat(CopyThrough(over, zero_output, state, computed)); });
        });
    all[0].set_shape(zero_output.shape());
    const std::vector<Tensor> before = state.Flatten();
    for (size_t i = 0; i < before.size(); ++i) all[i + 1].set_shape(before[i].shape());
    return {all[0], state.Pack(std::vector<Tensor>(all.begin() + 1, all.end()))};
  }
};

Lengths MakeLengths(const RNNCell& cell, const Input& given, const Input& batch_size,
                    int64_t static_batch, DataType dtype) {
  Lengths l;
  const Tensor lengths = AsTensor(given, kInvalidType, "sequence_length");
  if (lengths.shape().known_rank() && lengths.shape().rank() != 1) {
    ThrowError(Code::kInvalidArgument,
               StrCat("StaticRnn: sequence_length must be a vector of length batch_size, not of "
                      "shape ",
                      lengths.shape().ToString()));
  }
  const Shape size({cell.output_size()});
  const Tensor sizes = rnn_cell::WithBatch(batch_size, size);
  l.zero_output = Zeros(sizes, dtype);
  const Input known =
      static_batch >= 0 ? Input(static_cast<int32_t>(static_batch)) : Input(Tensor());
  l.zero_output.set_shape(rnn_cell::StaticWithBatch(known, size));
  l.lengths = weft::internal::CastUnlessSame(lengths, kInt32);
  l.least = ReduceMin(l.lengths);
  l.greatest = ReduceMax(l.lengths);
  return l;
}

StaticRnnResult Unroll(const RNNCell& cell, const std::vector<Tensor>& inputs,
                       const StaticRnnOptions& options, VariableScope* scope) {
  const int64_t static_batch = CheckInputs(inputs);
  const Input batch_size = static_batch > 0 ? Input(static_cast<int32_t>(static_batch))
                                            : Input(At(ShapeOf(inputs[0]), {0}));
  StaticRnnResult result;
  result.state = InitialState("StaticRnn", cell, options.initial_state, batch_size, options.dtype);
  std::optional<Lengths> lengths;
  if (options.sequence_length) {
    lengths = MakeLengths(cell, *options.sequence_length, batch_size, static_batch,
                          StateDtype(options.dtype, result.state));
  }
  for (size_t t = 0; t < inputs.size(); ++t) {
    if (t > 0) scope->ReuseVariables();
    const RnnState before = result.state;
    const auto call = [&] { return cell(inputs[t], before); };
    CellResult step = lengths ? lengths->Step(static_cast<int32_t>(t), before, call) : call();
    result.outputs.push_back(step.output);
    result.state = std::move(step.state);
  }
  return result;
}

// From the last to the first; those that end early, within their length.
std::vector<Tensor> Reversed(const std::vector<Tensor>& steps,
                             const std::optional<Input>& lengths) {
  if (!lengths) return {steps.rbegin(), steps.rend()};
  PartialShape shape = steps[0].shape();
  for (const Tensor& t : steps) {
    PartialShape merged;
    if (!PartialShape::Merge(shape, t.shape(), &merged)) {
      ThrowError(Code::kInvalidArgument, StrCat("inputs of shapes ", shape.ToString(), " and ",
                                                t.shape().ToString(), " can't be reversed"));
    }
    shape = merged;
  }
  const Tensor joined = Stack({steps.begin(), steps.end()});
  const Tensor reversed = ReverseSequence(joined, *lengths, {.seq_axis = 0, .batch_axis = 1});
  std::vector<Tensor> result = Unstack(reversed);
  for (const Tensor& t : result) t.set_shape(shape);
  return result;
}

}  // namespace

StaticRnnResult StaticRnn(const RNNCell& cell, const std::vector<Input>& inputs,
                          const StaticRnnOptions& options) {
  const std::vector<Tensor> steps = TensorsOf("StaticRnn", inputs);
  const Graph graph = steps[0].graph();
  const GraphScope use(graph);
  VariableScope scope(options.scope.empty() ? "rnn" : options.scope, {}, graph);
  ReadVariablesHere(scope.scope(), graph);
  return Unroll(cell, steps, options, &scope);
}

StaticRnnResult StaticRnnIn(const VarScope& scope, const RNNCell& cell,
                            const std::vector<Tensor>& inputs, const StaticRnnOptions& options) {
  VariableScope inside(scope, {}, inputs[0].graph());
  ReadVariablesHere(inside.scope(), inputs[0].graph());
  return Unroll(cell, inputs, options, &inside);
}

StaticRnnResult StaticStateSavingRnn(const RNNCell& cell, const std::vector<Input>& inputs,
                                     StateSaver& state_saver, const Nest<std::string>& state_name,
                                     const StateSavingRnnOptions& options) {
  if (!state_name.SameStructure(cell.state_size())) {
    ThrowError(Code::kInvalidArgument,
               "StaticStateSavingRnn: state_name must be of the same structure as the cell's "
               "state_size");
  }
  const std::vector<std::string> names = state_name.Flatten();
  std::vector<Tensor> initial;
  for (const std::string& name : names) initial.push_back(state_saver.State(name));
  StaticRnnOptions unroll;
  unroll.initial_state = state_name.Pack(initial);
  unroll.sequence_length = options.sequence_length;
  unroll.scope = options.scope;
  StaticRnnResult result = StaticRnn(cell, inputs, unroll);
  std::vector<Tensor> finals = result.state.Flatten();
  std::vector<Operation> saves;
  for (size_t i = 0; i < names.size(); ++i)
    saves.push_back(state_saver.SaveState(names[i], finals[i]));
  const ControlDependencies after(saves, result.outputs.back().graph());
  result.outputs.back() = Identity(result.outputs.back());
  for (Tensor& t : finals) t = Identity(t);
  result.state = result.state.Pack(finals);
  return result;
}

StaticBidirectionalRnnResult StaticBidirectionalRnn(const RNNCell& cell_fw, const RNNCell& cell_bw,
                                                    const std::vector<Input>& inputs,
                                                    const BidirectionalRnnOptions& options) {
  const std::vector<Tensor> steps = TensorsOf("StaticBidirectionalRnn", inputs);
  const Graph graph = steps[0].graph();
  const GraphScope use(graph);
  StaticRnnOptions each;
  each.dtype = options.dtype;
  each.sequence_length = options.sequence_length;
  StaticRnnResult forward, backward;
  {
    const VariableScope scope(options.scope.empty() ? "bidirectional_rnn" : options.scope, {},
                              graph);
    {
      const VariableScope fw("fw", {}, graph);
      each.initial_state = options.initial_state_fw;
      forward = StaticRnnIn(fw.scope(), cell_fw, steps, each);
    }
    {
      const VariableScope bw("bw", {}, graph);
      const std::vector<Tensor> reversed = Reversed(steps, options.sequence_length);
      each.initial_state = options.initial_state_bw;
      backward = StaticRnnIn(bw.scope(), cell_bw, reversed, each);
    }
  }
  const std::vector<Tensor> backwards = Reversed(backward.outputs, options.sequence_length);
  StaticBidirectionalRnnResult result;
  for (size_t t = 0; t < steps.size(); ++t)
    result.outputs.push_back(Concat({forward.outputs[t], backwards[t]}, 1));
  result.state_fw = std::move(forward.state);
  result.state_bw = std::move(backward.state);
  return result;
}

}  // namespace weft::nn
