// SPDX-License-Identifier: Apache-2.0
// Arrays as serialised TensorProtos, TensorFlow's own form of a value in a graph or an event file.
#pragma once

#include <string>
#include <string_view>

#include "weft/core/array.h"

namespace weft {

// Deterministic. Strings, resource handles (their names) and variants with metadata are written
// too.
std::string ArrayToTensorProtoBytes(const Array& array);
// Throws InvalidArgumentError if the bytes are no TensorProto or don't describe a whole value,
// ResourceExhaustedError if few bytes claim a huge one.
Array ArrayFromTensorProtoBytes(std::string_view bytes);

}  // namespace weft
