// SPDX-License-Identifier: Apache-2.0
// Says which digits pictures show.
//
//   mnist --model_dir=/tmp/mnist                       # trains, and writes /tmp/mnist/frozen.pb
//   serve --model=/tmp/mnist/frozen.pb seven.png photo.jpg
//
// A model is a frozen graph or a SavedModel, of this library or of TensorFlow, that takes float
// [n, 784] and gives probabilities [n, 10].
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "examples/serve/classify.h"

ABSL_FLAG(std::string, model, "", "frozen graph (.pb), or folder of a SavedModel");

int main(int argc, char** argv) {
  using namespace weft::examples;
  absl::SetProgramUsageMessage("serve --model=FILE picture...: says which digits pictures show");
  std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  const std::vector<std::filesystem::path> files(rest.begin() + 1, rest.end());
  if (absl::GetFlag(FLAGS_model).empty() || files.empty()) {
    std::fprintf(stderr, "serve: give --model and pictures (png, jpg)\n");
    return 2;
  }
  try {
    const auto model = weft::serving::Predictor::Load(absl::GetFlag(FLAGS_model));
    const std::vector<Answer> answers = Classify(model, files);
    for (size_t i = 0; i < files.size(); ++i) {
      std::printf("%s: %d ", files[i].c_str(), answers[i].digit);
      for (size_t c = 0; c < answers[i].probabilities.size(); ++c)
        std::printf(" %zu:%.4f", c, answers[i].probabilities[c]);
      std::printf("\n");
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "serve: %s\n", e.what());
    return 1;
  }
  return 0;
}
