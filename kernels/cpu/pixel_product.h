// SPDX-License-Identifier: Apache-2.0
// Products of rows, one a pixel, with a constant matrix, where the rows are made as they are
// needed: a depthwise convolution followed by one of single pixels. Some rows at a time are made in
// a piece of memory that stays in the caches until they are multiplied; they are never written to
// memory as a whole. Results don't depend on the number of threads.
#pragma once

#include <cstdint>
#include <mutex>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "kernels/cpu/packed_gemm.h"
#include "weft/runtime/kernel.h"

namespace weft::cpu {

// A constant matrix in panels, made when they are first asked for. Thread-safe.
class PackedConstant {
 public:
  // [k, n], times a factor for each column; `scale` may be invalid. For Strassen's form or for
  // plain sums.
  absl::StatusOr<const float*> Get(KernelContext& ctx, const float* matrix, int64_t k, int64_t n,
                                   const Array& scale, bool strassen);

 private:
  std::mutex mu_;
  Array panels_[2];
};

// y [pixels, n] = rows [pixels, k] times a packed matrix.
struct PixelProduct {
  int64_t pixels = 0, k = 0, n = 0;
  const float* panels = nullptr;
  bool strassen = false;  // the panels are those of strassen.h
  SumFinish finish = {};
  float* y = nullptr;
  // Rows are best made so many at a time, or a multiple.
  int64_t batch = 1;
};

// make(begin, end, to, distance) writes rows [begin, end) to memory, `distance` elements apart.
using MakeRows = absl::FunctionRef<void(int64_t, int64_t, float*, int64_t)>;
void MultiplyPixels(KernelContext& ctx, const PixelProduct& p, MakeRows make);

}  // namespace weft::cpu
