// SPDX-License-Identifier: Apache-2.0
// weft_startup MODEL: loads a frozen 784-500-10 network, runs it once and prints the time of day
// (in seconds) when the answer is there. What startup_mlp measures.
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "weft/core/error.h"
#include "weft/serving/predictor.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    weft::serving::PredictorOptions options;
    options.config.intra_op_parallelism_threads = 2;
    const auto model = weft::serving::Predictor::Load(argv[1], options);
    const weft::Array y = model.Predict(weft::Array::Zeros(weft::kFloat32, {1, 784}));
    if (y.num_elements() != 10) return 3;
  } catch (const weft::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::printf("%.6f\n", std::chrono::duration<double>(now).count());
  std::fflush(stdout);
  _exit(0);
}
