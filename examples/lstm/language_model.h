// SPDX-License-Identifier: Apache-2.0
// Language models: layers of LSTMs tell the next token of a text. Trained by truncated
// back-propagation: gradients stop at the first token of a window, but the state goes on from the
// window before.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "examples/lstm/text.h"
#include "weft/weft.h"

namespace weft::examples {

enum class Descent { kAdam, kGradientDescent };

struct LanguageModelOptions {
  int64_t vocabulary = 0;
  int64_t embedding = 0;  // columns of the table of tokens; as many as units, if 0
  int64_t units = 256, layers = 2;
  int64_t batch_size = 32;
  // Below 1: dropout before, between and behind the layers. It is drawn from the number of the
  // step, so that a training that is resumed draws the same.
  float keep_prob = 1;
  float max_norm = 5;  // the global norm of all gradients is limited to it
  double forget_bias = 1;
  float init_scale = 0;  // initial weights are uniform in +-init_scale; Glorot's, if 0
  Descent descent = Descent::kAdam;
  // Gradients are of the sum over a window's steps, and not of the mean.
  bool sum_over_steps = false;
  int64_t seed = 1;
};

struct LanguageModel {
  Tensor inputs, targets;  // int32 [batch, steps]
  // c and h of each layer [batch, units]: where to begin. Unless they are fed, where the training
  // stands, for which the batch must be that of the options; and where it ended.
  std::vector<Tensor> state, final_state;
  Tensor learning_rate;  // to feed for `train`
  Tensor is_training;    // bool, false unless fed: dropout
  Tensor loss;           // the mean over all targets, in nats
  Tensor temperature;    // 1 unless fed: lower is bolder
  Tensor next;           // int64 [batch]: drawn as the token after the last of each row
  Variable global_step;
  Operation train;        // one step; the training's state goes on to final_state
  Operation reset_state;  // the training's state is zero again
  int64_t units = 0;
};
// In the default graph, whose seed it sets.
LanguageModel BuildLanguageModel(const LanguageModelOptions& options);

struct LanguageTraining {
  int64_t steps = 0;  // until the global step is this
  int64_t batch_size = 32, window = 64;
  int64_t report_each = 100;    // steps; 0: never
  int64_t evaluate_each = 500;  // steps; the same
  int64_t save_each = 500;
  std::filesystem::path model_dir;  // of checkpoints; none if empty
  std::function<double(int64_t step, int64_t epoch)> learning_rate;  // both count from 0
};
struct LanguageProgress {
  int64_t step = 0;              // steps that are done
  double loss = 0;               // the mean since the last report
  double validation = -1;        // where it was evaluated
  double tokens_per_second = 0;  // of training alone
};
// Trains from where the session's variables stand: call RestoreNewest before, or initialize. The
// same text, options and number of steps give the same losses, however often it was stopped.
void TrainLanguageModel(Session& session, const LanguageModel& model, const train::Saver& saver,
                        const Corpus& corpus, const LanguageTraining& options,
                        const std::function<void(const LanguageProgress&)>& report);

// Restores the newest checkpoint of a folder. False if there is none.
bool RestoreNewest(Session& session, const train::Saver& saver,
                   const std::filesystem::path& model_dir);

// Mean nats a token over all windows, in their order, from a zero state on.
double EvaluateLanguageModel(Session& session, const LanguageModel& model,
                             const std::vector<int32_t>& ids, int64_t batch_size, int64_t window);

// `count` tokens that go on from `start`, which has one token at least.
std::vector<int32_t> SampleTokens(Session& session, const LanguageModel& model,
                                  const std::vector<int32_t>& start, int64_t count,
                                  float temperature);

}  // namespace weft::examples
