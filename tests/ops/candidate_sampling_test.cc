// SPDX-License-Identifier: Apache-2.0
// Numbers are those of TensorFlow 2.15.1 for the same seeds.
#include <cstdio>
#include <fstream>
#include <set>

#include "gmock/gmock.h"
#include "tests/support/first_run.h"
#include "weft/graph/attr_value.h"
#include "weft/ops/candidate_sampling.h"

namespace weft {
namespace {

using ::testing::ElementsAre;

AttrMap Sampler(int64_t num_true, int64_t num_sampled, bool unique, AttrMap attrs = {}) {
  attrs["num_true"] = num_true;
  attrs["num_sampled"] = num_sampled;
  attrs["unique"] = unique;
  attrs["seed"] = 1;
  attrs["seed2"] = 2;
  return attrs;
}

void ExpectOutputs(const std::vector<Array>& got, const std::vector<Array>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(ArraysNear(got[i], want[i], {1e-6, 0})) << "output " << i;
}

TEST(UniformCandidateSampler, Values) {
  const auto runs = FirstRuns("UniformCandidateSampler", {I64({{0, 3}})},
                              Sampler(2, 5, true, {{"range_max", 7}}), 1);
  ExpectOutputs(runs[0], {I64({3, 4, 1, 5, 0}), F32({{0.7142857313f, 0.7142857313f}}),
                          F32(Shape({5}), {0.7142857313f})});
}

// The classes seen so far are drawn more often.
TEST(LearnedUnigramCandidateSampler, Learns) {
  for (const char* op : {"LearnedUnigramCandidateSampler", "ThreadUnsafeUnigramCandidateSampler"}) {
    const auto runs =
        FirstRuns(op, {I64({{1}, {1}, {1}})}, Sampler(1, 4, false, {{"range_max", 5}}), 3);
    const Shape three({3, 1});
    ExpectOutputs(runs[0], {I64({4, 0, 2, 4}), F32(three, {0.8f}), F32({0.8f, 0.8f, 0.8f, 0.8f})});
    ExpectOutputs(runs[1], {I64({2, 0, 1, 3}), F32(three, {2}), F32({0.5f, 0.5f, 2, 0.5f})});
    ExpectOutputs(runs[2],
                  {I64({1, 1, 1, 1}), F32(three, {2.5454545f}), F32(Shape({4}), {2.5454545f})});
  }
}

TEST(LearnedUnigramCandidateSampler, LargeRange) {
  const auto runs = FirstRuns("LearnedUnigramCandidateSampler", {I64({{90000000}})},
                              Sampler(1, 100, true, {{"range_max", 100000000}}), 2);
  for (const auto& run : runs) {
    std::set<int64_t> classes;
    for (int64_t c : run[0].values<int64_t>()) {
      EXPECT_GE(c, 0);
      EXPECT_LT(c, 100000000);
      classes.insert(c);
    }
    EXPECT_EQ(classes.size(), 100u);
  }
}

TEST(FixedUnigramCandidateSampler, Values) {
  const AttrMap weights = {{"range_max", 5},
                           {"unigrams", std::vector<float>{1, 5, 0, 2}},
                           {"num_reserved_ids", 1},
                           {"distortion", 0.75f}};
  ExpectOutputs(FirstRuns("FixedUnigramCandidateSampler", {I64({{1}, {4}})},
                          Sampler(1, 6, false, weights), 1)[0],
                {I64({2, 4, 1, 4, 2, 4}), F32({{0.9957689046859741f}, {1.6746771335601807f}}),
                 F32({3.329554557800293f, 1.6746771335601807f, 0.9957689046859741f,
                      1.6746771335601807f, 3.329554557800293f, 1.6746771335601807f})});
  const AttrMap shard = {{"range_max", 2},
                         {"unigrams", std::vector<float>{1, 5, 0, 2, 9}},
                         {"num_reserved_ids", 1},
                         {"num_shards", 2},
                         {"shard", 1}};
  ExpectOutputs(
      FirstRuns("FixedUnigramCandidateSampler", {I64({{1}})}, Sampler(1, 4, false, shard), 1)[0],
      {I64({1, 1, 0, 0}), F32({{1.1428571939468384f}}),
       F32({1.1428571939468384f, 1.1428571939468384f, 2.857142925262451f, 2.857142925262451f})});
}

TEST(FixedUnigramCandidateSampler, Vocabulary) {
  const std::string path = testing::TempDir() + "/weft_vocabulary.csv";
  const auto write = [&](const char* text) { std::ofstream(path) << text; };
  const AttrMap attrs = Sampler(
      1, 6, false,
      {{"range_max", 5}, {"vocab_file", path}, {"num_reserved_ids", 1}, {"distortion", 0.75f}});
  write("a,1\nb, 5 \n0\nd,\"x\",2\n");
  EXPECT_TRUE(ArraysNear(FirstRuns("FixedUnigramCandidateSampler", {I64({{1}})}, attrs, 1)[0][0],
                         I64({2, 4, 1, 4, 2, 4}), {}));
  write("a,1\nb,five\n");
  const auto error = [&](Code code, const char* text) {
    OpCase op("FixedUnigramCandidateSampler");
    for (const auto& [name, value] : attrs) op.Attr(name, value);
    op.In(I64({{1}})).ExpectRunError(code, text);
  };
  error(Code::kInvalidArgument, "Wrong vocabulary format at line: b,five");
  std::remove(path.c_str());
  error(Code::kNotFound, "can't read vocab_file");
}

TEST(CandidateSamplers, BadInput) {
  const auto error = [](const char* op, Array classes, const AttrMap& attrs, const char* text) {
    OpCase c(op);
    for (const auto& [name, value] : attrs) c.Attr(name, value);
    c.In(classes).ExpectRunError(Code::kInvalidArgument, text);
  };
  const char *uniform = "UniformCandidateSampler", *fixed = "FixedUnigramCandidateSampler";
  const auto weights = [](std::vector<float> w, int64_t range) {
    return Sampler(1, 2, true, {{"unigrams", w}, {"range_max", range}});
  };
  error(uniform, I64({{7}}), Sampler(1, 3, true, {{"range_max", 5}}),
        "`true_candidate` out of range [0, 5), received 7");
  error(uniform, I64({{-1}}), Sampler(1, 3, true, {{"range_max", 5}}), "received -1");
  error(uniform, I64({{1}}), Sampler(1, 7, true, {{"range_max", 5}}),
        "Sampler's range is too small");
  error(uniform, I64({{1}}), Sampler(2, 3, true, {{"range_max", 5}}),
        "true_classes must have num_true columns, expected: 2 was: 1");
  error(uniform, I64({1}), Sampler(1, 3, true, {{"range_max", 5}}),
        "true_classes must be a matrix");
  error("LearnedUnigramCandidateSampler", I64({{1}}),
        Sampler(1, 3, true, {{"range_max", int64_t{1} << 31}}), "range_max must be less than");
  error(fixed, I64({{1}}), weights({}, 3), "Must provide either vocab_file or unigrams");
  error(fixed, I64({{1}}), weights({1, 2}, 3), "range is 3 must be equal to weights size  2");
  error(fixed, I64({{1}}), weights({1, -2, 1}, 3), "weight 1 is -2");
  AttrMap reserved = weights({1}, 3);
  reserved["num_reserved_ids"] = int64_t{1} << 60;
  error(fixed, I64({{1}}), reserved, "range is 3; it must be less than 2^31 and at least");
  // TensorFlow would draw forever.
  error(fixed, I64({{1}}), weights({0, 1, 0}, 3), "Sampler's range is too small: 2 different");
  ExpectBuildError(uniform, {"int64[1,1]"}, "must be at least minimum 1",
                   Sampler(1, 0, true, {{"range_max", 5}}));
}

TEST(CandidateSamplers, Shapes) {
  for (const char* op : {"UniformCandidateSampler", "LogUniformCandidateSampler",
                         "LearnedUnigramCandidateSampler", "FixedUnigramCandidateSampler"}) {
    const AttrMap attrs = Sampler(2, 3, true, {{"range_max", 9}});
    ExpectShape(op, {"int64[?,?]"}, "[3];[?,2];[3]", attrs);
    ExpectShape(op, {"int64[4,3]"}, "[3];[4,2];[3]", attrs);
    ExpectShape(op, {kInt64}, "[3];[?,2];[3]", attrs);
    ExpectBuildError(op, {"int64[4]"}, "Shape must be rank 2 but is rank 1", attrs);
  }
}

TEST(AllCandidateSampler, Values) {
  ExpectOutputs(FirstRuns("AllCandidateSampler", {I64({{1}, {0}})}, Sampler(1, 3, true), 1)[0],
                {I64({0, 1, 2}), F32({{1}, {1}}), F32({1, 1, 1})});
}

TEST(ComputeAccidentalHits, Values) {
  const float least = -std::numeric_limits<float>::max();
  OpCase("ComputeAccidentalHits")
      .In(I64({{1, 3}, {4, 9}}))
      .In(I64({3, 1, 3, 9}))
      .Attr("num_true", 2)
      .Out(I32({0, 0, 1}))
      .Out(I64({1, 2, 3}))
      .Out(F32({least, least, least}))
      .RunEverywhere();
  OpCase("ComputeAccidentalHits")
      .In(I64({{1}}))
      .In(I64({3}))
      .Attr("num_true", 1)
      .Out(I32(Shape({0}), {}))
      .Out(I64(Shape({0}), {}))
      .Out(F32(Shape({0}), {}))
      .RunEverywhere();
  ExpectShape("ComputeAccidentalHits", {"int64[?,3]", kInt64}, "[?];[?];[?]", {{"num_true", 3}});
  ExpectBuildError("ComputeAccidentalHits", {"int64[?,3]", kInt64}, "3 and 2", {{"num_true", 2}});
  OpCase("ComputeAccidentalHits")
      .In(I64({{1, 2}}))
      .In(I64({3}))
      .Attr("num_true", 1)
      .ExpectRunError(Code::kInvalidArgument, "must be a batch_size * num_true matrix");
}

TEST(CandidateSamplers, Functions) {
  Graph graph;
  const GraphScope use(graph);
  const auto samples = nn::LogUniformCandidateSampler(
      {{1}, {2}}, {.num_true = 1, .num_sampled = 3, .unique = true, .range_max = 9, .seed = 3});
  nn::ComputeAccidentalHits({{1}, {2}}, samples.sampled_candidates, {.num_true = 1, .name = "h"});
  EXPECT_THAT(NodeLines(graph),
              ElementsAre("Const LogUniformCandidateSampler/true_classes()",
                          "LogUniformCandidateSampler "
                          "LogUniformCandidateSampler(LogUniformCandidateSampler/true_classes)",
                          "Const h/true_classes()",
                          "ComputeAccidentalHits h(h/true_classes, LogUniformCandidateSampler)"));
  const Operation op = samples.sampled_candidates.op();
  EXPECT_EQ(*op.attr("seed2").Get<int64_t>(), 3);
  const auto fixed = nn::FixedUnigramCandidateSampler(
      {{1}}, {.num_sampled = 2, .range_max = 2, .unigrams = {1, 2}});
  const auto all = nn::AllCandidateSampler({{1}}, {.num_sampled = 2});
  const auto learned = nn::LearnedUnigramCandidateSampler({{1}}, {.range_max = 4});
  const auto uniform = nn::UniformCandidateSampler({{1}}, {.range_max = 4});
  Session session(graph);
  for (const Tensor& t :
       {samples.sampled_expected_count, fixed.true_expected_count, all.true_expected_count,
        learned.true_expected_count, uniform.true_expected_count})
    EXPECT_GT(session.Run(t).AsDouble(0), 0) << t.name();
}

}  // namespace
}  // namespace weft
