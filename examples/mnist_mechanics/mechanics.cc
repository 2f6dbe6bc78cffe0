// SPDX-License-Identifier: Apache-2.0
#include "examples/mnist_mechanics/mechanics.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>

#include "weft/framework/summary.h"

namespace weft::examples {
namespace {

Tensor Linear(const Tensor& x, int64_t inputs, int64_t outputs) {
  const float stddev = 1.0f / std::sqrt(static_cast<float>(inputs));
  const Variable weights(TruncatedNormal({inputs, outputs}, {.stddev = stddev}),
                         {.name = "weights"});
  const Variable biases(Zeros({outputs}), {.name = "biases"});
  return MatMul(x, weights) + biases;
}

struct Placeholders {
  Tensor images, labels;
};

Feeds NextFeeds(DataSet& data, int64_t batch_size, const Placeholders& p) {
  Batch batch = data.NextBatch(batch_size);
  const std::vector<uint8_t>& classes = batch.labels.bytes();
  return {{p.images, Array::FromVector(batch.images.floats(), Shape(batch.images.shape))},
          {p.labels, Array::FromVector(std::vector<int32_t>(classes.begin(), classes.end()))}};
}

template <typename... T>
std::string Format(const char* format, T... values) {
  char text[160];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

// One epoch, in whole batches.
Precision Evaluate(Session& session, const Tensor& correct, const Placeholders& p, DataSet& data,
                   int64_t batch_size, const std::function<void(const std::string&)>& print) {
  Precision result;
  const int64_t steps = data.num_examples() / batch_size;
  for (int64_t i = 0; i < steps; ++i)
    result.num_correct += session.Run(correct, NextFeeds(data, batch_size, p)).scalar<int32_t>();
  result.num_examples = steps * batch_size;
  print(Format("  Num examples: %lld  Num correct: %lld  Precision @ 1: %0.4f",
               static_cast<long long>(result.num_examples),
               static_cast<long long>(result.num_correct), result.value()));
  return result;
}

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Tensor Inference(const Tensor& images, int64_t hidden1_units, int64_t hidden2_units) {
  Tensor hidden1, hidden2;
  {
    const NameScope scope("hidden1");
    hidden1 = nn::Relu(Linear(images, kImagePixels, hidden1_units));
  }
  {
    const NameScope scope("hidden2");
    hidden2 = nn::Relu(Linear(hidden1, hidden1_units, hidden2_units));
  }
  const NameScope scope("softmax_linear");
  return Linear(hidden2, hidden2_units, kNumClasses);
}

Tensor Loss(const Tensor& logits, const Tensor& labels) {
  return ReduceMean(
      nn::SparseSoftmaxCrossEntropyWithLogits(Cast(labels, kInt64), logits, "xentropy"),
      {.name = "xentropy_mean"});
}

Operation Training(const Tensor& loss, float learning_rate) {
  summary::Scalar("loss", loss);
  const Variable global_step(0, {.name = "global_step", .trainable = false});
  return train::GradientDescentOptimizer(learning_rate)
      .Minimize(loss, {.global_step = global_step});
}

Tensor CountCorrect(const Tensor& logits, const Tensor& labels) {
  return ReduceSum(Cast(nn::InTopK(logits, labels, 1), kInt32));
}

Precision RunTraining(DataSets& data, const MechanicsOptions& options,
                      const std::function<void(const std::string&)>& print) {
  Graph graph;
  const GraphScope use(graph);
  graph.set_seed(options.seed);
  const Placeholders p{Placeholder(kFloat32, PartialShape({options.batch_size, kImagePixels})),
                       Placeholder(kInt32, PartialShape({options.batch_size}))};
  const Tensor logits = Inference(p.images, options.hidden1, options.hidden2);
  const Tensor loss = Loss(logits, p.labels);
  const Operation train = Training(loss, options.learning_rate);
  const Tensor correct = CountCorrect(logits, p.labels);
  const Tensor summaries = summary::MergeAll();
  const Operation init = GlobalVariablesInitializer();
  std::optional<summary::FileWriter> writer;
  if (!options.log_dir.empty()) writer.emplace(options.log_dir.string(), graph);

  const train::Saver saver;
  Session session(graph);
  session.Run(init);
  Precision test;
  for (int64_t step = 0; step < options.steps; ++step) {
    const double start = Now();
    const Feeds feeds = NextFeeds(data.train, options.batch_size, p);
    const float value = session.Run({train, loss}, feeds)[1].scalar<float>();
    const double duration = Now() - start;
    if (step % 100 == 0) {
      print(Format("Step %lld: loss = %.2f (%.3f sec)", static_cast<long long>(step), value,
                   duration));
      if (writer) writer->AddSummary(session.Run(summaries, feeds), step);
    }
    if ((step + 1) % options.eval_each != 0 && step + 1 != options.steps) continue;
    if (writer) saver.Save(session, (options.log_dir / "model.ckpt").string(), step);
    const auto evaluate = [&](const char* title, DataSet& set) {
      print(title);
      return Evaluate(session, correct, p, set, options.batch_size, print);
    };
    evaluate("Training Data Eval:", data.train);
    evaluate("Validation Data Eval:", data.validation);
    test = evaluate("Test Data Eval:", data.test);
  }
  return test;
}

}  // namespace weft::examples
