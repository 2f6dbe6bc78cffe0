// SPDX-License-Identifier: Apache-2.0
// How checkpoints hold variants: as serialised VariantTensorDataProtos.
#pragma once

#include "src/io/checkpoint.h"

namespace weft {

const io::VariantCodec& CheckpointVariants();

}  // namespace weft
