// SPDX-License-Identifier: Apache-2.0
// Objects of the library that collections hold, as the messages that meta graphs keep of them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "weft/graph/graph.h"

namespace weft::train::saving {

// How the objects of a collection become bytes and back. An object is a CollectionItem's
// shared_ptr<void>.
struct CollectionType {
  // Names without `export_scope`; nothing for an item that is not in it.
  std::function<std::optional<std::string>(const std::shared_ptr<void>&,
                                           const std::string& export_scope)>
      to_bytes;
  // Over nodes of `graph`, whose names begin with `import_scope`. Throws wf::Error.
  std::function<std::shared_ptr<void>(std::string_view bytes, const std::string& import_scope,
                                      const Graph& graph)>
      from_bytes;
};

// Of the collection of this name: variables, savers and control flow contexts; nullptr if it holds
// no objects.
const CollectionType* FindCollectionType(std::string_view collection);

}  // namespace weft::train::saving
