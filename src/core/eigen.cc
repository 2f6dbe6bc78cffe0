// SPDX-License-Identifier: Apache-2.0
#include "weft/core/eigen.h"

#include "src/core/status.h"
#include "src/core/strings.h"

namespace weft::eigen {

void CheckMap(const Array& a, DataType dtype, int min_rank) {
  if (a.dtype() != dtype)
    ThrowError(Code::kInvalidArgument, StrCat("An Array of ", DTypeName(a.dtype()),
                                              " can't be mapped as one of ", DTypeName(dtype)));
  if (a.rank() < min_rank)
    ThrowError(Code::kInvalidArgument, StrCat("An Array of shape ", a.shape().ToString(),
                                              " can't be mapped as a matrix: it has no dimension"));
}

}  // namespace weft::eigen
