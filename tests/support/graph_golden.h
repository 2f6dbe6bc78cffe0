// SPDX-License-Identifier: Apache-2.0
// Graphs compared node by node with those that TensorFlow makes.
//
//   TEST(Moments, Graph) {
//     GoldenGraphs golden("tests/ops/data/composites.golden");
//     golden.Expect("moments", [] { nn::Moments(Placeholder(kFloat32, {2, 3}, "x"), {0}); });
//   }
//
// tests/support/make_graphs_golden.py writes the golden files with TensorFlow.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <source_location>
#include <string>
#include <vector>

#include "weft/graph/graph.h"

namespace weft {

// A line a node, sorted: `name Op(inputs, ^control inputs) attr=value ... = value of a Const`.
// Without the nodes under "gradients/", which tests/gradients look at.
std::vector<std::string> GraphLines(const Graph& graph);

class GoldenGraphs {
 public:
  explicit GoldenGraphs(const std::string& file);
  // Builds in a new graph (the default one meanwhile) and compares it with the section.
  void Expect(const std::string& section, const std::function<void()>& build,
              std::source_location where = std::source_location::current());

 private:
  std::map<std::string, std::vector<std::string>> sections_;
};

}  // namespace weft
