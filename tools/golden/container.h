// SPDX-License-Identifier: Apache-2.0
// A file of golden values: a MetaGraphDef whose collections hold feeds, values expected of fetches,
// targets and tolerances.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "proto/weft/meta_graph.pb.h"
#include "tools/golden/compare.h"
#include "weft/graph/graph_def.h"
#include "weft/runtime/session.h"

namespace weft::golden {

// What a case found wrong.
struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct NamedArray {
  std::string name;
  std::optional<Array> value;  // absent where only a name is given
};

// Reads throw Mismatch if the file itself is broken. A collection that is missing is empty.
class Container {
 public:
  explicit Container(const std::string& file);

  GraphDef graph_def() const { return GraphDef(meta_.graph_def()); }
  std::vector<std::string> Nodes(const std::string& key) const;
  std::vector<std::string> Bytes(const std::string& key) const;
  std::vector<NamedArray> Arrays(const std::string& key) const;
  std::vector<PartialShape> Shapes(const std::string& key) const;
  // The collection "tolerance": rtol and atol of values; two more for gradients.
  Tolerance tolerance(bool of_gradients = false) const;

  Feeds ToFeed() const;
  // Runs the targets, each in a run of its own, then fetches what is expected, and compares.
  // Throws Mismatch.
  void Check(const Graph& graph, Session& session, bool feed_targets) const;

 private:
  proto::MetaGraphDef meta_;
};

// The whole file; Mismatch if it can't be read.
std::string ReadBytes(const std::string& file);

}  // namespace weft::golden
