// SPDX-License-Identifier: Apache-2.0
// Trains a digit classifier by convolution, and prints its accuracy.
//
//   cnn_train                              # on digits that it draws itself
//   cnn_train --data_dir=/data/mnist       # on the four files of MNIST: 0.99 after 30000 steps
//   cnn_train --net=lenet5                 # with LeNet-5
//   cnn_train --model_dir=/tmp/cnn         # goes on from the newest checkpoint there (cnn_eval)
#include <chrono>
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "examples/cnn/data.h"
#include "examples/cnn/model.h"
#include "examples/support/draw_digits.h"
#include "examples/support/program.h"
#include "weft/framework/checkpoint.h"

ABSL_FLAG(std::string, net, "cnn", "cnn, or lenet5");
ABSL_FLAG(std::string, data_dir, "", "folder of MNIST's four files; drawn digits if empty");
ABSL_FLAG(std::string, model_dir, "", "where a checkpoint goes each 1000 steps; none if empty");
ABSL_FLAG(int64_t, steps, 30000, "training steps");
ABSL_FLAG(int64_t, batch_size, 100, "examples a step");
ABSL_FLAG(int64_t, report, 1000, "steps between two lines of output");
ABSL_FLAG(int64_t, seed, 1, "of the initial weights and of the order of the examples");
ABSL_FLAG(double, learning_rate, 0.01, "at the start");

namespace {

using namespace weft::examples;  // NOLINT: a program
namespace wf = weft;

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Goes on from the newest checkpoint, if there is one. Returns the steps that are done.
int64_t Restore(wf::Session& session, const CnnModel& m, const wf::train::Saver& saver) {
  if (absl::GetFlag(FLAGS_model_dir).empty()) return 0;
  const auto state = wf::train::GetCheckpointState(absl::GetFlag(FLAGS_model_dir));
  if (!state || state->model_checkpoint_path.empty()) return 0;
  saver.Restore(session, state->model_checkpoint_path);
  saver.RecoverLastCheckpoints(state->all_model_checkpoint_paths);
  const int64_t step = session.Run(m.step.AsTensor()).AsInt64();
  std::printf("goes on from step %lld\n", static_cast<long long>(step));
  return step;
}

void Train(wf::Session& session, const CnnModel& m, DataSets& data, const wf::train::Saver& saver,
           int64_t done) {
  const int64_t steps = absl::GetFlag(FLAGS_steps), batch_size = absl::GetFlag(FLAGS_batch_size);
  const int64_t report = absl::GetFlag(FLAGS_report);
  const std::string& dir = absl::GetFlag(FLAGS_model_dir);
  const wf::Callable step = session.MakeCallable({m.loss}, {m.images, m.labels}, {m.train});
  double training = 0;
  for (int64_t s = done + 1; s <= steps; ++s) {
    const Batch batch = data.train.NextBatch(batch_size);
    const double begin = Now();
    const float loss = step({ImagesOf(batch.images), LabelsOf(batch.labels)})[0].scalar<float>();
    training += Now() - begin;
    if ((report > 0 && s % report == 0) || s == steps) {
      std::printf("step %6lld  loss %.4f  validation accuracy %.4f  %.0f images/s\n",
                  static_cast<long long>(s), loss,
                  MeanAccuracy(session, m.accuracy, m.images, m.labels, data.validation),
                  static_cast<double>((s - done) * batch_size) / training);
      std::fflush(stdout);
    }
    if (!dir.empty() && (s % 1000 == 0 || s == steps))
      saver.Save(session, dir + "/model.ckpt", m.step);
  }
}

int Main() {
  const int64_t seed = absl::GetFlag(FLAGS_seed);
  DataSets data = ReadDataSets(DigitsFolder(absl::GetFlag(FLAGS_data_dir)),
                               {.seed = static_cast<uint32_t>(seed)});
  wf::Graph graph;
  const wf::GraphScope scope(graph);
  graph.set_seed(seed);
  const CnnModel m =
      BuildCnn({.net = absl::GetFlag(FLAGS_net),
                .learning_rate = static_cast<float>(absl::GetFlag(FLAGS_learning_rate)),
                .batch_size = absl::GetFlag(FLAGS_batch_size),
                .train_examples = data.train.num_examples()});
  const wf::train::Saver saver;
  wf::Session session(graph);
  session.Run(wf::GlobalVariablesInitializer());
  Train(session, m, data, saver, Restore(session, m, saver));
  std::printf("test accuracy %.4f\n",
              MeanAccuracy(session, m.accuracy, m.images, m.labels, data.test));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return RunProgram(argc, argv, "trains a digit classifier by convolution", Main);
}
