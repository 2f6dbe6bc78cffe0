// SPDX-License-Identifier: Apache-2.0
// MNIST mechanics 101: placeholders, a net with two hidden layers, training and evaluation, step by
// step.
//
//   mnist_mechanics                            # on digits that it draws itself
//   mnist_mechanics --data_dir=/data/mnist --log_dir=/tmp/mechanics
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "examples/mnist_mechanics/mechanics.h"
#include "examples/support/draw_digits.h"
#include "examples/support/program.h"

ABSL_FLAG(std::string, data_dir, "", "folder of MNIST's four files; drawn digits if empty");
ABSL_FLAG(std::string, log_dir, "",
          "where checkpoints and the event files for TensorBoard go; none if empty");
ABSL_FLAG(int64_t, steps, 2000, "training steps");
ABSL_FLAG(double, learning_rate, 0.01, "initial learning rate");
ABSL_FLAG(int64_t, hidden1, 128, "units of hidden layer 1");
ABSL_FLAG(int64_t, hidden2, 32, "units of hidden layer 2");
ABSL_FLAG(int64_t, batch_size, 100,
          "examples a step; of an evaluation what fills whole batches counts");
ABSL_FLAG(int64_t, seed, 1, "of the initial weights and of the order of the examples");

namespace {

using namespace weft::examples;  // NOLINT: a program

int Main() {
  DataSets data = ReadDataSets(DigitsFolder(absl::GetFlag(FLAGS_data_dir)),
                               {.seed = static_cast<uint32_t>(absl::GetFlag(FLAGS_seed))});
  RunTraining(data,
              {.learning_rate = static_cast<float>(absl::GetFlag(FLAGS_learning_rate)),
               .steps = absl::GetFlag(FLAGS_steps),
               .hidden1 = absl::GetFlag(FLAGS_hidden1),
               .hidden2 = absl::GetFlag(FLAGS_hidden2),
               .batch_size = absl::GetFlag(FLAGS_batch_size),
               .seed = absl::GetFlag(FLAGS_seed),
               .log_dir = absl::GetFlag(FLAGS_log_dir)},
              [](const std::string& line) {
                std::puts(line.c_str());
                std::fflush(stdout);
              });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return RunProgram(argc, argv, "trains a digit classifier step by step and prints its precision",
                    Main);
}
