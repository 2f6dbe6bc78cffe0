// SPDX-License-Identifier: Apache-2.0
// Evaluates a model while another process (cnn_train) trains it: takes the newest checkpoint, reads
// the moving averages of the weights into the net, and prints the accuracy.
//
//   cnn_train --model_dir=/tmp/cnn &
//   cnn_eval --model_dir=/tmp/cnn            # each ten seconds
//   cnn_eval --model_dir=/tmp/cnn --once
#include <string>

#include "absl/flags/flag.h"
#include "examples/cnn/data.h"
#include "examples/cnn/model.h"
#include "examples/support/draw_digits.h"
#include "examples/support/program.h"
#include "examples/support/watch_checkpoints.h"

ABSL_FLAG(std::string, model_dir, "", "folder of the checkpoints");
ABSL_FLAG(std::string, net, "cnn", "cnn, or lenet5");
ABSL_FLAG(std::string, data_dir, "", "folder of MNIST's four files; drawn digits if empty");
ABSL_FLAG(double, interval, 10, "seconds between evaluations");
ABSL_FLAG(bool, once, false, "evaluates once and ends");

namespace {

using namespace weft::examples;  // NOLINT: a program
namespace wf = weft;

int Main() {
  const DataSets data = ReadDataSets(DigitsFolder(absl::GetFlag(FLAGS_data_dir)));
  const CnnEvaluation e = BuildCnnEvaluation({.net = absl::GetFlag(FLAGS_net)});
  const wf::train::Saver saver(e.restore);
  wf::Session session;
  return WatchCheckpoints(
      session, saver,
      {.model_dir = absl::GetFlag(FLAGS_model_dir),
       .interval = absl::GetFlag(FLAGS_interval),
       .once = absl::GetFlag(FLAGS_once)},
      [&] { return MeanAccuracy(session, e.accuracy, e.images, e.labels, data.validation); });
}

}  // namespace

int main(int argc, char** argv) {
  return RunProgram(argc, argv, "prints the accuracy of a model that another process trains", Main);
}
