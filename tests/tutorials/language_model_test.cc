// SPDX-License-Identifier: Apache-2.0
// Language models of examples/lstm: their text, and that a training is the same however often it
// was stopped.
#include "examples/lstm/language_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <stdexcept>

#include "tests/support/temporary_folder.h"

namespace weft::examples {
namespace {

TEST(Text, IsTheSameForTheSameSeed) {
  const std::string text = MakeText(200, 3, false);
  EXPECT_EQ(text, MakeText(200, 3, false));
  EXPECT_NE(text, MakeText(200, 4, false));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 200);
  for (const char c : MakeText(200, 3, true))
    EXPECT_TRUE((c >= 'a' && c <= 'z') || c == ' ' || c == '\n');
}

TEST(Text, CharactersGoThereAndBack) {
  const std::string text = "tea\\at\ntwo\r\n";
  const Vocabulary v(text, TokenKind::kCharacter);
  EXPECT_EQ(v.size(), 8);  // \n \r \ a e o t w
  EXPECT_EQ(v.Decode(v.Encode(text)), text);
  EXPECT_THROW(v.Encode("x"), std::runtime_error);
  const test::TemporaryFolder dir;
  v.Write(dir / "vocabulary.txt");
  const Vocabulary read(dir / "vocabulary.txt");
  EXPECT_EQ(read.kind(), TokenKind::kCharacter);
  EXPECT_EQ(read.Encode(text), v.Encode(text));
  std::ofstream(dir / "other") << "nothing of the kind\n";
  EXPECT_THROW(Vocabulary(dir / "other"), std::runtime_error);
}

TEST(Text, RareWordsAreUnknown) {
  const std::string text = " a b a c\n a b d\n";
  const Vocabulary all(text, TokenKind::kWord);
  EXPECT_EQ(all.size(), 5);  // and <eos>
  EXPECT_EQ(all.Decode(all.Encode(text)), "a b a c\na b d\n");
  const Vocabulary few(text, TokenKind::kWord, 4);  // a <eos> b <unk>
  EXPECT_EQ(few.token(0), "a");
  EXPECT_EQ(few.Decode(few.Encode(text)), "a b a <unk>\na b <unk>\n");
}

TEST(Text, WindowsGoOnRowByRow) {
  std::vector<int32_t> ids(23);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i);
  const Windows windows(ids, 2, 5);  // rows of 11
  EXPECT_EQ(windows.count(), 2);
  EXPECT_EQ(windows.Get(1).inputs, Array({{5, 6, 7, 8, 9}, {16, 17, 18, 19, 20}}));
  EXPECT_EQ(windows.Get(3).targets, Array({{6, 7, 8, 9, 10}, {17, 18, 19, 20, 21}}));
  EXPECT_THROW(Windows(ids, 2, 11), std::runtime_error);
  EXPECT_THROW(Windows(ids, 0, 5), std::runtime_error);
}

LanguageTraining Short(int64_t steps) {
  LanguageTraining t;
  t.steps = steps;
  t.batch_size = 8;
  t.window = 10;
  t.report_each = 1;
  t.evaluate_each = t.save_each = 0;
  t.learning_rate = [](int64_t, int64_t) { return 0.01; };
  return t;
}

// The losses of all steps, of a model in a graph of its own, which goes on from the newest
// checkpoint in the training's folder.
std::vector<double> Losses(LanguageModelOptions options, const Corpus& corpus,
                           const LanguageTraining& training) {
  const Graph graph;
  const GraphScope scope(graph);
  const LanguageModel model = BuildLanguageModel(options);
  const train::Saver saver;
  Session session(graph);
  session.Run(GlobalVariablesInitializer());
  RestoreNewest(session, saver, training.model_dir);
  std::vector<double> losses;
  TrainLanguageModel(session, model, saver, corpus, training,
                     [&](const LanguageProgress& p) { losses.push_back(p.loss); });
  return losses;
}

TEST(LanguageModel, GoesOnAsIfItHadNotBeenStopped) {
  const std::string text = MakeText(60, 1, false);
  const Vocabulary v(text, TokenKind::kCharacter);
  const Corpus corpus = Split(v.Encode(text));
  const LanguageModelOptions options{
      .vocabulary = v.size(), .embedding = 8, .units = 12, .batch_size = 8, .keep_prob = 0.8f};
  // More than an epoch: the state starts again on the way.
  const int64_t epoch = Windows(corpus.train, 8, 10).count();
  const std::vector<double> whole = Losses(options, corpus, Short(epoch + 6));
  ASSERT_EQ(whole.size(), static_cast<size_t>(epoch + 6));
  EXPECT_LT(whole.back(), whole.front() - 0.3);

  const test::TemporaryFolder dir;
  LanguageTraining training = Short(7);
  training.model_dir = dir.path();
  training.save_each = 4;
  std::vector<double> parts = Losses(options, corpus, training);
  training.steps = epoch + 6;
  const std::vector<double> rest = Losses(options, corpus, training);
  parts.insert(parts.end(), rest.begin(), rest.end());
  EXPECT_EQ(parts, whole);
}

// Each token follows from the one before: that can be learnt wholly, and told again.
TEST(LanguageModel, LearnsACircle) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 2000; ++i) ids.push_back(i % 5);
  const Graph graph;
  const GraphScope scope(graph);
  const LanguageModel model = BuildLanguageModel(
      {.vocabulary = 5, .embedding = 4, .units = 16, .layers = 1, .batch_size = 8});
  const train::Saver saver;
  Session session(graph);
  session.Run(GlobalVariablesInitializer());
  EXPECT_NEAR(EvaluateLanguageModel(session, model, ids, 8, 10), std::log(5), 0.1);
  LanguageProgress last;
  LanguageTraining training = Short(200);
  training.evaluate_each = 200;
  TrainLanguageModel(session, model, saver, {ids, ids}, training,
                     [&](const LanguageProgress& p) { last = p; });
  EXPECT_EQ(last.step, 200);
  EXPECT_LT(last.validation, 0.1);
  // The drawn tokens differ from the certain ones but rarely; bold choices never do.
  EXPECT_EQ(SampleTokens(session, model, {3, 4, 0}, 6, 0.05f),
            (std::vector<int32_t>{1, 2, 3, 4, 0, 1}));
  EXPECT_THROW(SampleTokens(session, model, {}, 6, 1), std::runtime_error);
}

// As the words of the Penn Treebank are learnt: plain descent on the sum over the steps, limited
// gradients, uniform weights.
TEST(LanguageModel, WordsByPlainDescent) {
  const std::string text = MakeText(1000, 1, true);
  const Vocabulary v(text, TokenKind::kWord, 1000);
  const Corpus corpus = Split(v.Encode(text));
  LanguageTraining training = Short(800);
  training.learning_rate = [](int64_t, int64_t epoch) { return epoch < 4 ? 1.0 : 0.5; };
  // The least loss of a model that knows no word but the next one's frequency.
  std::vector<double> counts(static_cast<size_t>(v.size()));
  for (const int32_t id : corpus.train) ++counts[static_cast<size_t>(id)];
  double entropy = 0;
  for (const double n : counts) {
    const double p = n / static_cast<double>(corpus.train.size());
    if (n > 0) entropy -= p * std::log(p);
  }
  const std::vector<double> losses = Losses({.vocabulary = v.size(),
                                             .units = 32,
                                             .batch_size = 8,
                                             .forget_bias = 0,
                                             .init_scale = 0.1f,
                                             .descent = Descent::kGradientDescent,
                                             .sum_over_steps = true},
                                            corpus, training);
  ASSERT_EQ(losses.size(), 800u);
  // All words are as likely at first.
  EXPECT_NEAR(losses.front(), std::log(static_cast<double>(v.size())), 0.1);
  double late = 0;
  for (size_t i = 750; i < 800; ++i) late += losses[i] / 50;
  EXPECT_LT(late, entropy - 0.2);
}

TEST(LanguageModel, RefusesWhatMakesNoSense) {
  const Graph graph;
  const GraphScope scope(graph);
  EXPECT_THROW(BuildLanguageModel({.vocabulary = 0}), std::runtime_error);
  EXPECT_THROW(BuildLanguageModel({.vocabulary = 5, .keep_prob = 0}), std::runtime_error);
}

}  // namespace
}  // namespace weft::examples
