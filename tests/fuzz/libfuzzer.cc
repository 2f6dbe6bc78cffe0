// SPDX-License-Identifier: Apache-2.0
// The entry point of libFuzzer, for the target that the build names in WEFT_FUZZ_TARGET.
#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const weft::fuzz::Target* const target = weft::fuzz::FindTarget(WEFT_FUZZ_TARGET);
  target->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
