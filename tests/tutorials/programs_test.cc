// SPDX-License-Identifier: Apache-2.0
// Whole small programs, against the numbers that TensorFlow 2.15.1 computes for them.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "examples/support/mnist_data.h"
#include "weft/weft.h"

namespace wf = weft;

namespace {

class Programs : public testing::Test {
 protected:
  wf::Graph graph_;
  wf::GraphScope scope_{graph_};
};

void ExpectNear(const wf::Array& got, const std::vector<double>& want, double relative) {
  ASSERT_EQ(got.num_elements(), static_cast<int64_t>(want.size()));
  for (size_t i = 0; i < want.size(); ++i)
    EXPECT_NEAR(got.AsDouble(static_cast<int64_t>(i)), want[i], relative * std::abs(want[i]))
        << "element " << i;
}

TEST_F(Programs, Forward) {
  wf::Variable w1(wf::RandomNormal({2, 3}, {.stddev = 1, .seed = 1}));
  wf::Variable w2(wf::RandomNormal({3, 1}, {.stddev = 1, .seed = 1}));
  auto x = wf::Placeholder(wf::kFloat32, {-1, 2});
  auto a = wf::MatMul(x, w1), y = wf::MatMul(a, w2);
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  const wf::Array row({{0.7f, 0.9f}}), rows({{0.7f, 0.9f}, {0.1f, 0.4f}, {0.5f, 0.8f}});
  ExpectNear(session.Run(w1),
             {-0.8113182187080383, 1.4845987558364868, 0.06532937288284302, -2.442704200744629,
              0.09924840182065964, 0.5912243127822876},
             0);
  ExpectNear(session.Run(w2), {-0.8113182187080383, 1.4845987558364868, 0.06532937288284302}, 0);
  ExpectNear(session.Run(a, {{x, row}}),
             {-2.7663564682006836, 1.1285426616668701, 0.5778324604034424}, 1e-5);
  ExpectNear(session.Run(y, {{x, row}}), {3.95757794380188}, 1e-5);
  ExpectNear(session.Run(y, {{x, rows}}), {3.95757794380188, 1.1537654399871826, 3.167492389678955},
             1e-5);
}

TEST_F(Programs, MovingAverage) {
  wf::Variable v1(0.0f), step(0, {.trainable = false});
  wf::train::ExponentialMovingAverage ema(0.99f, {.num_updates = step});
  auto apply = ema.Apply({v1});
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  const auto expect = [&](double value, double average) {
    ExpectNear(session.Run(v1), {value}, 0);
    ExpectNear(session.Run(ema.Average(v1)), {average}, 0);
  };
  expect(0, 0);
  session.Run(apply);
  expect(0, 0);
  session.Run(v1.Assign(5.f));
  session.Run(apply);
  expect(5, 4.5);
  session.Run(step.Assign(10000));
  session.Run(v1.Assign(10.f));
  session.Run(apply);
  expect(10, 4.554999828338623);
  session.Run(apply);
  expect(10, 4.609449863433838);
}

TEST_F(Programs, LearningRates) {
  auto g = wf::Placeholder(wf::kInt64, {});
  auto smooth = wf::train::ExponentialDecay(0.1f, g, 100, 0.96f);
  auto stairs = wf::train::ExponentialDecay(0.1f, g, 100, 0.96f, {.staircase = true});
  const int64_t steps[] = {0, 1, 50, 100, 101, 199, 200, 250, 299, 400};
  const double want_smooth[] = {0.10000000149011612, 0.09995918720960617, 0.0979795902967453,
                                0.09600000083446503, 0.0959608182311058,  0.09219762682914734,
                                0.09216000139713287, 0.09029798954725266, 0.08850972354412079,
                                0.08493464440107346};
  const double want_stairs[] = {0.10000000149011612, 0.10000000149011612, 0.10000000149011612,
                                0.09600000083446503, 0.09600000083446503, 0.09600000083446503,
                                0.09216000139713287, 0.09216000139713287, 0.09216000139713287,
                                0.08493464440107346};
  wf::Session session;
  for (size_t i = 0; i < 10; ++i) {
    auto [a, b] = session.Run(std::tuple(smooth, stairs), {{g, wf::Array(steps[i])}});
    ExpectNear(a, {want_smooth[i]}, 1e-6);
    ExpectNear(b, {want_stairs[i]}, 1e-6);
  }
}

TEST_F(Programs, Parabola) {
  wf::Variable x(5.0f);
  auto train = wf::train::GradientDescentOptimizer(0.2f).Minimize(wf::Square(x));
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  for (double want : {5.0, 3.0, 1.7999999523162842, 1.0799999237060547, 0.6479999423027039,
                      0.3887999653816223, 0.2332799732685089}) {
    ExpectNear(session.Run(x), {want}, 1e-6);
    session.Run(train);
  }
}

// ---- a classifier of digits: the losses of its first 20 steps
// -------------------------------------

struct Mlp {
  wf::Tensor images, labels, loss;
  wf::Operation train;
};

Mlp BuildMlp(int64_t graph_seed) {
  wf::Graph::Default().set_seed(graph_seed);
  Mlp m;
  m.images = wf::Placeholder(wf::kFloat32, {-1, 784});
  m.labels = wf::Placeholder(wf::kInt64, {-1});
  wf::Variable w1(wf::TruncatedNormal({784, 500}, {.stddev = 0.1f, .seed = 1}));
  wf::Variable b1(wf::Array::Full(wf::Shape({500}), 0.1f));
  wf::Variable w2(wf::TruncatedNormal({500, 10}, {.stddev = 0.1f, .seed = 2}));
  wf::Variable b2(wf::Array::Full(wf::Shape({10}), 0.1f));
  auto hidden = wf::nn::Relu(wf::MatMul(m.images, w1) + b1);
  auto logits = wf::MatMul(hidden, w2) + b2;
  auto step = wf::train::GetOrCreateGlobalStep();
  auto cross_entropy =
      wf::ReduceMean(wf::nn::SparseSoftmaxCrossEntropyWithLogits(m.labels, logits));
  m.loss = cross_entropy + 1e-4f * (wf::nn::L2Loss(w1) + wf::nn::L2Loss(w2));
  auto rate = wf::train::ExponentialDecay(0.8f, step, 55000 / 100, 0.99f);
  auto descent = wf::train::GradientDescentOptimizer(rate).Minimize(m.loss, {.global_step = step});
  wf::train::ExponentialMovingAverage ema(0.99f, {.num_updates = step});
  m.train = wf::Group({descent, ema.Apply()});
  return m;
}

// Batch s holds rows ((100 s + j) 7919) mod n.
std::vector<float> FirstLosses(const Mlp& m, const std::vector<float>& images,
                               const std::vector<int64_t>& labels) {
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  const wf::Callable step = session.MakeCallable({m.loss}, {m.images, m.labels}, {m.train});
  std::vector<float> losses;
  for (size_t s = 0; s < 20; ++s) {
    std::vector<float> batch;
    std::vector<int64_t> classes;
    for (size_t j = 0; j < 100; ++j) {
      const size_t row = (100 * s + j) * 7919 % labels.size();
      batch.insert(batch.end(), images.begin() + static_cast<int64_t>(row * 784),
                   images.begin() + static_cast<int64_t>((row + 1) * 784));
      classes.push_back(labels[row]);
    }
    losses.push_back(step({wf::Array::FromVector(batch, wf::Shape({100, 784})),
                           wf::Array::FromVector(classes)})[0]
                         .scalar<float>());
  }
  return losses;
}

void ExpectLosses(const std::vector<float>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i)
    EXPECT_NEAR(got[i], want[i], 1e-4 * want[i]) << "at step " << i;
}

// The pictures are stripes by class with a pattern in them, so the numbers need no data set. They
// were computed by the same program in TensorFlow 2.15.1 (compat.v1), on a CPU.
TEST_F(Programs, FirstLossesOnStripes) {
  constexpr size_t kExamples = 1000;
  std::vector<float> images;
  std::vector<int64_t> labels;
  for (size_t i = 0; i < kExamples; ++i) {
    const size_t label = i % 10;
    labels.push_back(static_cast<int64_t>(label));
    for (size_t j = 0; j < 784; ++j) {
      const bool in_stripe = (j / 28 + label * 3) % 7 == 0;
      const auto value = static_cast<float>((i * 7919 + j * 104729) % 256);
      images.push_back(in_stripe ? value * static_cast<float>(1 / 255.0) : 0.0f);
    }
  }
  ExpectLosses(
      FirstLosses(BuildMlp(1), images, labels),
      {2.99695659,  0.799039602, 3.58193803,  2.20752239,  1.41750491,  1.0362066,   0.77970928,
       0.653484583, 0.622701705, 0.632855237, 0.623644471, 0.629117072, 0.639308274, 0.648342788,
       0.650095403, 0.640835106, 0.624257803, 0.588675261, 0.577671707, 0.591011763});
}

// The numbers after "first_losses" in a JSON text, a list for each time that it is there.
std::vector<std::vector<double>> ListsOf(const std::string& json, const std::string& key) {
  std::vector<std::vector<double>> lists;
  for (size_t at = json.find(key); at != std::string::npos; at = json.find(key, at + 1)) {
    const size_t begin = json.find('[', at), end = json.find(']', begin);
    std::vector<double> list;
    for (size_t i = begin + 1; i < end; i = json.find(',', i) + 1) {
      list.push_back(std::stod(json.substr(i, end - i)));
      if (json.find(',', i) > end) break;
    }
    lists.push_back(list);
  }
  return lists;
}

// On MNIST, with the reference values that lie beside the data. Both are beside the project, if
// they are there at all.
TEST_F(Programs, FirstLossesOnMnist) {
  const std::filesystem::path data = "../shared/data/mnist",
                              reference = "../shared/interop/programs/a_mnist_mlp.json";
  if (!std::filesystem::exists(data) || !std::filesystem::exists(reference))
    GTEST_SKIP() << data << " or " << reference << " is not there";
  std::ifstream file(reference);
  const std::string json(std::istreambuf_iterator<char>(file), {});
  const std::vector<std::vector<double>> want = ListsOf(json, "\"first_losses\"");
  ASSERT_GE(want.size(), 3u);
  const auto sets = weft::examples::ReadDataSets(data, {.seed = 1});
  const auto images = sets.train.images(), labels = sets.train.labels();
  const std::vector<int64_t> classes(labels.bytes().begin(), labels.bytes().end());
  for (int64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    wf::Graph graph;
    wf::GraphScope scope(graph);
    ExpectLosses(FirstLosses(BuildMlp(seed), images.floats(), classes),
                 want[static_cast<size_t>(seed - 1)]);
  }
}

}  // namespace
