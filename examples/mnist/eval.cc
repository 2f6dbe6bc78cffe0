// SPDX-License-Identifier: Apache-2.0
// Evaluates a model while another process (mnist) trains it: takes the newest checkpoint, reads the
// moving averages of the weights into the net, and prints the accuracy.
//
//   mnist --model_dir=/tmp/mnist &
//   mnist_eval --model_dir=/tmp/mnist            # each ten seconds
//   mnist_eval --model_dir=/tmp/mnist --once
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "examples/mnist/model.h"
#include "examples/support/draw_digits.h"
#include "examples/support/mnist_data.h"
#include "examples/support/program.h"
#include "examples/support/watch_checkpoints.h"

ABSL_FLAG(std::string, model_dir, "", "folder of the checkpoints");
ABSL_FLAG(std::string, data_dir, "", "folder of MNIST's four files; drawn digits if empty");
ABSL_FLAG(int64_t, hidden, 500, "units of the hidden layer, as it was trained");
ABSL_FLAG(bool, activation, true, "ReLU after the hidden layer, as it was trained");
ABSL_FLAG(double, average_decay, 0.99, "of the moving averages; 0: it was trained without");
ABSL_FLAG(double, interval, 10, "seconds between evaluations");
ABSL_FLAG(bool, once, false, "evaluates once and ends");

namespace {

using namespace weft::examples;  // NOLINT: a program
namespace wf = weft;

int Main() {
  const DataSets data = ReadDataSets(DigitsFolder(absl::GetFlag(FLAGS_data_dir)));
  Values images = data.validation.images();
  const std::vector<uint8_t> classes = data.validation.labels().bytes();
  const Evaluation e =
      BuildEvaluation({.hidden = absl::GetFlag(FLAGS_hidden),
                       .activation = absl::GetFlag(FLAGS_activation),
                       .average_decay = static_cast<float>(absl::GetFlag(FLAGS_average_decay))});
  const wf::train::Saver saver(e.restore);
  const wf::Feeds feeds = {
      {e.images, wf::Array::FromMemory(images.floats().data(), wf::Shape(images.shape))},
      {e.labels, wf::Array::FromVector(std::vector<int64_t>(classes.begin(), classes.end()))}};
  wf::Session session;
  return WatchCheckpoints(session, saver,
                          {.model_dir = absl::GetFlag(FLAGS_model_dir),
                           .interval = absl::GetFlag(FLAGS_interval),
                           .once = absl::GetFlag(FLAGS_once)},
                          [&] { return session.Run(e.accuracy, feeds).scalar<float>(); });
}

}  // namespace

int main(int argc, char** argv) {
  return RunProgram(argc, argv, "prints the accuracy of a model that another process trains", Main);
}
