// SPDX-License-Identifier: Apache-2.0
// Attributes out of serialised bytes, without messages.
#pragma once

#include <string_view>

#include "weft/graph/attr_value.h"

namespace weft {

// Do the bytes hold ASCII text alone? The parser refuses a text that is not UTF-8.
bool IsAscii(std::string_view text);

// The values of a serialised NodeDef's `attr` fields, of which the bytes consist, if all are of
// kinds that can be read as they lie there: texts, numbers, dtypes, shapes and lists of them, each
// in the form in which protocol buffers are usually written. False for others, also for values that
// are wrong: the parser and AttrFromProto say what they are.
bool ReadAttrs(std::string_view bytes, AttrMap* attrs);

}  // namespace weft
