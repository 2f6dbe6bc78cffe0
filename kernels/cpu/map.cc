// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/map.h"

#include "src/core/strings.h"

namespace weft {

absl::Status RunMap(KernelContext& ctx, MapLoop loop, double cost_ns) {
  const Array& x = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
  const size_t in_size = DTypeSize(x.dtype()), out_size = DTypeSize(y->dtype());
  const char* in = static_cast<const char*>(x.raw_data());
  char* out = static_cast<char*>(y->raw_data());
  ctx.ParallelFor(x.num_elements(), cost_ns, [=](int64_t begin, int64_t end) {
    const size_t first = static_cast<size_t>(begin);
    loop(in + first * in_size, out + first * out_size, end - begin);
  });
  return absl::OkStatus();
}

absl::Status RunPairMap(KernelContext& ctx, PairLoop loop, double cost_ns, PairShapes shapes) {
  const Array& x = ctx.input(0);
  const Array& y = ctx.input(1);
  if (shapes == PairShapes::kSame && !(x.shape() == y.shape())) {
    return ctx.InvalidArgument(StrCat("inputs must have the same size and shape. Input 0: ",
                                      x.shape().ToString(), " != input 1: ", y.shape().ToString()));
  }
  if (x.num_elements() != y.num_elements()) {
    return ctx.InvalidArgument(
        StrCat("The two arguments to a cwise op must have same number of elements, got ",
               x.num_elements(), " and ", y.num_elements()));
  }
  WEFT_ASSIGN_OR_RETURN(Array * z, ctx.ForwardOrAllocate({0, 1}, 0, x.shape()));
  const size_t size = DTypeSize(x.dtype());
  const char* a = static_cast<const char*>(x.raw_data());
  const char* b = static_cast<const char*>(y.raw_data());
  char* out = static_cast<char*>(z->raw_data());
  ctx.ParallelFor(x.num_elements(), cost_ns, [=](int64_t begin, int64_t end) {
    const size_t offset = static_cast<size_t>(begin) * size;
    loop(a + offset, b + offset, out + offset, end - begin);
  });
  return absl::OkStatus();
}

}  // namespace weft
