// SPDX-License-Identifier: Apache-2.0
// Learns to write a text, character by character, and writes some of its own.
//
//   lstm_char                                            # on sentences that it makes itself
//   lstm_char --data=shakespeare.txt --model_dir=/tmp/char     # goes on from the newest checkpoint
//   lstm_char --data=shakespeare.txt --model_dir=/tmp/char --steps=0 --start="ROMEO:" --sample=1000
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>

#include "absl/flags/flag.h"
#include "examples/lstm/language_model.h"
#include "examples/lstm/text.h"
#include "examples/support/program.h"

ABSL_FLAG(std::string, data, "", "a text file; sentences of a small grammar if empty");
ABSL_FLAG(std::string, model_dir, "", "of checkpoints and the vocabulary; none if empty");
ABSL_FLAG(int64_t, steps, 3000, "training steps in all; 0: writes only");
ABSL_FLAG(int64_t, layers, 2, "of LSTMs");
ABSL_FLAG(int64_t, units, 256, "of each layer");
ABSL_FLAG(int64_t, embedding, 64, "numbers that stand for a character");
ABSL_FLAG(int64_t, batch_size, 32, "places of the text that are read side by side");
ABSL_FLAG(int64_t, window, 64, "characters that gradients go back");
ABSL_FLAG(double, learning_rate, 0.002, "of Adam, at the start");
ABSL_FLAG(int64_t, decay_steps, 3000, "steps in which the learning rate falls to a tenth");
ABSL_FLAG(double, keep_prob, 1, "the share that dropout keeps");
ABSL_FLAG(int64_t, report, 100, "steps between two lines of output");
ABSL_FLAG(int64_t, evaluate, 500, "steps between two looks at the held-out tenth of the text");
ABSL_FLAG(int64_t, save, 500, "steps between two checkpoints");
ABSL_FLAG(int64_t, sample, 500, "characters to write in the end");
ABSL_FLAG(std::string, start, "\n", "what they go on from");
ABSL_FLAG(double, temperature, 0.8, "of the choice of characters: lower is bolder");
ABSL_FLAG(int64_t, seed, 1, "of weights and choices");

namespace {

using namespace weft::examples;  // NOLINT: a program
namespace wf = weft;
namespace fs = std::filesystem;

// The vocabulary of a model that is there already, else of the text.
Vocabulary ModelVocabulary(const std::string& text) {
  const fs::path dir = absl::GetFlag(FLAGS_model_dir);
  const fs::path file = dir / "vocabulary.txt";
  if (!dir.empty() && fs::exists(file)) return Vocabulary(file);
  Vocabulary made(text, TokenKind::kCharacter);
  if (!dir.empty()) {
    fs::create_directories(dir);
    made.Write(file);
  }
  return made;
}

void Print(const LanguageProgress& p) {
  std::printf("step %6lld  loss %.4f", static_cast<long long>(p.step), p.loss);
  if (p.validation >= 0) std::printf("  validation %.4f nats", p.validation);
  std::printf("  %.0f characters/s\n", p.tokens_per_second);
  std::fflush(stdout);
}

int Main() {
  const std::string data = absl::GetFlag(FLAGS_data);
  const std::string text = data.empty() ? MakeText(20000, 1, false) : ReadText(data);
  const Vocabulary vocabulary = ModelVocabulary(text);
  const LanguageModel model =
      BuildLanguageModel({.vocabulary = vocabulary.size(),
                          .embedding = absl::GetFlag(FLAGS_embedding),
                          .units = absl::GetFlag(FLAGS_units),
                          .layers = absl::GetFlag(FLAGS_layers),
                          .batch_size = absl::GetFlag(FLAGS_batch_size),
                          .keep_prob = static_cast<float>(absl::GetFlag(FLAGS_keep_prob)),
                          .seed = absl::GetFlag(FLAGS_seed)});
  const wf::train::Saver saver;
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  LanguageTraining training;
  training.steps = absl::GetFlag(FLAGS_steps);
  training.batch_size = absl::GetFlag(FLAGS_batch_size);
  training.window = absl::GetFlag(FLAGS_window);
  training.report_each = absl::GetFlag(FLAGS_report);
  training.evaluate_each = absl::GetFlag(FLAGS_evaluate);
  training.save_each = absl::GetFlag(FLAGS_save);
  training.model_dir = absl::GetFlag(FLAGS_model_dir);
  const double rate = absl::GetFlag(FLAGS_learning_rate);
  const auto decay_steps = static_cast<double>(absl::GetFlag(FLAGS_decay_steps));
  training.learning_rate = [=](int64_t step, int64_t) {
    return rate * std::pow(0.1, static_cast<double>(step) / decay_steps);
  };
  if (RestoreNewest(session, saver, training.model_dir)) {
    std::printf("goes on from step %lld\n",
                static_cast<long long>(session.Run(model.global_step.AsTensor()).AsInt64()));
  }
  if (training.steps > 0) {
    TrainLanguageModel(session, model, saver, Split(vocabulary.Encode(text)), training, Print);
  }
  if (absl::GetFlag(FLAGS_sample) <= 0) return 0;
  const std::string start = absl::GetFlag(FLAGS_start);
  const std::vector<int32_t> drawn =
      SampleTokens(session, model, vocabulary.Encode(start), absl::GetFlag(FLAGS_sample),
                   static_cast<float>(absl::GetFlag(FLAGS_temperature)));
  std::printf("%s%s\n", start.c_str(), vocabulary.Decode(drawn).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return RunProgram(argc, argv, "learns to write a text, character by character", Main);
}
