// SPDX-License-Identifier: Apache-2.0
// One golden case: a MetaGraphDef whose collections say what to feed, run and expect.
#pragma once

#include <string>

namespace weft::conformance {

// The cases of the folder "advisories" have rules of their own: an error may come from the import
// or from the run; the code "ANY" stands for any error and any value; 10 seconds at most.
bool IsAdvisory(const std::string& file);

// Runs the case in `file`. Returns "" if all is as expected, else what is not.
std::string RunCase(const std::string& file);

}  // namespace weft::conformance
