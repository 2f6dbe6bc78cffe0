// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace weft::golden {

struct Limits {
  int seconds = 60;                  // of one item
  int64_t bytes = int64_t{2} << 30;  // of the process's data
};

// Calls work(i) for i in [0, n) in child processes, each in an empty scratch directory, and returns
// the texts. An item whose process crashes, takes too long or too much memory gets a text that says
// so; the others go on.
std::vector<std::string> RunIsolated(size_t n, int jobs,
                                     const std::function<Limits(size_t)>& limits,
                                     const std::function<std::string(size_t)>& work);

}  // namespace weft::golden
