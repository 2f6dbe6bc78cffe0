// SPDX-License-Identifier: Apache-2.0
// Names of the files beside a checkpoint.
#pragma once

#include <string>
#include <string_view>

namespace weft::train::internal {

// "model.ckpt-10" -> "model.ckpt-10.meta".
std::string MetaGraphFilename(std::string prefix, const std::string& suffix);
// A pattern (io::MatchingPaths) in which these characters stand for themselves.
std::string QuotePattern(std::string_view text, std::string_view special = "*?[\\");

}  // namespace weft::train::internal
