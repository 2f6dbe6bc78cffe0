// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "weft/core/array.h"

namespace weft::golden {

struct Tolerance {
  double rtol = 0, atol = 0;
};

// "" if `got` has want's dtype and shape, and each element |got - want| <= atol + rtol * |want|
// (NaN equals NaN). Integers, booleans and strings must be equal; a tolerance of one level or more
// counts for integers too.
std::string Compare(const Array& got, const Array& want, const Tolerance& tolerance);

}  // namespace weft::golden
