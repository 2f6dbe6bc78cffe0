// SPDX-License-Identifier: Apache-2.0
// RawRnn and stacks of bidirectional networks.
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

// Parts of the list of loop variables.
std::vector<Tensor> Take(const std::vector<Tensor>& v, size_t* at, size_t n) {
  const auto first = v.begin() + static_cast<std::ptrdiff_t>(*at);
  *at += n;
  return {first, first + static_cast<std::ptrdiff_t>(n)};
}

void CheckStructure(bool same, const char* what) {
  if (!same)
    ThrowError(Code::kInvalidArgument,
               StrCat("RawRnn: ", what, " must be of the same structure in all steps"));
}

// What is emitted in a step: by loop_fn's example, or the cell's output.
struct Emitted {
  RnnState structure;  // leaves are not looked at
  std::vector<TensorArray> arrays;
  std::vector<Tensor> zeros;
};

Emitted MakeEmitted(const RNNCell& cell, const RawRnnStep& first, const RnnState& state,
                    int64_t static_batch, const Input& batch_size) {
  std::vector<Shape> shapes;
  std::vector<DataType> dtypes;
  Emitted e;
  e.structure = first.emit_output.none() ? RnnState(Tensor()) : first.emit_output;
  if (first.emit_output.none()) {
    shapes.push_back(Shape({cell.output_size()}));
    dtypes.push_back(RemoveRef(state.Flatten().at(0).dtype()));
  }
  for (const Tensor& t : first.emit_output.Flatten()) {
    if (!t.shape().IsFullyKnown()) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("RawRnn: emit_output of the first call must have static shapes; '",
                        t.name(), "' is of shape ", t.shape().ToString()));
    }
    shapes.push_back(t.shape().ToShape());
    dtypes.push_back(RemoveRef(t.dtype()));
  }
  for (size_t i = 0; i < shapes.size(); ++i) {
    TensorArrayOptions options;
    options.dynamic_size = true;
    options.element_shape = PartialShape::Vector(static_batch).Concatenate(PartialShape(shapes[i]));
    options.name = StrCat("rnn_output_", i);
    e.arrays.emplace_back(dtypes[i], 0, options);
  }
  for (size_t i = 0; i < shapes.size(); ++i) {
    const Tensor sizes = rnn_cell::WithBatch(batch_size, shapes[i]);
    e.zeros.push_back(Zeros(sizes, dtypes[i]));
  }
  return e;
}

std::vector<Tensor> ChooseAll(const Tensor& over, const std::vector<Tensor>& now,
                              const std::vector<Tensor>& next) {
  std::vector<Tensor> chosen;
  for (size_t i = 0; i < now.size(); ++i) chosen.push_back(ChooseRows(over, now[i], next[i]));
  return chosen;
}

}  // namespace

RawRnnResult RawRnn(const RNNCell& cell, const RawRnnFn& loop_fn, const RawRnnOptions& options) {
  const Graph graph = Graph::Default();
  const VariableScope scope(options.scope.empty() ? "rnn" : options.scope, {}, graph);
  ReadVariablesHere(scope.scope(), graph);
  const Tensor time = Constant(Array(int32_t{0}));
  const RawRnnStep first = loop_fn(time, Tensor(), RnnState(), RnnState());
  if (!first.next_input.valid() || !first.elements_finished.valid()) {
    ThrowError(Code::kInvalidArgument,
               "RawRnn: the first call must give next_input and elements_finished");
  }
  const PartialShape& shape = first.next_input.shape();
  const int64_t static_batch = shape.known_rank() && shape.rank() > 0 ? shape.dim(0) : kUnknownDim;
  // Where nothing goes round, a number does.
  const RnnState loop_state =
      first.next_loop_state.none() ? RnnState(Constant(Array(int32_t{0}))) : first.next_loop_state;
  const Input batch_size = static_batch >= 0 ? Input(static_cast<int32_t>(static_batch))
                                             : Input(At(ShapeOf(first.next_input), {0}));
  const RnnState& state = first.next_cell_state;
  CheckStructure(state.SameStructure(cell.state_size()),
                 "next_cell_state of the first call and the cell's state_size");
  const Emitted emitted = MakeEmitted(cell, first, state, static_batch, batch_size);
  const size_t num_emitted = emitted.arrays.size(), num_state = state.Flatten().size();
  const size_t num_loop = loop_state.Flatten().size();

  std::vector<Input> variables = {time, first.elements_finished, first.next_input};
  for (const TensorArray& a : emitted.arrays) variables.emplace_back(a.flow());
  for (const Tensor& t : state.Flatten()) variables.emplace_back(t);
  for (const Tensor& t : loop_state.Flatten()) variables.emplace_back(t);

  const auto body = [&](const std::vector<Tensor>& v) {
    size_t at = 3;
    const Tensor finished = v[1];
    const std::vector<Tensor> flows = Take(v, &at, num_emitted);
    const RnnState now = state.Pack(Take(v, &at, num_state));
    const RnnState round = loop_state.Pack(Take(v, &at, num_loop));
    const CellResult computed = cell(v[2], now);
    const Tensor next_time = weft::internal::Plus(v[0], 1);
    const RawRnnStep next = loop_fn(next_time, computed.output, computed.state, round);
    CheckStructure(next.next_cell_state.SameStructure(state), "next_cell_state");
    const RnnState emit = next.emit_output.none() && emitted.structure.is_leaf()
                              ? RnnState(computed.output)
                              : next.emit_output;
    CheckStructure(emit.SameStructure(emitted.structure), "emit_output");
    const RnnState& next_round = next.next_loop_state.none() ? round : next.next_loop_state;
    CheckStructure(next_round.SameStructure(loop_state), "next_loop_state");
    const std::vector<Tensor> emits = ChooseAll(finished, emitted.zeros, emit.Flatten());
    const std::vector<Tensor> states =
        ChooseAll(finished, now.Flatten(), next.next_cell_state.Flatten());
    std::vector<Tensor> written;
    for (size_t i = 0; i < num_emitted; ++i)
      written.push_back(emitted.arrays[i].WithFlow(flows[i]).Write(v[0], emits[i]).flow());
    const Tensor all_finished = LogicalOr(finished, next.elements_finished);
    std::vector<Tensor> results = {next_time, all_finished, next.next_input};
    results.insert(results.end(), written.begin(), written.end());
    results.insert(results.end(), states.begin(), states.end());
    for (const Tensor& t : next_round.Flatten()) results.push_back(t);
    return results;
  };
  WhileOptions loop;
  loop.parallel_iterations = options.parallel_iterations;
  loop.swap_memory = options.swap_memory;
  const std::vector<Tensor> finals = WhileLoop(
      [](const std::vector<Tensor>& v) {
        const Tensor all = ReduceAll(v[1]);
        return LogicalNot(all);
      },
      body, variables, loop);

  RawRnnResult result;
  size_t at = 3;
  const std::vector<Tensor> flows = Take(finals, &at, num_emitted);
  for (size_t i = 0; i < num_emitted; ++i)
    result.emit.push_back(emitted.arrays[i].WithFlow(flows[i]));
  result.state = state.Pack(Take(finals, &at, num_state));
  if (!first.next_loop_state.none())
    result.loop_state = loop_state.Pack(Take(finals, &at, num_loop));
  return result;
}

// ---- Stacks
// --------------------------------------------------------------------------------------

namespace {

void CheckLayers(const std::vector<RNNCell>& fw, const std::vector<RNNCell>& bw,
                 const StackBidirectionalRnnOptions& o) {
  const auto fits = [&](const std::vector<RnnState>& states) {
    return states.empty() || states.size() == fw.size();
  };
  if (fw.empty() || fw.size() != bw.size()) {
    ThrowError(
        Code::kInvalidArgument,
        StrCat("Forward and Backward cells must have the same depth, at least one; they are ",
               fw.size(), " and ", bw.size()));
  }
  if (!fits(o.initial_states_fw) || !fits(o.initial_states_bw)) {
    ThrowError(Code::kInvalidArgument,
               StrCat("there must be one initial state for each of the ", fw.size(), " layers"));
  }
}

BidirectionalRnnOptions OfLayer(const StackBidirectionalRnnOptions& o, size_t i) {
  BidirectionalRnnOptions layer;
  layer.sequence_length = o.sequence_length;
  if (!o.initial_states_fw.empty()) layer.initial_state_fw = o.initial_states_fw[i];
  if (!o.initial_states_bw.empty()) layer.initial_state_bw = o.initial_states_bw[i];
  layer.dtype = o.dtype;
  layer.parallel_iterations = o.parallel_iterations;
  layer.time_major = o.time_major;
  return layer;
}

std::string StackScope(const StackBidirectionalRnnOptions& o) {
  return o.scope.empty() ? "stack_bidirectional_rnn" : o.scope;
}

}  // namespace

StackBidirectionalRnnResult StackBidirectionalRnn(const std::vector<RNNCell>& cells_fw,
                                                  const std::vector<RNNCell>& cells_bw,
                                                  const std::vector<Input>& inputs,
                                                  const StackBidirectionalRnnOptions& options) {
  CheckLayers(cells_fw, cells_bw, options);
  const Graph graph = GraphOf(inputs);
  const GraphScope use(graph);
  const VariableScope scope(StackScope(options), {}, graph);
  StackBidirectionalRnnResult result;
  std::vector<Input> steps = inputs;
  for (size_t i = 0; i < cells_fw.size(); ++i) {
    const VariableScope layer(StrCat("cell_", i), {}, graph);
    StaticBidirectionalRnnResult r =
        StaticBidirectionalRnn(cells_fw[i], cells_bw[i], steps, OfLayer(options, i));
    steps.assign(r.outputs.begin(), r.outputs.end());
    result.outputs = std::move(r.outputs);
    result.states_fw.push_back(std::move(r.state_fw));
    result.states_bw.push_back(std::move(r.state_bw));
  }
  return result;
}

StackBidirectionalDynamicRnnResult StackBidirectionalDynamicRnn(
    const std::vector<RNNCell>& cells_fw, const std::vector<RNNCell>& cells_bw, const Input& inputs,
    const StackBidirectionalRnnOptions& options) {
  CheckLayers(cells_fw, cells_bw, options);
  StackBidirectionalDynamicRnnResult result;
  result.outputs = AsTensor(inputs, kInvalidType, "inputs");
  const Graph graph = result.outputs.graph();
  const GraphScope use(graph);
  const VariableScope scope(StackScope(options), {}, graph);
  for (size_t i = 0; i < cells_fw.size(); ++i) {
    const VariableScope layer(StrCat("cell_", i), {}, graph);
    BidirectionalDynamicRnnResult r =
        BidirectionalDynamicRnn(cells_fw[i], cells_bw[i], result.outputs, OfLayer(options, i));
    result.outputs = Concat({r.output_fw, r.output_bw}, 2);
    result.states_fw.push_back(std::move(r.state_fw));
    result.states_bw.push_back(std::move(r.state_bw));
  }
  return result;
}

}  // namespace weft::nn
