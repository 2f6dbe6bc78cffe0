// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <omp.h>

namespace weft::cpu {

// Sets the size of the OpenMP team that libraries start from this thread, and sets it back.
class TeamSize {
 public:
  explicit TeamSize(int threads) : before_(omp_get_max_threads()), changed_(before_ != threads) {
    if (changed_) omp_set_num_threads(threads);
  }
  ~TeamSize() {
    if (changed_) omp_set_num_threads(before_);
  }
  TeamSize(const TeamSize&) = delete;
  TeamSize& operator=(const TeamSize&) = delete;

 private:
  int before_;
  bool changed_;
};

}  // namespace weft::cpu
