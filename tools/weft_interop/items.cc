// SPDX-License-Identifier: Apache-2.0
#include "tools/weft_interop/items.h"

#include <algorithm>
#include <iterator>

namespace weft::interop {

std::vector<Item> FindItems(const std::filesystem::path& dir) {
  std::vector<Item> items;
  for (const auto& find : {GraphItems, CheckpointItems, SavedModelItems, HostileItems, RecordItems,
                           EventItems, ProgramItems}) {
    std::vector<Item> some = find(dir);
    std::move(some.begin(), some.end(), std::back_inserter(items));
  }
  std::sort(items.begin(), items.end(),
            [](const Item& a, const Item& b) { return a.name < b.name; });
  return items;
}

}  // namespace weft::interop
