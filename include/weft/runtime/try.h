// SPDX-License-Identifier: Apache-2.0
// Twins of throwing functions that return a status. Apart from session.h, so that weft.h stays
// light.
#pragma once

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/graph/graph.h"
#include "weft/runtime/session.h"

namespace weft {

absl::StatusOr<std::vector<Array>> TryRun(Session& session, const std::vector<Fetch>& fetches,
                                          const Feeds& feeds = {}, const RunOptions& options = {},
                                          RunMetadata* metadata = nullptr);
absl::StatusOr<ImportResult> TryImportGraphDef(const GraphDef& def,
                                               const ImportOptions& options = {},
                                               const Graph& graph = Graph::Default());

// Calls f() and turns a thrown wf::Error into its status.
absl::Status Try(const std::function<void()>& f);

}  // namespace weft
