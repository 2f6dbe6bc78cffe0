// SPDX-License-Identifier: Apache-2.0
// Trains a digit classifier and prints its accuracy.
//
//   mnist                                # on digits that it draws itself
//   mnist --data_dir=/data/mnist         # on the four files of MNIST
//   mnist --model_dir=/tmp/mnist         # goes on from the newest checkpoint there (mnist_eval)
//   mnist --hidden=0                     # without a hidden layer: about 0.92 on MNIST
//   mnist --activation=false --regularization=0 --average_decay=0 --decay=1
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>

#include "absl/flags/flag.h"
#include "examples/mnist/model.h"
#include "examples/support/draw_digits.h"
#include "examples/support/mnist_data.h"
#include "examples/support/png.h"
#include "examples/support/program.h"
#include "examples/support/report_picture.h"
#include "weft/framework/checkpoint.h"
#include "weft/framework/graph_util.h"

ABSL_FLAG(std::string, data_dir, "", "folder of MNIST's four files; drawn digits if empty");
ABSL_FLAG(int64_t, steps, 15000, "training steps");
ABSL_FLAG(int64_t, batch_size, 100, "examples a step");
ABSL_FLAG(int64_t, seed, 1, "of the initial weights and of the order of the examples");
ABSL_FLAG(int64_t, hidden, 500, "units of the hidden layer; 0: none");
ABSL_FLAG(bool, activation, true, "ReLU after the hidden layer");
ABSL_FLAG(double, learning_rate, 0.8, "at the start");
ABSL_FLAG(double, decay, 0.99, "of the learning rate, an epoch; 1: none");
ABSL_FLAG(double, regularization, 1e-4, "of the weights' squares; 0: none");
ABSL_FLAG(double, average_decay, 0.99, "of the moving averages that are evaluated; 0: none");
ABSL_FLAG(std::string, picture, "mnist_report.png",
          "where the confusion matrix and the worst digits go; none if empty");
ABSL_FLAG(
    std::string, model_dir, "",
    "where a checkpoint goes each 1000 steps, and at the end the frozen graph; none if empty");

namespace {

using namespace weft::examples;  // NOLINT: a program
namespace wf = weft;

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Whole data sets and batches as Arrays; `values` must outlive what is made of it.
wf::Array ImagesOf(Values& values) {
  return wf::Array::FromMemory(values.floats().data(), wf::Shape(values.shape));
}
wf::Array LabelsOf(const Values& values) {
  const std::vector<uint8_t>& classes = values.bytes();
  return wf::Array::FromVector(std::vector<int64_t>(classes.begin(), classes.end()));
}

struct Examples {
  explicit Examples(const DataSet& set)
      : values(set.images()), labels(LabelsOf(set.labels())), images(ImagesOf(values)) {}
  Values values;
  wf::Array labels, images;
};

float Accuracy(wf::Session& session, const Model& m, const Examples& e) {
  return session.Run(m.accuracy, {{m.images, e.images}, {m.labels, e.labels}}).scalar<float>();
}

// Goes on from the newest checkpoint, if there is one. Returns the steps that are done.
int64_t Restore(wf::Session& session, const Model& m, const wf::train::Saver& saver) {
  const auto state = wf::train::GetCheckpointState(absl::GetFlag(FLAGS_model_dir));
  if (!state || state->model_checkpoint_path.empty()) return 0;
  saver.Restore(session, state->model_checkpoint_path);
  saver.RecoverLastCheckpoints(state->all_model_checkpoint_paths);
  const int64_t step = session.Run(m.step.AsTensor()).AsInt64();
  std::printf("goes on from step %lld\n", static_cast<long long>(step));
  return step;
}

void Save(wf::Session& session, const Model& m, const wf::train::Saver& saver) {
  const std::string& dir = absl::GetFlag(FLAGS_model_dir);
  if (!dir.empty()) saver.Save(session, dir + "/model.ckpt", m.step);
}

// The net with its weights, for serving.
void Freeze(wf::Session& session) {
  const std::string& dir = absl::GetFlag(FLAGS_model_dir);
  if (dir.empty()) return;
  wf::graph_util::ConvertVariablesToConstants(session, wf::Graph::Default().AsGraphDef(),
                                              {"probabilities"})
      .WriteFile(dir + "/frozen.pb");
  std::printf("wrote %s/frozen.pb\n", dir.c_str());
}

void Train(wf::Session& session, const Model& m, DataSets& data, const Examples& validation,
           const wf::train::Saver& saver, int64_t done) {
  const int64_t steps = absl::GetFlag(FLAGS_steps), batch_size = absl::GetFlag(FLAGS_batch_size);
  const wf::Callable step = session.MakeCallable({m.loss}, {m.images, m.labels}, {m.train});
  const double start = Now();
  double training = 0;
  for (int64_t s = done; s < steps; ++s) {
    Batch batch = data.train.NextBatch(batch_size);
    const double begin = Now();
    const float loss = step({ImagesOf(batch.images), LabelsOf(batch.labels)})[0].scalar<float>();
    training += Now() - begin;
    if ((s + 1) % 1000 != 0 && s + 1 != steps) continue;
    const double rate = static_cast<double>((s + 1 - done) * batch_size) / training;
    const double left =
        (Now() - start) / static_cast<double>(s + 1 - done) * static_cast<double>(steps - s - 1);
    std::printf("step %6lld  loss %.4f  validation accuracy %.4f  %.0f images/s  %.0f s left\n",
                static_cast<long long>(s + 1), loss, Accuracy(session, m, validation), rate, left);
    std::fflush(stdout);
    Save(session, m, saver);
  }
}

void DrawPicture(wf::Session& session, const Model& m, const Examples& test, const Values& classes,
                 float accuracy) {
  const std::string path = absl::GetFlag(FLAGS_picture);
  if (path.empty()) return;
  const wf::Array probabilities = session.Run(m.probabilities, {{m.images, test.images}});
  const Answers answers{test.images.values<float>(), classes.bytes(),
                        probabilities.values<float>()};
  char title[80];
  std::snprintf(title, sizeof title, "TEST ACCURACY %.4f", accuracy);
  WritePng(path, DrawReport(answers, title));
  std::printf("wrote %s\n", path.c_str());
}

int Main() {
  DataSets data = ReadDataSets(DigitsFolder(absl::GetFlag(FLAGS_data_dir)),
                               {.seed = static_cast<uint32_t>(absl::GetFlag(FLAGS_seed))});
  wf::Graph graph;
  wf::GraphScope scope(graph);
  graph.set_seed(absl::GetFlag(FLAGS_seed));
  const Model m =
      BuildModel({.hidden = absl::GetFlag(FLAGS_hidden),
                  .activation = absl::GetFlag(FLAGS_activation),
                  .learning_rate = static_cast<float>(absl::GetFlag(FLAGS_learning_rate)),
                  .decay = static_cast<float>(absl::GetFlag(FLAGS_decay)),
                  .regularization = static_cast<float>(absl::GetFlag(FLAGS_regularization)),
                  .average_decay = static_cast<float>(absl::GetFlag(FLAGS_average_decay)),
                  .batch_size = absl::GetFlag(FLAGS_batch_size),
                  .train_examples = data.train.num_examples()});
  wf::Session session(graph);
  session.Run(wf::GlobalVariablesInitializer());
  const Examples validation(data.validation), test(data.test);
  const wf::train::Saver saver;
  const int64_t done = absl::GetFlag(FLAGS_model_dir).empty() ? 0 : Restore(session, m, saver);
  Train(session, m, data, validation, saver, done);
  const float accuracy = Accuracy(session, m, test);
  DrawPicture(session, m, test, data.test.labels(), accuracy);
  std::printf("test accuracy %.4f\n", accuracy);
  Freeze(session);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return RunProgram(argc, argv, "trains a digit classifier and prints its accuracy", Main);
}
