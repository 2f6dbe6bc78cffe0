// SPDX-License-Identifier: Apache-2.0
// Greedy decoding and beam search: loops that feed a cell its own words.
#include <limits>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/nn/rnn_steps.h"
#include "src/ops/operators.h"
#include "weft/graph/graph.h"
#include "weft/nn/seq2seq.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/control_flow.h"
#include "weft/ops/functional.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/nn.h"
#include "weft/ops/reduction.h"
#include "weft/ops/tensor_array.h"

namespace weft::nn::seq2seq {
namespace {

using rnn_cell::CellResult;
using rnn_cell::RNNCell;
using Tensors = std::vector<Tensor>;

int32_t CheckedInt(const char* function, const char* what, int64_t value, int64_t least) {
  if (value >= least && value <= std::numeric_limits<int32_t>::max())
    return static_cast<int32_t>(value);
  ThrowError(Code::kInvalidArgument,
             StrCat(function, ": ", what, " is ", value, ", which must be >= ", least));
}

Tensor StartTokens(const char* function, const Input& given) {
  const Tensor start = AsTensor(given, kInt32, "start_tokens");
  if (RemoveRef(start.dtype()) == kInt32 && start.shape().known_rank() && start.shape().rank() == 1)
    return start;
  ThrowError(Code::kInvalidArgument,
             StrCat(function, ": start_tokens must be an int32 vector; '", start.name(), "' is ",
                    DTypeName(RemoveRef(start.dtype())), " of shape ", start.shape().ToString()));
}

// Results of a loop's body have the static shapes of its variables.
void KeepShapes(const Tensors& variables, const Tensors& results) {
  for (size_t i = 0; i < results.size(); ++i) results[i].set_shape(variables[i].shape());
}

Tensor NotAll(const Tensor& finished) {
  const Tensor all = ReduceAll(finished);
  return LogicalNot(all);
}

TensorArray Words(DataType dtype, const PartialShape& shape) {
  TensorArrayOptions options;
  options.dynamic_size = true;
  options.element_shape = shape;
  return TensorArray(dtype, 0, options);
}

Tensor RowCopies(const Tensor& t, int64_t multiplier) {
  const PartialShape& shape = t.shape();
  if (!shape.known_rank() || shape.rank() == 0) {
    ThrowError(Code::kInvalidArgument,
               StrCat("TileBatch: '", t.name(), "' must have a batch dimension; its shape is ",
                      shape.ToString()));
  }
  std::vector<int64_t> multiples(static_cast<size_t>(shape.rank()) + 1, 1);
  multiples[1] = multiplier;
  const Tensor tiled = Tile(ExpandDims(t, 1), multiples);
  const Tensor sizes = ShapeOf(t);
  const Tensor rest = weft::internal::SliceOf(sizes, {1}, {0}, "end_mask");
  const Tensor rows =
      Reshape(Multiply(At(sizes, {0}), Constant(Array(static_cast<int32_t>(multiplier)))), {1});
  const Tensor all = Reshape(tiled, Concat({rows, rest}, 0));
  PartialShape static_shape = shape;
  if (shape.dim(0) >= 0) static_shape.set_dim(0, shape.dim(0) * multiplier);
  all.set_shape(static_shape);
  return all;
}

}  // namespace

Tensor TileBatch(const Tensor& t, int64_t multiplier) {
  CheckedInt("TileBatch", "multiplier", multiplier, 1);
  const Tensor x = AsTensor(t, kInvalidType, "t");
  const OpScope scope("", "tile_batch", x.graph());
  return RowCopies(x, multiplier);
}

RnnState TileBatch(const RnnState& state, int64_t multiplier) {
  Tensors tiled;
  for (const Tensor& t : state.Flatten()) tiled.push_back(TileBatch(t, multiplier));
  return state.Pack(tiled);
}

// ---- Greedy
// --------------------------------------------------------------------------------------

GreedyDecodeResult GreedyDecode(const RNNCell& cell, const EmbeddingFn& embedding,
                                const OutputFn& output_layer, const Input& start_tokens,
                                const GreedyDecodeOptions& options) {
  const Tensor start = StartTokens("GreedyDecode", start_tokens);
  const int32_t end = CheckedInt("GreedyDecode", "end_token", options.end_token, 0);
  const int32_t most =
      CheckedInt("GreedyDecode", "maximum_iterations", options.maximum_iterations, 1);
  const Graph graph = start.graph();
  const GraphScope use(graph);
  const VariableScope scope(options.scope.empty() ? "decoder" : options.scope, {}, graph);
  const Tensor batch = At(ShapeOf(start), {0});
  const int64_t static_batch = start.shape().dim(0);
  const Input batch_size =
      static_batch >= 0 ? Input(static_cast<int32_t>(static_batch)) : Input(batch);
  const RnnState state =
      InitialState("GreedyDecode", cell, options.initial_state, batch_size, options.dtype);
  const TensorArray words = Words(kInt32, start.shape());
  const Tensor zeros = ZerosLike(start);
  const Tensor none = NotEqual(zeros, zeros);
  std::vector<Input> variables = {Constant(Array(int32_t{0}), "time"), none, start, zeros,
                                  words.flow()};
  for (const Tensor& t : state.Flatten()) variables.emplace_back(t);
  WhileOptions loop;
  loop.maximum_iterations = Input(most);
  const Tensors finals =
      WhileLoop([](const Tensors& v) { return NotAll(v[1]); },
                [&](const Tensors& v) {
                  const RnnState now = state.Pack(Tensors(v.begin() + 5, v.end()));
                  const Tensor over = v[1];
                  const CellResult step = cell(embedding(v[2]), now);
                  const Tensor best = ArgMax(output_layer(step.output), 1, {.output_type = kInt32});
                  const Tensor ends = Fill(ShapeOf(v[2]), end);
                  const Tensor word = Where(over, ends, best);
                  const Tensor longer = weft::internal::Plus(v[3], Constant(1, kInt32));
                  Tensors results = {
                      weft::internal::Plus(v[0], 1), LogicalOr(over, Equal(word, end)), word,
                      Where(over, v[3], longer), words.WithFlow(v[4]).Write(v[0], word).flow()};
                  const CellResult kept = CopyThrough(over, step.output, now, step);
                  for (const Tensor& t : kept.state.Flatten()) results.push_back(t);
                  KeepShapes(v, results);
                  return results;
                },
                variables, loop);
  GreedyDecodeResult result;
  result.ids = Transpose(words.WithFlow(finals[4]).Stack(), IntList({1, 0}));
  result.lengths = finals[3];
  result.state = state.Pack(Tensors(finals.begin() + 5, finals.end()));
  return result;
}

// ---- Beam search
// ---------------------------------------------------------------------------------

namespace {

struct Beams {
  const RNNCell& cell;
  const EmbeddingFn& embedding;
  const OutputFn& output_layer;
  const BeamSearchOptions& options;
  int32_t width, end;
  DataType dtype;
  Tensor batch;  // int32 scalar
  RnnState state;

  Tensor Number(double value) const { return Constant(value, dtype); }
  Tensor Lowest() const {
    return Number(dtype == kFloat16 ? -65504.0
                                    : -static_cast<double>(std::numeric_limits<float>::max()));
  }

  // ((5 + length) / 6)^weight.
  Tensor Penalized(const Tensor& log_probs, const Tensor& lengths) const {
    if (options.length_penalty_weight == 0) return log_probs;
    const Tensor grown = weft::internal::Plus(Cast(lengths, dtype), Number(5));
    const Tensor penalty = Pow(Divide(grown, Number(6)), Number(options.length_penalty_weight));
    return Divide(log_probs, penalty);
  }

  // Log probabilities [batch, width, words] of the next word; sentences that are over end again,
  // at no cost.
  Tensor NextWords(const Tensor& logits, const Tensor& finished) const {
    const int64_t words = logits.shape().known_rank() ? logits.shape().dim(1) : -1;
    if (words < 1 || end >= words) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("BeamSearchDecode: output_layer must give logits of a known number of "
                        "words, more than end_token (",
                        end, "); its result is of shape ", logits.shape().ToString()));
    }
    const Tensor log_probs = Reshape(LogSoftmax(logits), {batch, width, words});
    const Tensor only_end = OneHot(Constant(Array(end)), static_cast<int32_t>(words),
                                   {.on_value = Number(0), .off_value = Lowest(), .dtype = dtype});
    return WhereV2(ExpandDims(finished, 2), only_end, log_probs);
  }

  // Of [batch, width] or, for states, [batch width, ...]: the beams that were chosen.
  static Tensor Chosen(const Tensor& t, const Tensor& parents) {
    return Gather(t, parents, {.batch_dims = 1});
  }
  Tensor RowsOf(const Tensor& parents) const {
    const Tensor first = Multiply(Range(batch), Constant(Array(width)));
    return Reshape(Add(ExpandDims(first, 1), parents), {-1});
  }

  // Variables: time, finished, words, log probabilities, lengths, flows of words and parents,
  // state.
  Tensors Step(const Tensors& v, const TensorArray& words, const TensorArray& parents) const {
    const RnnState now = state.Pack(Tensors(v.begin() + 7, v.end()));
    const Tensor finished = v[1], lengths = v[4];
    const CellResult step = cell(embedding(Reshape(v[2], {-1})), now);
    const Tensor logits = output_layer(step.output);
    const Tensor next = NextWords(logits, finished);
    const int64_t num_words = logits.shape().dim(1);
    const Tensor total = Add(ExpandDims(v[3], 2), next);
    const Tensor running = Cast(LogicalNot(finished), kInt32);
    const Tensor new_lengths = Add(lengths, running);
    const Tensor scores = Penalized(total, ExpandDims(new_lengths, 2));
    const IntList flat = {batch, int64_t{width} * num_words};
    const TopKResult best = TopK(Reshape(scores, flat), width);
    const Tensor size = Constant(Array(static_cast<int32_t>(num_words)));
    const Tensor parent = FloorDiv(best.indices, size);
    const Tensor word = FloorMod(best.indices, size);
    const Tensor log_probs = Chosen(Reshape(total, flat), best.indices);
    const Tensor over = LogicalOr(Chosen(finished, parent), Equal(word, Constant(Array(end))));
    const Tensor rows = RowsOf(parent);
    Tensors results = {weft::internal::Plus(v[0], 1),
                       over,
                       word,
                       log_probs,
                       Chosen(new_lengths, parent),
                       words.WithFlow(v[5]).Write(v[0], word).flow(),
                       parents.WithFlow(v[6]).Write(v[0], parent).flow()};
    for (const Tensor& t : step.state.Flatten()) results.push_back(Gather(t, rows));
    KeepShapes(v, results);
    return results;
  }
};

// From the last step to the first: the words on the way to each beam, [steps, batch, width].
Tensor Backtrack(const Tensor& words, const Tensor& parents, const Tensor& last) {
  ScanFnOptions options;
  options.initializer = {ZerosLike(last), last};
  options.reverse = true;
  const std::vector<Input> elements = {words, parents};
  const Tensors found = Scan(
      [](const Tensors& so_far, const Tensors& step) {
        Tensors next = {Gather(step[0], so_far[1], {.batch_dims = 1}),
                        Gather(step[1], so_far[1], {.batch_dims = 1})};
        KeepShapes(so_far, next);
        return next;
      },
      elements, options);
  return found[0];
}

}  // namespace

BeamSearchResult BeamSearchDecode(const RNNCell& cell, const EmbeddingFn& embedding,
                                  const OutputFn& output_layer, const Input& start_tokens,
                                  const BeamSearchOptions& options) {
  const Tensor start = StartTokens("BeamSearchDecode", start_tokens);
  const int32_t end = CheckedInt("BeamSearchDecode", "end_token", options.end_token, 0);
  const int32_t width = CheckedInt("BeamSearchDecode", "beam_width", options.beam_width, 1);
  const int32_t most =
      CheckedInt("BeamSearchDecode", "maximum_iterations", options.maximum_iterations, 1);
  const Graph graph = start.graph();
  const GraphScope use(graph);
  const VariableScope scope(options.scope.empty() ? "decoder" : options.scope, {}, graph);
  const Tensor batch = At(ShapeOf(start), {0});
  const int64_t static_batch = start.shape().dim(0);
  const Tensor rows = Multiply(batch, Constant(Array(width)));
  const Input batch_size =
      static_batch >= 0 && static_batch <= std::numeric_limits<int32_t>::max() / width
          ? Input(static_cast<int32_t>(static_batch) * width)
          : Input(rows);
  const RnnState state =
      InitialState("BeamSearchDecode", cell, options.initial_state, batch_size, options.dtype);
  const DataType dtype = StateDtype(options.dtype, state);
  const Beams beams{cell, embedding, output_layer, options, width, end, dtype, batch, state};
  const PartialShape shape = {static_batch, width};
  const TensorArray words = Words(kInt32, shape), parents = Words(kInt32, shape);
  const Tensor ids = Reshape(RowCopies(start, width), {batch, width});
  const Tensor zeros = ZerosLike(ids);
  const Tensor none = NotEqual(zeros, zeros);
  // All beams begin alike: only the first one counts in the first step.
  const Tensor log_probs =
      Add(OneHot(Constant(Array(int32_t{0})), width,
                 {.on_value = beams.Number(0),
                  .off_value = beams.Number(-std::numeric_limits<double>::infinity()),
                  .dtype = dtype}),
          Cast(zeros, dtype));
  std::vector<Input> variables = {Constant(Array(int32_t{0}), "time"),
                                  none,
                                  ids,
                                  log_probs,
                                  zeros,
                                  words.flow(),
                                  parents.flow()};
  for (const Tensor& t : state.Flatten()) variables.emplace_back(t);
  WhileOptions loop;
  loop.maximum_iterations = Input(most);
  loop.back_prop = false;
  const Tensors finals =
      WhileLoop([](const Tensors& v) { return NotAll(v[1]); },
                [&](const Tensors& v) { return beams.Step(v, words, parents); }, variables, loop);
  BeamSearchResult result;
  const Tensor all_words = words.WithFlow(finals[5]).Stack();
  const Tensor all_parents = parents.WithFlow(finals[6]).Stack();
  const Tensor order = Add(zeros, Range(width));
  result.ids = Transpose(Backtrack(all_words, all_parents, order), {1, 0, 2});
  result.scores = beams.Penalized(finals[3], finals[4]);
  result.lengths = finals[4];
  return result;
}

}  // namespace weft::nn::seq2seq
