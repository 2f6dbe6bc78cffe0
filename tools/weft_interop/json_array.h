// SPDX-License-Identifier: Apache-2.0
// Tensors as expected.json files write them: {"dtype": .., "shape": [..], "values": [..]}, or of
// large ones the first and last elements and a checksum of all.
#pragma once

#include "tools/weft_interop/json.h"
#include "weft/core/array.h"

namespace weft::interop {

// Throws golden::Mismatch where `got` is not exactly what `want` describes.
void CheckArray(const std::string& name, const Array& got, const Json& want);

}  // namespace weft::interop
