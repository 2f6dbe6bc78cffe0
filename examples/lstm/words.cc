// SPDX-License-Identifier: Apache-2.0
// A language model of words, as of the Penn Treebank (Zaremba et al., arXiv:1409.2329): truncated
// back-propagation, gradients of limited norm, a learning rate that falls from epoch to epoch.
// Prints the perplexity, e^(nats a word).
//
//   lstm_words                              # on sentences that it makes itself
//   lstm_words --data=simple-examples/data  # ptb.train.txt, ptb.valid.txt, ptb.test.txt
//   lstm_words --data=book.txt --config=medium --model_dir=/tmp/words
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "absl/flags/flag.h"
#include "examples/lstm/language_model.h"
#include "examples/lstm/text.h"
#include "examples/support/program.h"

ABSL_FLAG(
    std::string, data, "",
    "a text file, or a folder with the Penn Treebank's three; sentences of a small grammar if "
    "empty");
ABSL_FLAG(std::string, config, "small", "small, medium or large");
ABSL_FLAG(std::string, model_dir, "", "of checkpoints; none if empty");
ABSL_FLAG(int64_t, epochs, 0, "times that the text is read; as the configuration says, if 0");
ABSL_FLAG(int64_t, vocabulary, 10000, "words that are told apart");
ABSL_FLAG(int64_t, sample, 60, "words to write in the end");
ABSL_FLAG(double, temperature, 1, "of the choice of words: lower is bolder");
ABSL_FLAG(int64_t, seed, 1, "of weights and choices");

namespace {

using namespace weft::examples;  // NOLINT: a program
namespace wf = weft;
namespace fs = std::filesystem;

struct Config {
  float init_scale;
  double learning_rate, decay;  // the rate falls by this factor in each epoch behind full_epochs
  float max_norm, keep_prob;
  int64_t units, window, batch_size, full_epochs, epochs;
};

Config ConfigOf(const std::string& name) {
  if (name == "small") return {0.1f, 1, 0.5, 5, 1, 200, 20, 20, 4, 13};
  if (name == "medium") return {0.05f, 1, 0.8, 5, 0.5f, 650, 35, 20, 6, 39};
  if (name == "large") return {0.04f, 1, 1 / 1.15, 10, 0.35f, 1500, 35, 20, 14, 55};
  throw std::runtime_error("--config is '" + name + "'; known are small, medium and large");
}

struct Texts {
  Vocabulary vocabulary;
  Corpus corpus;
  std::vector<int32_t> test;
};

Texts ReadTexts() {
  const fs::path data = absl::GetFlag(FLAGS_data);
  const int64_t words = absl::GetFlag(FLAGS_vocabulary);
  if (fs::is_directory(data)) {
    const std::string train = ReadText(data / "ptb.train.txt");
    Vocabulary v(train, TokenKind::kWord, words);
    return {v,
            {v.Encode(train), v.Encode(ReadText(data / "ptb.valid.txt"))},
            v.Encode(ReadText(data / "ptb.test.txt"))};
  }
  const std::string text = data.empty() ? MakeText(20000, 1, true) : ReadText(data);
  Vocabulary v(text, TokenKind::kWord, words);
  const Corpus parts = Split(v.Encode(text));
  return {v, Split(parts.train), parts.valid};
}

void Print(const LanguageProgress& p, int64_t steps_an_epoch) {
  std::printf("epoch %.2f  perplexity %.3f",
              static_cast<double>(p.step) / static_cast<double>(steps_an_epoch), std::exp(p.loss));
  if (p.validation >= 0) std::printf("  validation %.3f", std::exp(p.validation));
  std::printf("  %.0f words/s\n", p.tokens_per_second);
  std::fflush(stdout);
}

int Main() {
  const Config config = ConfigOf(absl::GetFlag(FLAGS_config));
  const Texts texts = ReadTexts();
  const LanguageModel model = BuildLanguageModel({.vocabulary = texts.vocabulary.size(),
                                                  .units = config.units,
                                                  .batch_size = config.batch_size,
                                                  .keep_prob = config.keep_prob,
                                                  .max_norm = config.max_norm,
                                                  .forget_bias = 0,
                                                  .init_scale = config.init_scale,
                                                  .descent = Descent::kGradientDescent,
                                                  .sum_over_steps = true,
                                                  .seed = absl::GetFlag(FLAGS_seed)});
  const wf::train::Saver saver;
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  const int64_t steps_an_epoch =
      Windows(texts.corpus.train, config.batch_size, config.window).count();
  const int64_t epochs =
      absl::GetFlag(FLAGS_epochs) > 0 ? absl::GetFlag(FLAGS_epochs) : config.epochs;
  LanguageTraining training;
  training.steps = epochs * steps_an_epoch;
  training.batch_size = config.batch_size;
  training.window = config.window;
  training.report_each = std::max<int64_t>(1, steps_an_epoch / 4);
  training.evaluate_each = training.save_each = steps_an_epoch;
  training.model_dir = absl::GetFlag(FLAGS_model_dir);
  training.learning_rate = [&](int64_t, int64_t epoch) {
    const int64_t falls = std::max<int64_t>(0, epoch + 1 - config.full_epochs);
    return config.learning_rate * std::pow(config.decay, static_cast<double>(falls));
  };
  if (RestoreNewest(session, saver, training.model_dir)) {
    std::printf("goes on from step %lld\n",
                static_cast<long long>(session.Run(model.global_step.AsTensor()).AsInt64()));
  }
  TrainLanguageModel(session, model, saver, texts.corpus, training,
                     [&](const LanguageProgress& p) { Print(p, steps_an_epoch); });
  std::printf("test perplexity %.3f\n",
              std::exp(EvaluateLanguageModel(session, model, texts.test, config.batch_size,
                                             config.window)));
  if (absl::GetFlag(FLAGS_sample) <= 0) return 0;
  const std::vector<int32_t> drawn =
      SampleTokens(session, model, texts.vocabulary.Encode("\n"), absl::GetFlag(FLAGS_sample),
                   static_cast<float>(absl::GetFlag(FLAGS_temperature)));
  std::printf("%s\n", texts.vocabulary.Decode(drawn).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return RunProgram(argc, argv, "learns to write a text, word by word, and prints its perplexity",
                    Main);
}
