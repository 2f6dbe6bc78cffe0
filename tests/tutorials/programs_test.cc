// SPDX-License-Identifier: Apache-2.0
// Whole small programs, against the numbers that TensorFlow 2.15.1 computes for them.
#include "tools/weft_interop/programs.h"

#include <gtest/gtest.h>

#include "tools/golden/container.h"
#include "weft/weft.h"

namespace weft::interop {
namespace {

// d_small_programs.json: forward, moving averages, regularizers, losses, queues, learning rates.
TEST(Programs, SmallOnes) {
  const Json reference = ReadJson("tests/tutorials/data/d_small_programs.json");
  ASSERT_EQ(reference.at("cases").size(), 9u);
  for (const Json& program : reference["cases"]) {
    try {
      CheckSmallProgram(program);
    } catch (const golden::Mismatch& m) {
      ADD_FAILURE() << m.what();
    }
  }
}

// The pictures are stripes by class with a pattern in them, so the numbers need no data set. They
// were computed by the same program in TensorFlow 2.15.1 (compat.v1), on a CPU.
TEST(Programs, FirstLossesOnStripes) {
  constexpr size_t kExamples = 1000;
  Digits digits;
  for (size_t i = 0; i < kExamples; ++i) {
    const size_t label = i % 10;
    digits.labels.push_back(static_cast<int64_t>(label));
    for (size_t j = 0; j < 784; ++j) {
      const bool in_stripe = (j / 28 + label * 3) % 7 == 0;
      const auto value = static_cast<float>((i * 7919 + j * 104729) % 256);
      digits.images.push_back(in_stripe ? value * static_cast<float>(1 / 255.0) : 0.0f);
    }
  }
  const std::vector<double> want = {
      2.99695659,  0.799039602, 3.58193803,  2.20752239,  1.41750491,  1.0362066,   0.77970928,
      0.653484583, 0.622701705, 0.632855237, 0.623644471, 0.629117072, 0.639308274, 0.648342788,
      0.650095403, 0.640835106, 0.624257803, 0.588675261, 0.577671707, 0.591011763};
  const Graph graph;
  const GraphScope scope(graph);
  const Mlp mlp = BuildMlp(1);
  Session session;
  session.Run(GlobalVariablesInitializer());
  const Callable step = session.MakeCallable({mlp.loss}, {mlp.images, mlp.labels}, {mlp.train});
  for (size_t s = 0; s < want.size(); ++s) {
    const Digits batch = TrainingBatch(digits, static_cast<int64_t>(s));
    const float loss = step({Array::FromVector(batch.images, Shape({100, 784})),
                             Array::FromVector(batch.labels)})[0]
                           .scalar<float>();
    EXPECT_NEAR(loss, want[s], 1e-4 * want[s]) << "at step " << s;
  }
}

}  // namespace
}  // namespace weft::interop
