// SPDX-License-Identifier: Apache-2.0
// One golden case: a MetaGraphDef whose collections say what to feed, run and expect.
#pragma once

#include <string>

namespace weft::conformance {

// Runs the case in `file`. Returns "" if all is as expected, else what is not.
std::string RunCase(const std::string& file);

}  // namespace weft::conformance
