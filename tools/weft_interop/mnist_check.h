// SPDX-License-Identifier: Apache-2.0
// What the checks of trainings on MNIST's digits share.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "examples/support/mnist_data.h"
#include "src/core/strings.h"
#include "tools/golden/container.h"
#include "tools/weft_interop/programs.h"
#include "weft/core/array.h"

namespace weft::interop {

inline constexpr int64_t kPixels = 784, kBatch = 100;

inline Digits DigitsOf(const examples::DataSet& set) {
  const examples::Values labels = set.labels();
  return {set.images().floats(), {labels.bytes().begin(), labels.bytes().end()}};
}

inline Array Images(const Digits& digits) {
  return Array::FromVector(digits.images,
                           Shape({static_cast<int64_t>(digits.labels.size()), kPixels}));
}

inline void CheckNear(const std::string& what, double got, double want, double bound) {
  if (!(std::abs(got - want) <= bound))
    throw golden::Mismatch(StrCat(what, " is ", got, ", expected ", want, " +- ", bound));
}

}  // namespace weft::interop
