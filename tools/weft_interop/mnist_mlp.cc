// SPDX-License-Identifier: Apache-2.0
#include "tools/weft_interop/mnist_check.h"
#include "weft/weft.h"

namespace weft::interop {
namespace {

using golden::Mismatch;

// The running training of one reference run.
class Training {
 public:
  Training(const Json& run, const Digits& train, const Digits& validation, const Digits& test)
      : run_(run),
        train_(train),
        validation_(validation),
        test_(test),
        mlp_(BuildMlp(run.at("graph_seed").get<int64_t>())) {
    session_.Run(GlobalVariablesInitializer());
  }

  void Check() {
    const Json& losses = run_.at("first_losses");
    const Callable step =
        session_.MakeCallable({mlp_.loss}, {mlp_.images, mlp_.labels}, {mlp_.train});
    int64_t done = 0;
    for (const Json& at : run_.at("at_step")) {
      for (; done < at.at("step").get<int64_t>(); ++done) {
        const Digits batch = TrainingBatch(train_, done);
        const float loss =
            step({Images(batch), Array::FromVector(batch.labels)})[0].scalar<float>();
        if (done >= static_cast<int64_t>(losses.size())) continue;
        const double want = losses[static_cast<size_t>(done)].get<double>();
        CheckNear(StrCat("the loss of step ", done), loss, want, 1e-4 * want);
      }
      CheckAccuracies(at);
    }
  }

 private:
  void CheckAccuracies(const Json& at) {
    const std::string after = StrCat(" after ", at.at("step").dump(), " steps");
    const auto check = [&](const char* key, const Digits& digits, const Tensor& accuracy) {
      const double got = session_
                             .Run(accuracy, {{mlp_.images, Images(digits)},
                                             {mlp_.labels, Array::FromVector(digits.labels)}})
                             .AsDouble(0);
      CheckNear(StrCat(key, after), got, at.at(key).get<double>(), 0.003);
    };
    check("validation_accuracy_ema", validation_, mlp_.accuracy_of_averages);
    check("test_accuracy_ema", test_, mlp_.accuracy_of_averages);
    // The last batches decide over single digits: the raw weights wander more than the averages.
    const double raw = session_
                           .Run(mlp_.accuracy, {{mlp_.images, Images(test_)},
                                                {mlp_.labels, Array::FromVector(test_.labels)}})
                           .AsDouble(0);
    CheckNear(StrCat("test_accuracy_raw_weights", after), raw,
              at.at("test_accuracy_raw_weights").get<double>(), 0.006);
    const double rate = at.at("learning_rate").get<double>();
    CheckNear("the learning rate" + after, session_.Run(mlp_.rate).AsDouble(0), rate, 1e-6 * rate);
  }

  const Json& run_;
  const Digits &train_, &validation_, &test_;
  const Mlp mlp_;
  Session session_;
};

}  // namespace

Mlp BuildMlp(int64_t graph_seed) {
  Graph::Default().set_seed(graph_seed);
  Mlp m;
  m.images = Placeholder(kFloat32, {-1, kPixels});
  m.labels = Placeholder(kInt64, {-1});
  Variable w1(TruncatedNormal({kPixels, 500}, {.stddev = 0.1f, .seed = 1}));
  Variable b1(Array::Full(Shape({500}), 0.1f));
  Variable w2(TruncatedNormal({500, 10}, {.stddev = 0.1f, .seed = 2}));
  Variable b2(Array::Full(Shape({10}), 0.1f));
  const auto logits = [&](const Input& v1, const Input& c1, const Input& v2, const Input& c2) {
    return MatMul(nn::Relu(MatMul(m.images, v1) + c1), v2) + c2;
  };
  const auto accuracy = [&](const Tensor& of) {
    return ReduceMean(Cast(Equal(ArgMax(of, 1), m.labels), kFloat32));
  };
  const Tensor raw = logits(w1, b1, w2, b2);
  const Variable step = train::GetOrCreateGlobalStep();
  const Tensor cross_entropy = ReduceMean(nn::SparseSoftmaxCrossEntropyWithLogits(m.labels, raw));
  m.loss = cross_entropy + 1e-4f * (nn::L2Loss(w1) + nn::L2Loss(w2));
  m.rate = train::ExponentialDecay(0.8f, step, 55000 / kBatch, 0.99f);
  const Operation descent =
      train::GradientDescentOptimizer(m.rate).Minimize(m.loss, {.global_step = step});
  train::ExponentialMovingAverage ema(0.99f, {.num_updates = step});
  m.train = Group({descent, ema.Apply()});
  m.accuracy = accuracy(raw);
  m.accuracy_of_averages =
      accuracy(logits(ema.Average(w1), ema.Average(b1), ema.Average(w2), ema.Average(b2)));
  return m;
}

Digits TrainingBatch(const Digits& digits, int64_t step) {
  Digits batch;
  for (int64_t j = 0; j < kBatch; ++j) {
    const int64_t row = (kBatch * step + j) * 7919 % static_cast<int64_t>(digits.labels.size());
    const auto first = digits.images.begin() + row * kPixels;
    batch.images.insert(batch.images.end(), first, first + kPixels);
    batch.labels.push_back(digits.labels[static_cast<size_t>(row)]);
  }
  return batch;
}

void CheckMnistMlp(const Json& reference, const std::filesystem::path& data) {
  const examples::DataSets sets = examples::ReadDataSets(data, {.seed = 1});
  const Digits train = DigitsOf(sets.train), validation = DigitsOf(sets.validation),
               test = DigitsOf(sets.test);
  for (const Json& run : reference.at("runs")) {
    const Graph graph;
    const GraphScope scope(graph);
    try {
      Training(run, train, validation, test).Check();
    } catch (const Mismatch& m) {
      throw Mismatch(StrCat("graph seed ", run.at("graph_seed").dump(), ": ", m.what()));
    }
  }
}

}  // namespace weft::interop
