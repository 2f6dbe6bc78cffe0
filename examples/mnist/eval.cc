// SPDX-License-Identifier: Apache-2.0
// Evaluates a model while another process (mnist) trains it: takes the newest checkpoint, reads the
// moving averages of the weights into the net, and prints the accuracy.
//
//   mnist --model_dir=/tmp/mnist &
//   mnist_eval --model_dir=/tmp/mnist            # each ten seconds
//   mnist_eval --model_dir=/tmp/mnist --once
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "examples/mnist/model.h"
#include "examples/support/draw_digits.h"
#include "examples/support/mnist_data.h"
#include "weft/framework/checkpoint.h"

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

// Accuracy of the newest checkpoint; false if there is none.
bool EvaluateNewest(wf::Session& session, const Evaluation& e, const wf::train::Saver& saver,
                    const wf::Feeds& feeds) {
  const auto state = wf::train::GetCheckpointState(absl::GetFlag(FLAGS_model_dir));
  if (!state || state->model_checkpoint_path.empty()) return false;
  const std::string& path = state->model_checkpoint_path;
  saver.Restore(session, path);
  const float accuracy = session.Run(e.accuracy, feeds).scalar<float>();
  const std::string step = path.substr(path.rfind('-') + 1);
  std::printf("after %s steps the validation accuracy is %.4f\n", step.c_str(), accuracy);
  std::fflush(stdout);
  return true;
}

int Main() {
  std::string dir = absl::GetFlag(FLAGS_data_dir);
  if (dir.empty()) {
    dir = (std::filesystem::temp_directory_path() / "weft_digits").string();
    WriteDefaultDigits(dir);
  }
  const DataSets data = ReadDataSets(dir);
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
  for (;;) {
    bool found = false;
    try {
      found = EvaluateNewest(session, e, saver, feeds);
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
    std::fprintf(stderr, "mnist_eval: %s\n", error.what());
    return 1;
  }
}
