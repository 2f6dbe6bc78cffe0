// SPDX-License-Identifier: Apache-2.0
// Evaluates a model while another process (cnn_train) trains it: takes the newest checkpoint, reads
// the moving averages of the weights into the net, and prints the accuracy.
//
//   cnn_train --model_dir=/tmp/cnn &
//   cnn_eval --model_dir=/tmp/cnn            # each ten seconds
//   cnn_eval --model_dir=/tmp/cnn --once
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "examples/cnn/data.h"
#include "examples/cnn/model.h"
#include "weft/framework/checkpoint.h"

ABSL_FLAG(std::string, model_dir, "", "folder of the checkpoints");
ABSL_FLAG(std::string, net, "cnn", "cnn, or lenet5");
ABSL_FLAG(std::string, data_dir, "", "folder of MNIST's four files; drawn digits if empty");
ABSL_FLAG(double, interval, 10, "seconds between evaluations");
ABSL_FLAG(bool, once, false, "evaluates once and ends");

namespace {

using namespace weft::examples;  // NOLINT: a program
namespace wf = weft;

// Accuracy of the newest checkpoint; false if there is none.
bool EvaluateNewest(wf::Session& session, const CnnEvaluation& e, const wf::train::Saver& saver,
                    const DataSet& validation) {
  const auto state = wf::train::GetCheckpointState(absl::GetFlag(FLAGS_model_dir));
  if (!state || state->model_checkpoint_path.empty()) return false;
  const std::string& path = state->model_checkpoint_path;
  saver.Restore(session, path);
  const double accuracy = MeanAccuracy(session, e.accuracy, e.images, e.labels, validation);
  const std::string step = path.substr(path.rfind('-') + 1);
  std::printf("after %s steps the validation accuracy is %.4f\n", step.c_str(), accuracy);
  std::fflush(stdout);
  return true;
}

int Main() {
  const DataSets data = ReadDataSets(DigitsFolder(absl::GetFlag(FLAGS_data_dir)));
  const CnnEvaluation e = BuildCnnEvaluation({.net = absl::GetFlag(FLAGS_net)});
  const wf::train::Saver saver(e.restore);
  wf::Session session;
  for (;;) {
    bool found = false;
    try {
      found = EvaluateNewest(session, e, saver, data.validation);
    } catch (const wf::NotFoundError&) {
      // The trainer has deleted it meanwhile: there is a newer one.
      continue;
    }
    if (!found) std::printf("no checkpoint in %s yet\n", absl::GetFlag(FLAGS_model_dir).c_str());
    if (absl::GetFlag(FLAGS_once)) return found ? 0 : 1;
    std::this_thread::sleep_for(std::chrono::duration<double>(absl::GetFlag(FLAGS_interval)));
  }
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("prints the accuracy of a model that another process trains");
  absl::ParseCommandLine(argc, argv);
  try {
    return Main();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cnn_eval: %s\n", error.what());
    return 1;
  }
}
