// SPDX-License-Identifier: Apache-2.0
// Decoding of a Markov chain against all of its sentences; attention against plain loops.
#include "weft/nn/seq2seq.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/arrays.h"
#include "weft/weft.h"

namespace weft::nn {
namespace {

namespace rnn = rnn_cell;

constexpr int64_t kWords = 4, kEnd = 0, kMost = 3;

// The output is the input; the state counts the steps.
class Echo final : public rnn::CellImpl {
 public:
  std::string class_name() const override { return "Echo"; }
  RnnStateSize state_size() const override { return RnnStateSize(Shape({1})); }
  int64_t output_size() const override { return kWords; }
  rnn::CellResult Step(const Tensor& inputs, const RnnState& state, const std::string&) override {
    return {inputs, state.leaf() + 1.0f};
  }
};

// Logits of the next word, by the word before.
Array Table() {
  return F32({{0, 0, 0, 0}, {-1, 0.3f, 1.2f, 0.1f}, {0.4f, 1, -0.5f, 0.9f}, {1.5f, 0.2f, 0.3f, 1}});
}

class DecodeTest : public ::testing::Test {
 protected:
  static Tensor Embed(const Tensor& ids) {
    return OneHot(ids, static_cast<int32_t>(kWords), {.dtype = kFloat32});
  }
  static Tensor Logits(const Tensor& outputs) { return MatMul(outputs, Table()); }

  // log P(next | word).
  static double LogProb(int64_t word, int64_t next) {
    double sum = 0;
    for (int64_t w = 0; w < kWords; ++w) sum += std::exp(Table().AsDouble(word * kWords + w));
    return Table().AsDouble(word * kWords + next) - std::log(sum);
  }

  struct Sentence {
    std::vector<int64_t> words;
    double log_prob = 0;
  };
  // All of at most kMost words, from `first`.
  static void Extend(const Sentence& so_far, int64_t last, std::vector<Sentence>* all) {
    for (int64_t w = 0; w < kWords; ++w) {
      Sentence next = so_far;
      next.words.push_back(w);
      next.log_prob += LogProb(last, w);
      if (w == kEnd || next.words.size() == kMost)
        all->push_back(next);
      else
        Extend(next, w, all);
    }
  }

  Graph graph_;
  GraphScope scope_{graph_};
  rnn::RNNCell cell_{std::make_shared<Echo>()};
};

TEST_F(DecodeTest, GreedyTakesTheLikeliestWord) {
  const seq2seq::GreedyDecodeResult r = seq2seq::GreedyDecode(
      cell_, Embed, Logits, Array({1, 3, 2}), {.end_token = kEnd, .maximum_iterations = kMost});
  Session session;
  const std::vector<Array> got = session.Run(std::vector<Tensor>{r.ids, r.lengths, r.state.leaf()});
  EXPECT_EQ(got[0], I32({{2, 1, 2}, {0, 0, 0}, {1, 2, 1}}));
  EXPECT_EQ(got[1], I32({3, 1, 3}));
  EXPECT_EQ(got[2], F32({{3}, {1}, {3}}));  // the state of what is over stays
}

TEST_F(DecodeTest, WideBeamsFindTheBestSentences) {
  for (const double weight : {0.0, 1.0}) {
    const int64_t width = 40;  // there are as many sentences of at most three words
    const seq2seq::BeamSearchResult r =
        seq2seq::BeamSearchDecode(cell_, Embed, Logits, Array({1, 2}),
                                  {.end_token = kEnd,
                                   .beam_width = width,
                                   .length_penalty_weight = weight,
                                   .maximum_iterations = kMost,
                                   .scope = weight > 0 ? "penalized" : "plain"});
    Session session;
    const std::vector<Array> got = session.Run(std::vector<Tensor>{r.ids, r.scores, r.lengths});
    for (int64_t b = 0; b < 2; ++b) {
      std::vector<Sentence> all;
      Extend({}, b + 1, &all);
      ASSERT_EQ(all.size(), static_cast<size_t>(width));
      const auto score = [&](const Sentence& s) {
        return s.log_prob / std::pow((5.0 + static_cast<double>(s.words.size())) / 6, weight);
      };
      std::sort(all.begin(), all.end(),
                [&](const Sentence& x, const Sentence& y) { return score(x) > score(y); });
      for (int64_t i = 0; i < 6; ++i) {
        const Sentence& want = all[static_cast<size_t>(i)];
        EXPECT_NEAR(got[1].AsDouble(b * width + i), score(want), 1e-5);
        EXPECT_EQ(got[2].AsInt64(b * width + i), static_cast<int64_t>(want.words.size()));
        for (size_t t = 0; t < kMost; ++t) {
          const int64_t word = t < want.words.size() ? want.words[t] : kEnd;
          EXPECT_EQ(got[0].AsInt64((b * kMost + static_cast<int64_t>(t)) * width + i), word);
        }
      }
    }
  }
}

TEST_F(DecodeTest, TileBatchRepeatsRows) {
  Session session;
  EXPECT_EQ(session.Run(seq2seq::TileBatch(Constant(F32({{1, 2}, {3, 4}})), 2)),
            F32({{1, 2}, {1, 2}, {3, 4}, {3, 4}}));
}

TEST(Attention, AlignmentsOfBothKinds) {
  const Graph graph;
  const GraphScope use(graph);
  Graph(graph).set_seed(3);
  const Array memory(F32(Shape({1, 3, 2}), {0.5f, -1, 2, 0.25f, 1, 1}));
  const Array query = F32({{0.3f, -0.7f, 1.1f}});
  const Input lengths = I32({2});
  const seq2seq::LuongAttention luong(3, memory, {.memory_sequence_length = lengths});
  const Tensor q = Constant(query);
  const Tensor by_luong = luong(q);
  Tensor by_bahdanau;
  {
    const VariableScope scope("b");
    const seq2seq::BahdanauAttention bahdanau(4, memory);
    by_bahdanau = bahdanau(q);
  }
  std::map<std::string, Variable> variables;
  for (const Variable& v : GlobalVariables()) variables[v.op_name()] = v;
  Session session;
  session.Run(GlobalVariablesInitializer());
  const auto value = [&](const std::string& name) {
    return session.Run(variables.at(name).AsTensor());
  };
  const auto product = [](const Array& row, int64_t first, int64_t n, const Array& w, int64_t j) {
    double sum = 0;
    for (int64_t k = 0; k < n; ++k) sum += row.AsDouble(first + k) * w.AsDouble(k * w.dim(1) + j);
    return sum;
  };
  const Array w = value("memory_layer/kernel");
  double scores[3];
  for (int64_t t = 0; t < 2; ++t) {
    scores[t] = 0;
    for (int64_t j = 0; j < 3; ++j)
      scores[t] += query.AsDouble(j) * product(memory, 2 * t, 2, w, j);
  }
  const Array got = session.Run(by_luong);
  EXPECT_NEAR(got.AsDouble(0), 1 / (1 + std::exp(scores[1] - scores[0])), 1e-5);
  EXPECT_EQ(got.AsDouble(2), 0);  // beyond the length

  const Array keys = value("b/memory_layer/kernel"), v = value("b/bahdanau_attention/attention_v");
  const Array queries = value("b/bahdanau_attention/query_layer/kernel");
  double sum = 0;
  for (int64_t t = 0; t < 3; ++t) {
    scores[t] = 0;
    for (int64_t j = 0; j < 4; ++j) {
      scores[t] += v.AsDouble(j) *
                   std::tanh(product(query, 0, 3, queries, j) + product(memory, 2 * t, 2, keys, j));
    }
    sum += std::exp(scores[t]);
  }
  const Array shares = session.Run(by_bahdanau);
  for (int64_t t = 0; t < 3; ++t) EXPECT_NEAR(shares.AsDouble(t), std::exp(scores[t]) / sum, 1e-5);
}

// An encoder and a decoder with attention, trained to say a sequence backwards.
TEST(Attention, LearnsToReverse) {
  const Graph graph;
  const GraphScope use(graph);
  Graph(graph).set_seed(1);
  constexpr int64_t kTime = 3, kSymbols = 5;
  const Tensor source = Placeholder(kInt32, {8, kTime}, "source");
  const Tensor target = Reverse(source, {1});
  const auto embed = [](const Tensor& ids) {
    return OneHot(ids, static_cast<int32_t>(kSymbols), {.dtype = kFloat32});
  };
  const Tensor memory =
      DynamicRnn(rnn::GRUCell(16), embed(source), {.dtype = kFloat32, .scope = "encoder"}).outputs;
  const seq2seq::LuongAttention attention(16, memory, {.scale = true});
  const seq2seq::AttentionWrapper cell(rnn::GRUCell(16), attention, {.attention_layer_size = 16});
  const Tensor before = Concat({Zeros({8, 1}, kInt32), weft::At(target, {All, Between(0, -1)})}, 1);
  const Tensor outputs =
      DynamicRnn(cell, embed(before), {.dtype = kFloat32, .scope = "decoder"}).outputs;
  const Variable w = GetVariable("project", {16, kSymbols});
  const Tensor logits = MatMul(Reshape(outputs, {-1, 16}), w);
  const Tensor labels = Reshape(target, {-1});
  const Tensor loss = ReduceMean(SparseSoftmaxCrossEntropyWithLogits(labels, logits));
  const Operation train = weft::train::AdamOptimizer(0.02).Minimize(loss);
  Session session;
  session.Run(GlobalVariablesInitializer());
  double first = 0, last = 0;
  for (int step = 0; step < 300; ++step) {
    std::vector<int32_t> symbols;
    for (int i = 0; i < 8 * kTime; ++i) symbols.push_back((i * 7 + step * 13 + i * step) % 5);
    const Array batch = Array::FromVector(symbols, Shape({8, kTime}));
    last = session.Run(std::vector<Fetch>{loss, train}, {{source, batch}})[0].AsDouble();
    if (step == 0) first = last;
  }
  EXPECT_GT(first, 1.3);
  EXPECT_LT(last, 0.5);
}

}  // namespace
}  // namespace weft::nn
