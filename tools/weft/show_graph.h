// SPDX-License-Identifier: Apache-2.0
// What `weft show` says of a graph.
#pragma once

#include <cstdint>
#include <string>

#include "tools/weft/json.h"

namespace weft::proto {
class GraphDef;
}

namespace weft::tool {

// `nodes`: every node, too.
void PrintGraph(const proto::GraphDef& def, bool nodes);
// Adds the same to an object.
void AddGraph(const proto::GraphDef& def, bool nodes, Json* to);

// "1.5 MB".
std::string SizeText(int64_t bytes);

}  // namespace weft::tool
