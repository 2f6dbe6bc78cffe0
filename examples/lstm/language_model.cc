// SPDX-License-Identifier: Apache-2.0
#include "examples/lstm/language_model.h"

#include <chrono>
#include <stdexcept>
#include <utility>

#include "weft/framework/checkpoint.h"
#include "weft/nn/embedding.h"
#include "weft/nn/rnn.h"

namespace weft::examples {
namespace {

namespace rnn = nn::rnn_cell;

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Keeps each number with probability `keep_prob` where `is_training`, scaled so that the mean
// stays. A function of seed, place and step alone.
Tensor StepDropout(const Tensor& x, const LanguageModel& m, const LanguageModelOptions& options,
                   int64_t place) {
  if (options.keep_prob >= 1) return x;
  const NameScope scope("dropout");
  const Tensor step = Cast(m.global_step.AsTensor(), kInt64);
  const Tensor seed = Stack({Constant(Array(options.seed * 1000 + place)), step});
  const Tensor drawn = random::StatelessUniform(ShapeOf(x), seed);
  const Tensor keep = Where(m.is_training, Constant(options.keep_prob), Constant(1.0f));
  const Tensor dropped = x / keep * Floor(drawn + keep);
  dropped.set_shape(x.shape());
  return dropped;
}

// One layer over all steps of x [time, batch, n], which starts at the state `c`, `h`.
nn::DynamicRnnResult Layer(const Tensor& x, const LanguageModelOptions& options,
                           const nn::RnnState& state, int64_t number) {
  nn::DynamicRnnOptions unroll;
  unroll.initial_state = state;
  unroll.time_major = true;
  unroll.scope = "layer_" + std::to_string(number);
  return nn::DynamicRnn(rnn::LSTMBlockCell(options.units, {.forget_bias = options.forget_bias}), x,
                        unroll);
}

Operation Train(const LanguageModel& m, const LanguageModelOptions& options) {
  Tensor cost = m.loss;
  if (options.sum_over_steps) cost = cost * Cast(At(ShapeOf(m.inputs), {1}), kFloat32);
  train::AdamOptimizer adam(m.learning_rate);
  train::GradientDescentOptimizer descent(m.learning_rate);
  train::Optimizer& optimizer = options.descent == Descent::kAdam
                                    ? static_cast<train::Optimizer&>(adam)
                                    : static_cast<train::Optimizer&>(descent);
  std::vector<train::GradAndVar> pairs = optimizer.ComputeGradients(cost);
  std::vector<Grad> gradients;
  for (const train::GradAndVar& p : pairs) gradients.push_back(p.grad);
  const std::vector<Grad> clipped = ClipByGlobalNorm(gradients, options.max_norm).list;
  for (size_t i = 0; i < pairs.size(); ++i) pairs[i].grad = clipped[i];
  return optimizer.ApplyGradients(pairs, {.global_step = m.global_step});
}

Array ZeroState(const LanguageModel& m, int64_t batch_size) {
  return Array::Zeros(kFloat32, Shape({batch_size, m.units}));
}

std::vector<Fetch> WithFinalState(const LanguageModel& m, const Tensor& first) {
  std::vector<Fetch> fetches = {first};
  fetches.insert(fetches.end(), m.final_state.begin(), m.final_state.end());
  return fetches;
}

void CheckOptions(const LanguageModelOptions& o) {
  if (o.vocabulary < 1 || o.units < 1 || o.layers < 1 || o.batch_size < 1 || o.embedding < 0)
    throw std::runtime_error("vocabulary, units, layers and batch size must be 1 at least");
  if (!(o.keep_prob > 0 && o.keep_prob <= 1))
    throw std::runtime_error("the share that dropout keeps must be above 0, and at most 1");
}

}  // namespace

LanguageModel BuildLanguageModel(const LanguageModelOptions& options) {
  CheckOptions(options);
  Graph::Default().set_seed(options.seed);
  LanguageModel m;
  m.units = options.units;
  m.inputs = Placeholder(kInt32, {-1, -1}, "inputs");
  m.targets = Placeholder(kInt32, {-1, -1}, "targets");
  m.learning_rate = Placeholder(kFloat32, PartialShape::Scalar(), "learning_rate");
  m.is_training = PlaceholderWithDefault(false, PartialShape::Scalar(), "is_training");
  m.temperature = PlaceholderWithDefault(1.0f, PartialShape::Scalar(), "temperature");
  m.global_step = train::GetOrCreateGlobalStep();

  VariableScopeOptions weights;
  if (options.init_scale > 0) {
    weights.initializer = RandomUniformInitializer(-options.init_scale, options.init_scale);
  }
  std::vector<Variable> kept;  // the training's state
  Tensor logits;
  {
    const VariableScope scope("language_model", weights);
    const int64_t columns = options.embedding > 0 ? options.embedding : options.units;
    const Variable table = GetVariable("embedding", {options.vocabulary, columns});
    // Time comes first: the layers read one step after the other.
    Tensor x = StepDropout(nn::EmbeddingLookup({table}, Transpose(m.inputs)), m, options, 0);
    for (int64_t i = 0; i < options.layers; ++i) {
      const std::string layer = "state_" + std::to_string(i);
      for (const char* part : {"_c", "_h"}) {
        kept.push_back(GetVariable(layer + part, {options.batch_size, options.units},
                                   {.initializer = ZerosInitializer(), .trainable = false}));
        m.state.push_back(
            PlaceholderWithDefault(kept.back().AsTensor(), PartialShape({-1, options.units})));
      }
      const size_t at = m.state.size() - 2;
      const nn::DynamicRnnResult run =
          Layer(x, options, rnn::LSTMStateTuple(m.state[at], m.state[at + 1]), i);
      const rnn::LSTMStateTuple last(run.state);
      m.final_state.insert(m.final_state.end(), {last.c, last.h});
      x = StepDropout(run.outputs, m, options, i + 1);
    }
    const Variable w = GetVariable("softmax_w", {options.units, options.vocabulary});
    const Variable b =
        GetVariable("softmax_b", {options.vocabulary}, {.initializer = ZerosInitializer()});
    logits = MatMul(Reshape(x, {-1, options.units}), w) + b;  // [time batch, vocabulary]
    const Tensor last = MatMul(m.final_state.back(), w) + b;
    m.next = Reshape(Multinomial(last / m.temperature, 1), {-1});
  }
  m.loss = ReduceMean(
      nn::SparseSoftmaxCrossEntropyWithLogits(Reshape(Transpose(m.targets), {-1}), logits));

  const Operation update = Train(m, options);
  std::vector<Operation> moves, resets;
  {
    // Gradients read the state that was: it may change when they are through.
    const ControlDependencies after({update});
    for (size_t i = 0; i < kept.size(); ++i)
      moves.push_back(kept[i].AssignOp(Identity(m.final_state[i])));
  }
  for (const Variable& v : kept)
    resets.push_back(v.AssignOp(Constant(ZeroState(m, options.batch_size))));
  m.train = Group(moves);
  m.reset_state = Group(resets);
  return m;
}

void TrainLanguageModel(Session& session, const LanguageModel& model, const train::Saver& saver,
                        const Corpus& corpus, const LanguageTraining& options,
                        const std::function<void(const LanguageProgress&)>& report) {
  const Windows windows(corpus.train, options.batch_size, options.window);
  const Callable step = session.MakeCallable(
      {model.loss}, {model.inputs, model.targets, model.learning_rate, model.is_training},
      {model.train});
  const Array yes(true);
  const auto due = [&](int64_t each, int64_t done) {
    return (each > 0 && done % each == 0) || done == options.steps;
  };
  double sum = 0, seconds = 0;
  int64_t counted = 0;
  for (int64_t s = session.Run(model.global_step.AsTensor()).AsInt64(); s < options.steps; ++s) {
    if (s % windows.count() == 0) session.Run(model.reset_state);  // the text begins again
    const Windows::Window w = windows.Get(s);
    const auto rate = static_cast<float>(options.learning_rate(s, s / windows.count()));
    const double begin = Now();
    sum += step({w.inputs, w.targets, Array(rate), yes})[0].scalar<float>();
    seconds += Now() - begin;
    ++counted;
    const int64_t done = s + 1;
    if (!options.model_dir.empty() && due(options.save_each, done))
      saver.Save(session, (options.model_dir / "model.ckpt").string(), done);
    const bool evaluates = due(options.evaluate_each, done) && options.evaluate_each > 0;
    if (!evaluates && !due(options.report_each, done)) continue;
    LanguageProgress progress;
    progress.step = done;
    progress.loss = sum / static_cast<double>(counted);
    progress.tokens_per_second =
        static_cast<double>(counted * options.batch_size * options.window) / seconds;
    if (evaluates) {
      progress.validation =
          EvaluateLanguageModel(session, model, corpus.valid, options.batch_size, options.window);
    }
    report(progress);
    sum = seconds = 0;
    counted = 0;
  }
}

bool RestoreNewest(Session& session, const train::Saver& saver,
                   const std::filesystem::path& model_dir) {
  if (model_dir.empty()) return false;
  const auto state = train::GetCheckpointState(model_dir.string());
  if (!state || state->model_checkpoint_path.empty()) return false;
  saver.Restore(session, state->model_checkpoint_path);
  saver.RecoverLastCheckpoints(state->all_model_checkpoint_paths);
  return true;
}

double EvaluateLanguageModel(Session& session, const LanguageModel& model,
                             const std::vector<int32_t>& ids, int64_t batch_size, int64_t window) {
  const Windows windows(ids, batch_size, window);
  std::vector<Tensor> feeds = {model.inputs, model.targets};
  feeds.insert(feeds.end(), model.state.begin(), model.state.end());
  const Callable step = session.MakeCallable(WithFinalState(model, model.loss), feeds);
  std::vector<Array> state(model.state.size(), ZeroState(model, batch_size));
  double sum = 0;
  for (int64_t i = 0; i < windows.count(); ++i) {
    const Windows::Window w = windows.Get(i);
    std::vector<Array> values = {w.inputs, w.targets};
    values.insert(values.end(), state.begin(), state.end());
    std::vector<Array> results = step(values);
    sum += results[0].scalar<float>();
    state.assign(results.begin() + 1, results.end());
  }
  return sum / static_cast<double>(windows.count());
}

std::vector<int32_t> SampleTokens(Session& session, const LanguageModel& model,
                                  const std::vector<int32_t>& start, int64_t count,
                                  float temperature) {
  if (start.empty()) throw std::runtime_error("a sample needs a token to start from");
  if (!(temperature > 0)) throw std::runtime_error("the temperature must be above 0");
  std::vector<Tensor> feeds = {model.inputs, model.temperature};
  feeds.insert(feeds.end(), model.state.begin(), model.state.end());
  const Callable step = session.MakeCallable(WithFinalState(model, model.next), feeds);
  std::vector<Array> state(model.state.size(), ZeroState(model, 1));
  std::vector<int32_t> read = start, drawn;
  while (static_cast<int64_t>(drawn.size()) < count) {
    std::vector<Array> values = {
        Array::FromVector(read, Shape({1, static_cast<int64_t>(read.size())})), Array(temperature)};
    values.insert(values.end(), state.begin(), state.end());
    std::vector<Array> results = step(values);
    drawn.push_back(static_cast<int32_t>(results[0].data<int64_t>()[0]));
    read = {drawn.back()};
    state.assign(results.begin() + 1, results.end());
  }
  return drawn;
}

}  // namespace weft::examples
