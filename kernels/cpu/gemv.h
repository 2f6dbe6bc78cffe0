// SPDX-License-Identifier: Apache-2.0
// A row vector times a matrix, for answers to single requests: the matrix is read once, by all
// threads, each of which always takes the same columns, so that what fits their caches stays there.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

namespace weft::cpu {

// c[j] = sum over p of a[p] * b[p * ldb + j] for j in [0, n), or c[j] += ... if `accumulate`. Each
// product is added in the order of p, with one rounding a step: the bits depend on no thread count.
void RowTimesMatrix(int64_t n, int64_t k, const float* a, const float* b, int64_t ldb, float* c,
                    int threads, bool accumulate);

// The same for a matrix [k, n] without gaps that stays as it is, a weight of a network in service.
// From the second row on a copy is read whose columns lie in panels, as the threads read them: a
// core's caches bring pieces of long rows half as fast as what lies side by side. The bits are
// those of RowTimesMatrix. Thread-safe.
class RowWeights {
 public:
  void Times(int64_t n, int64_t k, const float* a, const float* b, float* c, int threads);

 private:
  struct Free {
    void operator()(float* p) const;
  };

  std::atomic<bool> used_ = false;
  std::atomic<const float*> ready_ = nullptr;  // panels_, once it is filled
  std::once_flag packed_;
  std::unique_ptr<float[], Free> panels_;
};

}  // namespace weft::cpu
