// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "weft/runtime/device.h"

namespace weft {

// CPU and TEST.
void RegisterBuiltinDevices(DeviceRegistry& devices);

}  // namespace weft
