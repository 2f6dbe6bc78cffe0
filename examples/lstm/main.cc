// SPDX-License-Identifier: Apache-2.0
// Predicts a sine with an LSTM.
//
//   lstm_sine                                    # 11000 steps; prints the error, writes sine.png
//   lstm_sine --steps=2000 --picture=/tmp/sine.png --block_cells
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "examples/lstm/sine.h"
#include "examples/support/program.h"

ABSL_FLAG(int64_t, steps, 11000, "training steps");
ABSL_FLAG(int64_t, batch_size, 32, "samples a step");
ABSL_FLAG(double, learning_rate, 0.1, "of Adagrad");
ABSL_FLAG(int64_t, seed, 1, "of the initial weights");
ABSL_FLAG(bool, block_cells, false, "cells of one op");
ABSL_FLAG(std::string, picture, "sine.png", "where the picture of both curves goes; none if empty");

namespace {

using namespace weft::examples;  // NOLINT: a program

int Main() {
  weft::Graph::Default().set_seed(absl::GetFlag(FLAGS_seed));
  const SineModel model =
      BuildSineModel({.learning_rate = static_cast<float>(absl::GetFlag(FLAGS_learning_rate)),
                      .block_cells = absl::GetFlag(FLAGS_block_cells)});
  const SineData training = SineTrainingData(), test = SineTestData();
  weft::Session session;
  session.Run(weft::GlobalVariablesInitializer());
  const int64_t steps = absl::GetFlag(FLAGS_steps);
  for (int64_t s = 0; s < steps; ++s) {
    const SineData batch = TrainingBatch(training, s, absl::GetFlag(FLAGS_batch_size));
    session.Run(model.train, {{model.x, batch.x}, {model.y, batch.y}});
    if ((s + 1) % 1000 == 0 || s + 1 == steps) {
      std::printf("step %lld: root mean square error %.6f\n", static_cast<long long>(s + 1),
                  Evaluate(session, model, test).rmse);
      std::fflush(stdout);
    }
  }
  const std::string picture = absl::GetFlag(FLAGS_picture);
  if (!picture.empty()) WriteSinePicture(picture, test, Evaluate(session, model, test).predictions);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return RunProgram(argc, argv, "predicts a sine with an LSTM and prints the error", Main);
}
