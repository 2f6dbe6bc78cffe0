// SPDX-License-Identifier: Apache-2.0
// _SumOfRows: the sum of vectors (attribute `addends`: how many) of `columns` elements and of all
// rows of arrays, which follow them; what an array has at one index of its first dimension is a
// row. The plan's pass src/runtime/fuse_row_sums.cc makes them.
#include <algorithm>

#include "kernels/cpu/register.h"
#include "kernels/cpu/rnn_gates.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

class SumOfRows final : public Kernel {
 public:
  explicit SumOfRows(KernelConstruction& c)
      : addends_(static_cast<int>(c.Attr<int64_t>("addends"))),
        columns_(c.Attr<int64_t>("columns")) {
    if (addends_ < 0 || addends_ >= c.num_inputs())
      c.Fail(absl::InternalError("_SumOfRows: malformed"));
  }

  absl::Status Compute(KernelContext& ctx) override {
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      const Array& a = ctx.input(i);
      if (i < addends_ ? a.rank() == 1 && a.dim(0) == columns_
                       : a.rank() > 0 && RowLength(a) == columns_)
        continue;
      return ctx.InvalidArgument(StrCat("Inputs to operation ", ctx.node_name(),
                                        " of type AddN must have the same size and shape.  Input ",
                                        i, ", ", i < addends_ ? "" : "the sum of rows of ",
                                        a.shape().ToString(), " != [", columns_, "]"));
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({columns_})));
    float* const sums = out->mutable_data<float>();
    std::fill_n(sums, columns_, 0.0f);
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      const Array& a = ctx.input(i);
      cpu::AddColumnSums(a.data<float>(), i < addends_ ? 1 : a.dim(0), columns_, sums);
    }
    return absl::OkStatus();
  }

 private:
  static int64_t RowLength(const Array& a) {
    int64_t length = 1;
    for (int d = 1; d < a.rank(); ++d) length *= a.dim(d);
    return length;
  }

  const int addends_;
  const int64_t columns_;
};

}  // namespace

void RegisterRowSumKernels(KernelRegistry& kernels) {
  kernels.Add<SumOfRows>("_SumOfRows", kCpu, {{"T", kFloat32}});
}

}  // namespace weft
