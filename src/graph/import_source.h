// SPDX-License-Identifier: Apache-2.0
// Names in GraphDefs.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace weft {

inline constexpr int kControlIndex = -1;

// An input as a NodeDef writes it: "node", "node:1", "^node". Points into the text.
struct Source {
  std::string_view node;
  int index = 0;

  std::string ToString() const;
  friend bool operator==(const Source&, const Source&) = default;
};

struct SourceHash {
  size_t operator()(const Source& s) const {
    return std::hash<std::string_view>()(s.node) * 31 + static_cast<size_t>(s.index);
  }
};

// What doesn't end with a colon and digits is a node's name; a number too large for an int becomes
// the largest one, which no node has as an output.
Source ParseSource(std::string_view text);

// Calls visit("a"), visit("a/b") for the name "a/b/c".
template <typename Visit>
void ForEachScope(std::string_view name, Visit visit) {
  for (size_t slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1)) {
    visit(name.substr(0, slash));
  }
}

}  // namespace weft
