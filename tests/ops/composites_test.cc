// SPDX-License-Identifier: Apache-2.0
// Public functions that add several nodes: the nodes are TensorFlow's; values by formulas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/arrays.h"
#include "tests/support/errors.h"
#include "tests/support/graph_golden.h"
#include "weft/core/complex.h"
#include "weft/framework/gradient_checker.h"
#include "weft/weft.h"

namespace weft {
namespace {

using testing::HasSubstr;

Tensor X(const PartialShape& shape, DataType dtype = kFloat32) {
  return Placeholder(dtype, shape, "x");
}

class Composites : public testing::Test {
 protected:
  void Expect(const std::string& section, const std::function<void()>& build,
              std::source_location where = std::source_location::current()) {
    golden_.Expect(section, build, where);
  }
  Array Run(const Tensor& t, const Feeds& feeds = {}) { return Session(graph_).Run(t, feeds); }
  GoldenGraphs golden_{"tests/ops/data/composites.golden"};
  Graph graph_;
  GraphScope scope_{graph_};
};

const PartialShape kAnyRank = PartialShape::Unknown(), kScalar = PartialShape::Scalar();

// Operands are placeholders made in the order in which TensorFlow's script makes them.

// ---- moments, normalisation ---------------------------------------------------------------------

TEST_F(Composites, MomentsNodes) {
  Expect("moments", [] { nn::Moments(X({2, 3}), {0}); });
  Expect("moments_of_halves", [] {
    nn::Moments(X({-1, 3}, kFloat16), {0, 1}, {.keep_dims = true, .name = "mm"});
  });
  Expect("weighted_moments", [] {
    const Tensor x = X({2, 3}), w = X({2, 3});
    nn::WeightedMoments(x, {0}, w);
  });
  Expect("normalize_moments", [] {
    const Tensor counts = X(kScalar), mean = X({3}), variance = X({3});
    nn::NormalizeMoments(counts, mean, variance);
  });
  Expect("normalize_shifted_moments", [] {
    const Tensor counts = X(kScalar), mean = X({3}), variance = X({3}), shift = X(kScalar);
    nn::NormalizeMoments(counts, mean, variance, shift);
  });
}

TEST_F(Composites, MomentsValues) {
  const Tensor x = Constant({{1.f, 2.f, 3.f}, {5.f, 2.f, 7.f}});
  const auto by_column = nn::Moments(x, {0});
  EXPECT_TRUE(ArraysEqual(Run(by_column.mean), F32({3, 2, 5})));
  EXPECT_TRUE(ArraysEqual(Run(by_column.variance), F32({4, 0, 4})));
  const auto kept = nn::Moments(x, {0, 1}, {.keep_dims = true});
  EXPECT_TRUE(ArraysNear(Run(kept.mean), F32({{20.f / 6}}), {1e-6, 0}));
  EXPECT_TRUE(ArraysNear(Run(kept.variance), F32({{92.f / 6 - 400.f / 36}}), {1e-5, 0}));
  // Weights 3 and 1: the mean of 1, 1, 1, 5.
  const auto weighted = nn::WeightedMoments(x, {0}, Constant({{3.f}, {1.f}}));
  EXPECT_TRUE(ArraysEqual(Run(weighted.mean), F32({2, 2, 4})));
  EXPECT_TRUE(ArraysEqual(Run(weighted.variance), F32({3, 0, 3})));
}

TEST_F(Composites, BatchNormalization) {
  Expect("batch_normalization", [] {
    const Tensor x = X({2, 3}), mean = X({3}), variance = X({3}), offset = X({3}), scale = X({3});
    nn::BatchNormalization(x, mean, variance, offset, scale, .001f);
  });
  Expect("batch_normalization_alone", [] {
    const Tensor x = X({2, 3}), mean = X({3}), variance = X({3});
    nn::BatchNormalization(x, mean, variance, Tensor(), Tensor(), .001f);
  });
  Expect("batch_normalization_offset", [] {
    const Tensor x = X({2, 3}), mean = X({3}), variance = X({3}), offset = X({3});
    nn::BatchNormalization(x, mean, variance, offset, Tensor(), .001f, "b");
  });
  const Tensor y =
      nn::BatchNormalization(Constant({{1.f}, {3.f}}), {2.f}, {0.75f}, {10.f}, {4.f}, 0.25f);
  EXPECT_TRUE(ArraysNear(Run(y), F32({{6}, {14}}), {1e-6, 0}));
}

TEST_F(Composites, L2Normalize) {
  Expect("l2_normalize", [] { nn::L2Normalize(X({2, 3}), 0); });
  EXPECT_TRUE(
      ArraysNear(Run(nn::L2Normalize(Constant(Array({complex64(3, 0), complex64(0, 4)})), 0)),
                 Array({complex64(.6f, 0), complex64(0, .8f)}), {1e-6, 0}));
  EXPECT_TRUE(ArraysNear(Run(nn::L2Normalize(Constant({{3.f, 4.f}, {0.f, 0.f}}), {1})),
                         F32({{.6f, .8f}, {0, 0}}), {1e-6, 0}));
}

TEST_F(Composites, ZeroFraction) {
  Expect("zero_fraction", [] { nn::ZeroFraction(X({2, 3})); });
  Expect("zero_fraction_unknown", [] { nn::ZeroFraction(X(kAnyRank)); });
  EXPECT_EQ(Run(nn::ZeroFraction(Constant({0, 1, 0, 2, 0}))).scalar<float>(), 0.6f);
}

// ---- layers, dropout ----------------------------------------------------------------------------

TEST_F(Composites, LinearLayers) {
  Expect("relu_layer", [] {
    const Tensor x = X({2, 3}), w = X({3, 4}), b = X({4});
    nn::ReluLayer(x, w, b);
  });
  Expect("xw_plus_b", [] {
    const Tensor x = X({2, 3}), w = X({3, 4}), b = X({4});
    nn::XwPlusB(x, w, b, "foo");
  });
  const Array x({{1.f, 2.f}}), w({{1.f, -1.f}, {1.f, -1.f}}), b({1.f, 1.f});
  EXPECT_TRUE(ArraysEqual(Run(nn::XwPlusB(x, w, b)), F32({{4, -2}})));
  EXPECT_TRUE(ArraysEqual(Run(nn::ReluLayer(x, w, b)), F32({{4, 0}})));
}

TEST_F(Composites, DropoutNodes) {
  Expect("dropout", [] { nn::Dropout(X({2, 3}), .5f, {.seed = 5}); });
  Expect("dropout_by_tensor", [] {
    const Tensor x = X({-1, 3}), keep = X(kScalar);
    nn::Dropout(x, keep);
  });
  Expect("dropout_noise", [] {
    nn::Dropout(X({2, 3}), .5f, {.noise_shape = IntList({-1, 1}), .name = "d"});
  });
  Expect("dropout_nothing", [] { nn::Dropout(X({2, 3}), 1.f); });
  Expect("random_uniform", [] {
    RandomUniform({2}, {.seed = 1});
    RandomUniform({2}, {.minval = 0, .maxval = 1, .seed = 1, .name = "u"});
    RandomUniform({2}, {.minval = 0.f, .maxval = 1.f, .seed = 1});
    RandomUniform({2}, {.maxval = 2, .seed = 1});
  });
}

TEST_F(Composites, DropoutValues) {
  const Tensor ones = Ones({100, 100}, kFloat32);
  const Array y = Run(nn::Dropout(ones, .25f, {.seed = 1}));
  int64_t kept = 0;
  for (int64_t i = 0; i < y.num_elements(); ++i) {
    const double v = y.AsDouble(i);
    ASSERT_TRUE(v == 0 || v == 4) << v;
    kept += v == 4;
  }
  EXPECT_NEAR(static_cast<double>(kept), 2500, 150);
  // One choice a row.
  const Array rows = Run(nn::Dropout(ones, .5f, {.noise_shape = IntList({-1, 1}), .seed = 1}));
  for (int64_t i = 0; i < rows.num_elements(); ++i)
    ASSERT_EQ(rows.AsDouble(i), rows.AsDouble(i / 100 * 100));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { nn::Dropout(ones, 0.f); }),
              HasSubstr("in the range (0, 1]"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { nn::Dropout(ones, 1.5f); }),
              HasSubstr("in the range (0, 1]"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] {
                nn::Dropout(Constant({1, 2}), .5f);
              }),
              HasSubstr("floating point"));
}

// ---- softmax, cross entropies -------------------------------------------------------------------

TEST_F(Composites, SoftmaxNodes) {
  Expect("softmax", [] { nn::Softmax(X({2, 3, 4})); });
  Expect("softmax_axis", [] { nn::Softmax(X({2, 3, 4}), {.axis = 1}); });
  Expect("log_softmax_axis", [] { nn::LogSoftmax(X({2, 3, 4}), {.axis = 0, .name = "ls"}); });
}

TEST_F(Composites, SoftmaxValues) {
  const Tensor x = RandomUniform({2, 3, 4}, {.seed = 1});
  const Tensor y = nn::Softmax(x, {.axis = 1}), z = nn::Softmax(x, {.axis = -2});
  const Tensor log = nn::LogSoftmax(x, {.axis = 1});
  Session session;
  const auto v = session.Run({x, y, z, log});
  EXPECT_TRUE(ArraysEqual(v[1], v[2]));
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t k = 0; k < 4; ++k) {
      double sum = 0;
      for (int64_t j = 0; j < 3; ++j) sum += std::exp(v[0].AsDouble(i * 12 + j * 4 + k));
      for (int64_t j = 0; j < 3; ++j) {
        const int64_t at = i * 12 + j * 4 + k;
        const double want = std::exp(v[0].AsDouble(at)) / sum;
        EXPECT_NEAR(v[1].AsDouble(at), want, 1e-6);
        EXPECT_NEAR(v[3].AsDouble(at), std::log(want), 1e-6);
      }
    }
  }
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { nn::Softmax(x, {.axis = 3}); }),
              HasSubstr("[-3, 3)"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] { nn::Softmax(X(kAnyRank), {.axis = 1}); }),
              HasSubstr("unknown rank"));
}

TEST_F(Composites, SoftmaxCrossEntropyNodes) {
  Expect("softmax_cross_entropy", [] {
    const Tensor labels = X({2, 3}), logits = X({2, 3});
    nn::SoftmaxCrossEntropyWithLogits(labels, logits);
  });
  Expect("softmax_cross_entropy_v2", [] {
    const Tensor labels = X({-1, 3}), logits = X({-1, 3});
    nn::SoftmaxCrossEntropyWithLogitsV2(labels, logits, {.name = "a"});
  });
  Expect("softmax_cross_entropy_axis", [] {
    const Tensor labels = X({2, 3, 4}), logits = X({2, 3, 4});
    nn::SoftmaxCrossEntropyWithLogitsV2(labels, logits, {.axis = 1});
  });
  Expect("softmax_cross_entropy_half", [] {
    const Tensor labels = X({2, 3}, kFloat16), logits = X({2, 3}, kFloat16);
    nn::SoftmaxCrossEntropyWithLogitsV2(labels, logits);
  });
}

TEST_F(Composites, SparseSoftmaxCrossEntropyNodes) {
  Expect("sparse_softmax_cross_entropy", [] {
    nn::SparseSoftmaxCrossEntropyWithLogits({1, 0, 1}, X({3, 2}));
  });
  Expect("sparse_softmax_cross_entropy_name", [] {
    nn::SparseSoftmaxCrossEntropyWithLogits({1, 0, 1}, X({3, 2}), "foo");
  });
  Expect("sparse_softmax_cross_entropy_3", [] {
    const Tensor labels = X({2, 3}, kInt32), logits = X({2, 3, 4});
    nn::SparseSoftmaxCrossEntropyWithLogits(labels, logits);
  });
  Expect("sparse_softmax_cross_entropy_half", [] {
    const Tensor labels = X({2}, kInt32), logits = X({2, 4}, kFloat16);
    nn::SparseSoftmaxCrossEntropyWithLogits(labels, logits);
  });
  Expect("sparse_softmax_cross_entropy_unknown", [] {
    const Tensor labels = X(kAnyRank, kInt64), logits = X(kAnyRank);
    nn::SparseSoftmaxCrossEntropyWithLogits(labels, logits);
  });
}

TEST_F(Composites, CrossEntropiesOfHigherRankAgree) {
  const Tensor logits = RandomUniform({2, 3, 4}, {.seed = 1});
  const Tensor classes = Constant({{0, 1, 2}, {3, 2, 1}});
  const Tensor labels = OneHot(classes, 4);
  const Tensor swap = Constant({0, 2, 1});
  const Tensor dense = nn::SoftmaxCrossEntropyWithLogits(labels, logits);
  const Tensor middle = nn::SoftmaxCrossEntropyWithLogits(
      Transpose(labels, IntList(swap)), Transpose(logits, IntList(swap)), {.axis = 1});
  const Tensor sparse = nn::SparseSoftmaxCrossEntropyWithLogits(classes, logits);
  EXPECT_EQ(dense.shape(), PartialShape({2, 3}));
  EXPECT_EQ(sparse.shape(), PartialShape({2, 3}));
  Session session;
  const auto v = session.Run({logits, dense, middle, sparse});
  EXPECT_TRUE(ArraysNear(v[1], v[3], {1e-6, 1e-6}));
  EXPECT_TRUE(ArraysNear(v[2], v[3], {1e-6, 1e-6}));
  double sum = 0;
  for (int64_t c = 0; c < 4; ++c) sum += std::exp(v[0].AsDouble(c));
  EXPECT_NEAR(v[3].AsDouble(0), std::log(sum) - v[0].AsDouble(0), 1e-6);
}

TEST_F(Composites, SparseSoftmaxCrossEntropyErrors) {
  const auto error = [](const PartialShape& labels, const PartialShape& logits) {
    return test::MessageOf<InvalidArgumentError>(
        [&] { nn::SparseSoftmaxCrossEntropyWithLogits(X(labels, kInt32), X(logits)); });
  };
  EXPECT_THAT(error({2}, kScalar), HasSubstr("Logits cannot be scalars"));
  EXPECT_THAT(error({2, 3}, {2, 3}), HasSubstr("Rank mismatch: Rank of labels (received 2) should "
                                               "equal rank of logits minus 1 (received 2)"));
  EXPECT_THAT(error({2, 4}, {2, 3, 4}), HasSubstr("Shape mismatch"));
  // Unknown shapes are compared in the run.
  const Tensor labels = X(kAnyRank, kInt32), logits = X({-1, -1, 4});
  const Tensor loss = nn::SparseSoftmaxCrossEntropyWithLogits(labels, logits);
  Session session;
  EXPECT_EQ(session
                .Run(loss, {{labels, Array({{0, 1}})},
                            {logits, Array::Zeros(kFloat32, Shape({1, 2, 4}))}})
                .shape(),
            Shape({1, 2}));
  EXPECT_THROW(session.Run(loss, {{labels, Array({{0}, {1}})},
                                  {logits, Array::Zeros(kFloat32, Shape({1, 2, 4}))}}),
               InvalidArgumentError);
}

TEST_F(Composites, OtherLosses) {
  Expect("sigmoid_cross_entropy", [] {
    const Tensor labels = X({2, 3}), logits = X({2, 3});
    nn::SigmoidCrossEntropyWithLogits(labels, logits);
  });
  Expect("weighted_cross_entropy", [] {
    const Tensor labels = X({2, 3}), logits = X({2, 3});
    nn::WeightedCrossEntropyWithLogits(labels, logits, 2.f);
  });
  Expect("log_poisson_loss", [] {
    const Tensor targets = X({2, 3}), rates = X({2, 3});
    nn::LogPoissonLoss(targets, rates);
  });
  Expect("log_poisson_loss_full", [] {
    const Tensor targets = X({2, 3}), rates = X({2, 3});
    nn::LogPoissonLoss(targets, rates, {.compute_full_loss = true});
  });
  const Array x({-3.f, -.5f, 0.f, 2.f}), z({0.f, 1.f, .5f, 1.f});
  const Array plain = Run(nn::SigmoidCrossEntropyWithLogits(z, x));
  const Array weighted = Run(nn::WeightedCrossEntropyWithLogits(z, x, 3.f));
  const Array poisson = Run(nn::LogPoissonLoss(z, x));
  for (int64_t i = 0; i < 4; ++i) {
    const double logit = x.AsDouble(i), label = z.AsDouble(i), s = 1 / (1 + std::exp(-logit));
    const double yes = -label * std::log(s), no = -(1 - label) * std::log(1 - s);
    EXPECT_NEAR(plain.AsDouble(i), yes + no, 1e-6);
    EXPECT_NEAR(weighted.AsDouble(i), 3 * yes + no, 1e-6);
    EXPECT_NEAR(poisson.AsDouble(i), std::exp(logit) - logit * label, 1e-6);
  }
  // log 5! = 4.787; Stirling's approximation of it is a little less.
  const Tensor full = nn::LogPoissonLoss({5.f}, {0.f}, {.compute_full_loss = true});
  EXPECT_NEAR(Run(full).AsDouble(), 1 + 5 * std::log(5) - 5 + .5 * std::log(2 * M_PI * 5), 1e-5);
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>(
                  [] { nn::SigmoidCrossEntropyWithLogits(X({2}), X({3})); }),
              HasSubstr("must have the same shape"));
}

TEST_F(Composites, GradientsOfLosses) {
  const Tensor x = Placeholder(kFloat64, {3}, "logits");
  const Tensor z = Constant(Array({0.2, 0.9, 0.5}));
  for (const Tensor& loss :
       {nn::SigmoidCrossEntropyWithLogits(z, x), nn::WeightedCrossEntropyWithLogits(z, x, 3.0),
        nn::LogPoissonLoss(z, x), ClipByNorm(x, 0.5), nn::L2Normalize(x, {0}),
        ClipByAverageNorm(x, 0.1)}) {
    const test::GradientError e = test::ComputeGradientError({loss}, {x});
    EXPECT_LT(e.relative, 1e-6) << loss.name() << ": " << e.ToString();
  }
}

// ---- clipping -----------------------------------------------------------------------------------

TEST_F(Composites, ClipNodes) {
  Expect("clip_by_value", [] { ClipByValue(X({2, 3}), 0.f, 1.f); });
  Expect("clip_by_norm", [] { ClipByNorm(X({2, 3}), 5.f); });
  Expect("clip_by_norm_axes", [] { ClipByNorm(X({2, 3}), 5.f, {.axes = {1}}); });
  Expect("clip_by_average_norm", [] { ClipByAverageNorm(X({2, 3}), 5.f); });
  Expect("global_norm", [] {
    const Tensor a = X({2, 3}), b = X({4});
    GlobalNorm({a, b});
  });
  Expect("clip_by_global_norm", [] {
    const Tensor a = X({2, 3}), b = X({4});
    ClipByGlobalNorm({a, Grad(), b}, 5.f);
  });
  Expect("clip_by_given_norm", [] {
    const Tensor a = X({2, 3}), b = X({4}), norm = X(kScalar);
    ClipByGlobalNorm({a, b}, 5.f, {.use_norm = norm, .name = "c"});
  });
  Expect("clip_slices", [] {
    const Tensor a = X({2, 3}), rows = X({2}, kInt32), b = X({4});
    ClipByGlobalNorm({IndexedSlices{a, rows, {}}, b}, 5.f);
  });
  Expect("clip_by_named_global_norm", [] { ClipByGlobalNorm({X({2, 3})}, 5.f, {.name = "c"}); });
  Expect("clip_values_and_norms_of_slices", [] {
    for (const bool by_value : {true, false}) {
      const Tensor values = X({2, 3}), rows = X({2}, kInt32);
      const IndexedSlices slices{values, rows, {}};
      if (by_value)
        ClipByValue(slices, 0.f, 1.f);
      else
        ClipByNorm(slices, 5.f);
    }
  });
}

TEST_F(Composites, ClipValues) {
  const Tensor t = Constant({{3.f, 4.f}, {0.f, 0.f}});
  EXPECT_TRUE(ArraysNear(Run(ClipByNorm(t, 1.f)), F32({{.6f, .8f}, {0, 0}}), {1e-6, 0}));
  EXPECT_TRUE(ArraysEqual(Run(ClipByNorm(t, 6.f)), F32({{3, 4}, {0, 0}})));
  EXPECT_TRUE(
      ArraysNear(Run(ClipByNorm(t, 1.f, {.axes = {1}})), F32({{.6f, .8f}, {0, 0}}), {1e-6, 0}));
  // The norm 5 over 4 elements is 1.25.
  EXPECT_TRUE(ArraysNear(Run(ClipByAverageNorm(t, .125f)), F32({{.3f, .4f}, {0, 0}}), {1e-6, 0}));
  const Tensor a = Constant({3.f}), b = Constant({4.f}), c = Constant({12.f});
  const auto [clipped, norm] =
      ClipByGlobalNorm({a, Grad(), IndexedSlices{b, Constant({7}), {}}, c}, 1.3f);
  EXPECT_EQ(Run(norm).scalar<float>(), 13);
  ASSERT_EQ(clipped.size(), 4u);
  EXPECT_TRUE(clipped[1].none());
  EXPECT_TRUE(ArraysNear(Run(clipped[0].tensor()), F32({.3f}), {1e-6, 0}));
  EXPECT_TRUE(ArraysNear(Run(clipped[2].slices().values), F32({.4f}), {1e-6, 0}));
  EXPECT_TRUE(ArraysNear(Run(clipped[3].tensor()), F32({1.2f}), {1e-6, 0}));
  const auto bad = ClipByGlobalNorm({a, Constant({kInf})}, 1.f);
  EXPECT_TRUE(ArraysEqual(Run(bad.list[0].tensor()), F32({kNaN})));
  EXPECT_THROW(GlobalNorm({Grad(), Grad()}), InvalidArgumentError);
  EXPECT_THROW(ClipByValue(a, Constant({1.f, 2.f}), 3.f), InvalidArgumentError);
  EXPECT_THROW(ClipByNorm(a, Constant({1.f, 2.f})), InvalidArgumentError);
}

// ---- sums, segments, counts, special functions --------------------------------------------------

TEST_F(Composites, AccumulateN) {
  Expect("accumulate_n", [] {
    const Tensor a = X({2, 3}), b = X({2, 3});
    AccumulateN({a, b});
    AccumulateN({X({2, 3})}, "q");
    AddN({X({2})});
  });
  EXPECT_TRUE(ArraysEqual(Run(AccumulateN({Constant({1, 2}), Constant({3, 4})})), I32({4, 6})));
}

TEST_F(Composites, Segments) {
  Expect("segments", [] {
    SegmentSum(X({2, 3}), {0, 1});
    SegmentMean(X({2, 3}), {0, 1});
    SegmentMax(X({2, 3}), {0, 1}, "z");
    UnsortedSegmentSum(X({2, 3}), {0, 1}, 2);
    SparseSegmentSum(X({2, 3}), {0, 1}, {0, 0});
    SparseSegmentMean(X({2, 3}), {0, 1}, {0, 0}, {.num_segments = 3});
  });
  Expect("unsorted_segment_mean", [] { UnsortedSegmentMean(X({2, 3}), {0, 1}, 2); });
  Expect("unsorted_segment_sqrt_n", [] {
    const Tensor x = X({2, 3}), ids = X({2}, kInt32);
    UnsortedSegmentSqrtN(x, ids, 2);
  });
  const Tensor x = Constant({{1.f, 2.f}, {3.f, 4.f}, {5.f, 9.f}});
  EXPECT_TRUE(ArraysEqual(Run(SegmentSum(x, {0, 0, 1})), F32({{4, 6}, {5, 9}})));
  EXPECT_TRUE(ArraysEqual(Run(SegmentMean(x, {0, 0, 1})), F32({{2, 3}, {5, 9}})));
  EXPECT_TRUE(ArraysEqual(Run(SegmentProd(x, {0, 0, 1})), F32({{3, 8}, {5, 9}})));
  EXPECT_TRUE(ArraysEqual(Run(SegmentMin(x, {0, 0, 1})), F32({{1, 2}, {5, 9}})));
  EXPECT_TRUE(ArraysEqual(Run(SegmentMax(x, {0, 0, 1})), F32({{3, 4}, {5, 9}})));
  EXPECT_TRUE(
      ArraysEqual(Run(UnsortedSegmentSum(x, {1, -1, 1}, 3)), F32({{0, 0}, {6, 11}, {0, 0}})));
  EXPECT_TRUE(ArraysEqual(Run(UnsortedSegmentMean(x, {1, -1, 1}, 2)), F32({{0, 0}, {3, 5.5f}})));
  EXPECT_TRUE(ArraysNear(Run(UnsortedSegmentSqrtN(x, {1, 0, 1}, 2)),
                         F32({{3, 4}, {6 / std::sqrt(2.f), 11 / std::sqrt(2.f)}}), {1e-6, 0}));
  EXPECT_TRUE(ArraysEqual(Run(UnsortedSegmentProd(x, {1, 1, 1}, 2)), F32({{1, 1}, {15, 72}})));
  EXPECT_TRUE(ArraysEqual(Run(UnsortedSegmentMax(x, {0, 0, 0}, 1)), F32({{5, 9}})));
  EXPECT_TRUE(ArraysEqual(Run(UnsortedSegmentMin(x, {0, 0, 0}, 1)), F32({{1, 2}})));
  EXPECT_TRUE(ArraysEqual(Run(SparseSegmentSum(x, {2, 0}, {0, 0})), F32({{6, 11}})));
  EXPECT_TRUE(ArraysEqual(Run(SparseSegmentMean(x, {2, 0}, {0, 0}, {.num_segments = 2})),
                          F32({{3, 5.5f}, {0, 0}})));
  EXPECT_TRUE(ArraysNear(Run(SparseSegmentSqrtN(x, {2, 0}, {0, 0})),
                         F32({{6 / std::sqrt(2.f), 11 / std::sqrt(2.f)}}), {1e-6, 0}));
}

TEST_F(Composites, Bincount) {
  Expect("bincount", [] { Bincount(X({5}, kInt32)); });
  Expect("bincount_weights", [] {
    const Tensor arr = X({5}, kInt32), weights = X({5});
    Bincount(arr, {.weights = weights, .minlength = 2, .maxlength = 7});
  });
  EXPECT_TRUE(ArraysEqual(Run(Bincount({1, 1, 2, 3, 2, 4, 4, 5})), I32({0, 2, 2, 1, 2, 1})));
  EXPECT_TRUE(ArraysEqual(Run(Bincount({1, 3}, {.minlength = 6})), I32({0, 1, 0, 1, 0, 0})));
  EXPECT_TRUE(ArraysEqual(Run(Bincount({1, 3}, {.maxlength = 2})), I32({0, 1})));
  EXPECT_TRUE(
      ArraysEqual(Run(Bincount({0, 0, 1}, {.weights = Array({.5f, 1.f, 2.f})})), F32({1.5f, 2})));
  EXPECT_EQ(Run(Bincount(Array(kInt32, Shape({0})))).num_elements(), 0);
  EXPECT_THROW(Run(Bincount({-1})), InvalidArgumentError);
}

TEST_F(Composites, ConfusionMatrix) {
  EXPECT_TRUE(ArraysEqual(Run(ConfusionMatrix({1, 2, 4}, {2, 2, 4})),
                          I32(Shape({5, 5}), {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1,
                                              0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})));
  const Tensor weighted =
      ConfusionMatrix({0, 1, 1}, {0, 1, 1},
                      {.num_classes = 2, .weights = Array({1.f, 2.f, 3.f}), .dtype = kFloat32});
  EXPECT_TRUE(ArraysEqual(Run(weighted), F32({{1, 0}, {0, 5}})));
  const auto error = [&](const Tensor& t) {
    return test::MessageOf<InvalidArgumentError>([&] { Run(t); });
  };
  EXPECT_THAT(error(ConfusionMatrix({-1}, {0})), HasSubstr("`labels` contains negative values"));
  EXPECT_THAT(error(ConfusionMatrix({0}, {-1})),
              HasSubstr("`predictions` contains negative values"));
  EXPECT_THAT(error(ConfusionMatrix({2}, {0}, {.num_classes = 2})),
              HasSubstr("`labels` out of bound"));
}

TEST_F(Composites, SpecialFunctions) {
  Expect("gamma_functions", [] {
    const Tensor a = X({2}), b = X({2});
    Igamma(a, b);
    Igammac(1.f, X({2}));
    Zeta(X({2}), 2.f);
    Polygamma(1.f, X({2}));
    const Tensor c = X({2}), d = X({2}), e = X({2});
    Betainc(c, d, e);
    Lbeta(X({2, 3}));
  });
  // P(1, x) = 1 - e^-x; zeta(2, 1) = pi^2 / 6; I_x(1, 1) = x; B(1, 2) = 1 / 2.
  EXPECT_NEAR(Run(Igamma({1.f}, {2.f})).AsDouble(), 1 - std::exp(-2), 1e-6);
  EXPECT_NEAR(Run(Igammac({1.f}, {2.f})).AsDouble(), std::exp(-2), 1e-6);
  EXPECT_NEAR(Run(Zeta({2.f}, {1.f})).AsDouble(), M_PI * M_PI / 6, 1e-6);
  EXPECT_NEAR(Run(Polygamma({1.f}, {1.f})).AsDouble(), M_PI * M_PI / 6, 1e-6);
  EXPECT_NEAR(Run(Betainc({1.f}, {1.f}, {.3f})).AsDouble(), .3, 1e-6);
  EXPECT_NEAR(Run(Lbeta({1.f, 2.f})).AsDouble(), std::log(.5), 1e-6);
}

TEST_F(Composites, Activations) {
  Expect("activations", [] {
    nn::LeakyRelu(X({2}));
    nn::Crelu(X({2}));
    nn::Elu(X({2}));
    nn::Selu(X({2}));
    nn::Relu6(X({2}));
    nn::Softplus(X({2}));
    nn::Softsign(X({2}));
  });
}

}  // namespace
}  // namespace weft
