// SPDX-License-Identifier: Apache-2.0
#include "tests/support/optimised_runs.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace weft::test {

Array Uniforms(std::vector<int64_t> dims, uint32_t seed, float scale) {
  std::mt19937 bits(seed);
  std::uniform_real_distribution<float> values(-scale, scale);
  Array a(kFloat32, Shape(dims));
  float* x = a.mutable_data<float>();
  for (int64_t i = 0; i < a.num_elements(); ++i) x[i] = values(bits);
  return a;
}

int CountOps(const RunMetadata& metadata, const std::string& op) {
  return static_cast<int>(std::ranges::count_if(
      metadata.step_stats, [&](const NodeStats& s) { return s.op_type == op; }));
}

RunMetadata OptimisedRuns::Check(const std::vector<Tensor>& ys, const Feeds& feeds,
                                 const std::vector<Operation>& first) {
  ConfigProto plain;
  plain.opt_level = OptLevel::kL0;
  Session as_it_is(graph_, plain), optimised(graph_, config_);
  for (Session* s : {&as_it_is, &optimised}) {
    for (const Operation& op : first) s->Run(op);
  }
  const std::vector<Fetch> fetches(ys.begin(), ys.end());
  const std::vector<Array> want = as_it_is.Run(fetches, feeds);
  RunMetadata metadata;
  for (int run = 0; run < 3; ++run) {
    metadata = {};
    const RunOptions trace{.trace_level = TraceLevel::kFull};
    const std::vector<Array> got = optimised.Run(fetches, feeds, trace, &metadata);
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(got[i].shape(), want[i].shape());
      for (int64_t k = 0; k < want[i].num_elements(); ++k) {
        const float w = want[i].data<float>()[k];
        EXPECT_NEAR(got[i].data<float>()[k], w, 2e-5f * (1 + std::abs(w))) << i << " at " << k;
      }
    }
  }
  return metadata;
}

}  // namespace weft::test
