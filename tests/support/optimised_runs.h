// SPDX-License-Identifier: Apache-2.0
// For tests of the passes over plans: values must be those of the graph as it stands.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "weft/weft.h"

namespace weft::test {

// Floats from a uniform distribution over [-scale, scale].
Array Uniforms(std::vector<int64_t> dims, uint32_t seed, float scale = 1);

// How many nodes of this op a traced run had.
int CountOps(const RunMetadata& metadata, const std::string& op);

// Tests that build a graph of their own.
class OptimisedRuns : public testing::Test {
 protected:
  // Runs float tensors without and with optimisation, thrice, and expects the same values but for
  // rounding. `first`: what to run before. Returns what the last run did.
  RunMetadata Check(const std::vector<Tensor>& ys, const Feeds& feeds,
                    const std::vector<Operation>& first = {});

  Graph graph_;
  GraphScope scope_{graph_};
  ConfigProto config_;  // of the optimised runs
};

}  // namespace weft::test
