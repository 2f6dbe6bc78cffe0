// SPDX-License-Identifier: Apache-2.0
// Connectionist temporal classification: values from TensorFlow 2.15.1, and errors.
#include <cmath>
#include <vector>

#include "tests/support/op_case.h"

namespace weft {
namespace {

// numpy.random.RandomState(1).randn(5, 2, 4), rounded to 4 digits.
Array Inputs() {
  return F32(Shape({5, 2, 4}),
             {1.6243f,  -0.6118f, -0.5282f, -1.0730f, 0.8654f,  -2.3015f, 1.7448f,  -0.7612f,
              0.3190f,  -0.2494f, 1.4621f,  -2.0601f, -0.3224f, -0.3841f, 1.1338f,  -1.0999f,
              -0.1724f, -0.8779f, 0.0422f,  0.5828f,  -1.1006f, 1.1447f,  0.9016f,  0.5025f,
              0.9009f,  -0.6837f, -0.1229f, -0.9358f, -0.2679f, 0.5304f,  -0.6917f, -0.3968f,
              -0.6872f, -0.8452f, -0.6712f, -0.0127f, -1.1173f, 0.2344f,  1.6598f,  0.7420f});
}

OpCase Loss(const Array& inputs, const Array& indices, const Array& values, const Array& lengths) {
  OpCase c("CTCLoss");
  c.In(inputs).In(indices).In(values).In(lengths);
  return c;
}

TEST(CtcLoss, Values) {
  const Array indices = I64({{0, 0}, {0, 1}, {1, 0}}), values = I32({0, 0, 1}),
              lengths = I32({5, 3});
  Loss(Inputs(), indices, values, lengths)
      .Out(F32({3.421858f, 4.890938f}))
      .AnyOut()
      .Within(1e-3, 1e-3)
      .RunEverywhere();
  Loss(Inputs(), indices, values, lengths)
      .Attr("ctc_merge_repeated", false)
      .Out(F32({5.141986f, 5.697517f}))
      .AnyOut()
      .Within(1e-3, 1e-3)
      .RunEverywhere();
  Loss(Inputs(), indices, values, lengths)
      .Attr("preprocess_collapse_repeated", true)
      .Out(F32({4.058126f, 4.890938f}))
      .AnyOut()
      .Within(1e-3, 1e-3)
      .RunEverywhere();
}

// Two steps, one label a of {a, blank}: p = 1 - P(blank, blank).
TEST(CtcLoss, ByHand) {
  const double loss = -std::log(0.75);
  Loss(F64(Shape({2, 1, 2}), {0, 0, 0, 0}), I64({{0, 0}}), I32({0}), I32({2}))
      .Out(F64({loss}))
      .Out(F64(Shape({2, 1, 2}), {0.5 - 2. / 3, 0.5 - 1. / 3, 0.5 - 2. / 3, 0.5 - 1. / 3}))
      .RunEverywhere();
  // Only blanks.
  Loss(F64(Shape({2, 1, 2}), {0, 0, 0, 0}), I64({{0, 0}}), I32({1}), I32({2}))
      .Out(F64({-std::log(0.25)}))
      .Out(F64(Shape({2, 1, 2}), {0.5, -0.5, 0.5, -0.5}))
      .RunEverywhere();
  // The same with blank 0 and label 1.
  OpCase("CTCLossV2")
      .In(F32(Shape({2, 1, 2}), {0, 0, 0, 0}))
      .In(I64({{0, 0}}))
      .In(I32({1}))
      .In(I32({2}))
      .Out(F32({static_cast<float>(loss)}))
      .AnyOut()
      .RunEverywhere();
}

TEST(CtcLoss, SequencesWithoutTime) {
  Loss(F32(Shape({4, 1, 3}), {1}), I64({{0, 0}}), I32({0}), I32({0}))
      .Attr("ignore_longer_outputs_than_inputs", true)
      .Out(F32({0}))
      .Out(F32(Shape({4, 1, 3}), {0}))
      .RunEverywhere();
}

TEST(CtcLoss, Errors) {
  const Array x = F32(Shape({4, 1, 3}), {0}), first = I64({{0, 0}}), four = I32({4});
  const auto bad = [&](const Array& inputs, const Array& indices, const Array& values,
                       const Array& lengths, std::string_view text) {
    Loss(inputs, indices, values, lengths).ExpectRunError(Code::kInvalidArgument, text);
  };
  bad(F32(Shape({4, 3}), {0}), first, I32({0}), four, "inputs is not a 3-Tensor");
  bad(x, first, I32({0}), I32({4, 4}), "len(sequence_length) != batch_size.");
  bad(x, first, I32({0}), I32({5}), "sequence_length(0) <= 4");
  bad(x, first, I32({0}), I32({-1}), "seq_len(0) < 0");
  bad(x, first, I32({0}), I32({0}), "Not enough time for target transition sequence (required: 1");
  bad(F32(Shape({4, 2, 3}), {0}), first, I32({0}), I32({4, 4}), "Labels length is zero in batch 1");
  bad(x, first, I32({-1}), four, "All labels must be nonnegative integers, batch: 0 labels: -1");
  bad(x, I64({{0, 0}, {0, 1}}), I32({2, 0}), four, "Saw a non-null label");
  bad(x, I64({{0, 0}, {0, 1}}), I32({0}), four, "must contain the same number of rows");
  bad(x, I64({{0, 1}, {0, 0}}), I32({0, 1}), four, "tf.sparse.reorder");
  bad(x, I64({{0, 0}, {0, 0}}), I32({0, 1}), four, "indices[1] = [0,0] is repeated");
  bad(x, I64({{1, 0}}), I32({0}), four, "indices[0] = [1,0] is out of bounds");
  bad(x, I64({{-1, 0}}), I32({0}), four, "indices[0] = [-1,0] is out of bounds");
  bad(F32(Shape({4, 0, 3}), {}), I64(Shape({0, 2}), {}), I32(Shape({0}), {}), I32(Shape({0}), {}),
      "batch_size must not be 0");
  bad(F32(Shape({0, 1, 3}), {}), first, I32({0}), I32({0}),
      "Max time or first dimension of input cannot be 0.");
}

TEST(CtcGreedyDecoder, Values) {
  OpCase("CTCGreedyDecoder")
      .Attr("merge_repeated", true)
      .In(Inputs())
      .In(I32({5, 3}))
      .Out(I64({{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}}))
      .Out(I64({0, 2, 0, 2, 1}))
      .Out(I64({2, 3}))
      .Out(F32({{-4.55746f}, {-4.0233f}}))
      .Within(1e-3, 1e-3)
      .RunEverywhere();
}

TEST(CtcGreedyDecoder, Errors) {
  const Array x = F32(Shape({4, 1, 3}), {0});
  const auto decode = [&](const Array& inputs, const Array& lengths) {
    OpCase c("CTCGreedyDecoder");
    c.In(inputs).In(lengths);
    return c;
  };
  decode(F32(Shape({4, 3}), {0}), I32({4}))
      .ExpectRunError(Code::kInvalidArgument, "inputs is not a 3-Tensor");
  decode(F32(Shape({0, 1, 3}), {}), I32({4}))
      .ExpectRunError(Code::kInvalidArgument, "inputs must not be empty");
  decode(x, I32({4, 4})).ExpectRunError(Code::kFailedPrecondition, "len(sequence_length)");
  decode(x, I32({5})).ExpectRunError(Code::kFailedPrecondition, "sequence_length(0) <= 4");
  decode(x, I32({4}))
      .Attr("blank_index", 3)
      .ExpectRunError(Code::kInvalidArgument,
                      "blank_index expected to be between -3 and 2 but was 3");
}

TEST(CtcBeamSearchDecoder, Values) {
  OpCase("CTCBeamSearchDecoder")
      .Attr("beam_width", 6)
      .Attr("top_paths", 3)
      .In(Inputs())
      .In(I32({5, 3}))
      .Out(I64({{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}}))
      .Out(I64({{0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 0}}))
      .Out(I64({{0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 0}, {1, 1}}))
      .Out(I64({0, 2, 0, 2, 1}))
      .Out(I64({0, 2, 0, 2, 2}))
      .Out(I64({0, 2, 0, 1, 0, 2}))
      .Out(I64({2, 3}))
      .Out(I64({2, 4}))
      .Out(I64({2, 4}))
      .Out(F32({{-1.593514f, -2.758391f, -2.93235f}, {-1.320508f, -1.353663f, -2.142626f}}))
      .Within(1e-3, 1e-3)
      .RunEverywhere();
}

TEST(CtcBeamSearchDecoder, Errors) {
  const auto decode = [&](const Array& lengths, int width) {
    OpCase c("CTCBeamSearchDecoder");
    c.Attr("beam_width", width).Attr("top_paths", 2).In(F32(Shape({4, 1, 3}), {0})).In(lengths);
    return c;
  };
  decode(I32({4}), 1)
      .ExpectRunError(Code::kInvalidArgument, "requested more paths than the beam width.");
  decode(I32({0}), 4)
      .ExpectRunError(Code::kInvalidArgument, "Less leaves in the beam search than requested.");
}

}  // namespace
}  // namespace weft
