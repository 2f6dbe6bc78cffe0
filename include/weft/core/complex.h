// SPDX-License-Identifier: Apache-2.0
// Elements of kComplex64 and kComplex128.
#pragma once

#include <complex>

namespace weft {

using complex64 = std::complex<float>;
using complex128 = std::complex<double>;

}  // namespace weft
