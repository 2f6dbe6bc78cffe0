// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/weft_bench/measure.h"
#include "weft/runtime/session.h"

namespace weft::bench {

// Of all sessions that are measured: as many threads as --threads says.
inline ConfigProto BenchConfig() {
  ConfigProto config;
  config.intra_op_parallelism_threads = settings().threads;
  return config;
}

}  // namespace weft::bench
