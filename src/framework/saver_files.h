// SPDX-License-Identifier: Apache-2.0
// Names of the files beside a checkpoint, and of what is in one of TensorFlow 2.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace weft::train::saving {

// "model.ckpt-10" -> "model.ckpt-10.meta".
std::string MetaGraphFilename(std::string prefix, const std::string& suffix);
// A pattern (io::MatchingPaths) in which these characters stand for themselves.
std::string QuotePattern(std::string_view text, std::string_view special = "*?[\\");

// Name in a graph of TensorFlow 1 -> key, if the checkpoint is one of TensorFlow 2; else nothing.
std::map<std::string, std::string> KeysOfObjects(const std::string& prefix);

}  // namespace weft::train::saving
