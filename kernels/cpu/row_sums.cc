// SPDX-License-Identifier: Apache-2.0
// _SumOfRows: the sum of vectors (attribute `addends`: how many) of `columns` elements and of all
// rows of arrays, which follow them; what an array has at one index of its first dimension is a
// row. With `broadcasts` it was a sum of two, and an addend of another shape is repeated as AddV2
// does. The plan's pass src/runtime/fuse_row_sums.cc makes them.
#include <algorithm>
#include <functional>
#include <vector>

#include "kernels/cpu/register.h"
#include "kernels/cpu/rnn_gates.h"
#include "kernels/cpu/rows.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

class SumOfRows final : public Kernel {
 public:
  explicit SumOfRows(KernelConstruction& c)
      : addends_(static_cast<int>(c.Attr<int64_t>("addends"))),
        columns_(c.Attr<int64_t>("columns")),
        broadcasts_(c.Attr<bool>("broadcasts")) {
    if (addends_ < 0 || addends_ >= c.num_inputs() || (broadcasts_ && addends_ > 1))
      c.Fail(absl::InternalError("_SumOfRows: malformed"));
  }

  absl::Status Compute(KernelContext& ctx) override {
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      const Array& a = ctx.input(i);
      if (i < addends_ ? IsRow(a) || broadcasts_ : a.rank() > 0 && RowLength(a) == columns_)
        continue;
      return ctx.InvalidArgument(StrCat("Inputs to operation ", ctx.node_name(),
                                        " of type AddN must have the same size and shape.  Input ",
                                        i, ", ", i < addends_ ? "" : "the sum of rows of ",
                                        a.shape().ToString(), " != [", columns_, "]"));
    }
    if (broadcasts_ && addends_ == 1 && !IsRow(ctx.input(0))) return AddRepeated(ctx);
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({columns_})));
    float* const sums = out->mutable_data<float>();
    std::fill_n(sums, columns_, 0.0f);
    if (ctx.lane() == 0) AddAddends(ctx, sums);
    // As lanes make them: the sums of parts of the rows, added up.
    const std::vector<int64_t> parts = Parts(ctx);
    AddRows(ctx, 0, cpu::PartEnd(parts, 0, kAllRows), sums);
    std::vector<float> more;
    for (size_t p = 1; p < parts.size(); ++p) {
      more.assign(static_cast<size_t>(columns_), 0.0f);
      AddRows(ctx, parts[p], cpu::PartEnd(parts, p, kAllRows), more.data());
      std::transform(more.begin(), more.end(), sums, sums, std::plus<float>());
    }
    return absl::OkStatus();
  }

  bool works_by_rows() const override { return true; }
  RowUse DivideRows(const KernelContext& ctx, int64_t) const override {
    if (Parts(ctx).size() == 1 || (broadcasts_ && addends_ == 1 && !IsRow(ctx.input(0)))) return {};
    RowUse use{.split = std::vector<bool>(static_cast<size_t>(ctx.num_inputs()), true)};
    std::fill_n(use.split.begin(), addends_, false);
    use.row_ns = 0.1 * static_cast<double>(columns_ * ctx.num_inputs());
    use.sums = true;
    return use;
  }

 private:
  static constexpr int64_t kAllRows = -1;

  // How the rows are divided: those of small matrices into parts, for a step of a recurrent net.
  std::vector<int64_t> Parts(const KernelContext& ctx) const {
    constexpr int64_t kFewElements = 1 << 16;
    const Array& first = ctx.input(addends_);
    if (first.num_elements() > kFewElements) return {0};
    for (int i = addends_ + 1; i < ctx.num_inputs(); ++i) {
      if (ctx.input(i).dim(0) != first.dim(0)) return {0};
    }
    return ctx.RowParts(first.dim(0));
  }

  bool IsRow(const Array& a) const { return a.rank() == 1 && a.dim(0) == columns_; }

  void AddAddends(KernelContext& ctx, float* sums) const {
    for (int i = 0; i < addends_; ++i)
      cpu::AddColumnSums(ctx.input(i).data<float>(), 1, columns_, sums);
  }
  void AddRows(KernelContext& ctx, int64_t begin, int64_t end, float* sums) const {
    for (int i = addends_; i < ctx.num_inputs(); ++i) {
      const Array& a = ctx.input(i);
      cpu::AddColumnSums(a.data<float>() + begin * columns_,
                         (end == kAllRows ? a.dim(0) : end) - begin, columns_, sums);
    }
  }

  absl::Status AddRepeated(KernelContext& ctx) const {
    const Array& a = ctx.input(0);
    const int64_t own = a.rank() == 0 ? 1 : a.dim(a.rank() - 1);
    if (own != columns_ && own != 1 && columns_ != 1) {
      return ctx.InvalidArgument(
          StrCat("Incompatible shapes: ", a.shape().ToString(), " vs. [", columns_, "]"));
    }
    const int64_t length = own == 1 ? columns_ : own;
    std::vector<int64_t> dims = a.shape().ToVector();
    if (dims.empty()) dims.push_back(1);
    dims.back() = length;
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape(dims)));
    std::vector<float> sums(static_cast<size_t>(columns_));
    AddRows(ctx, 0, kAllRows, sums.data());
    const float* from = a.data<float>();
    float* to = out->mutable_data<float>();
    for (int64_t left = out->num_elements(); left > 0; left -= length, from += own, to += length) {
      for (int64_t j = 0; j < length; ++j)
        to[j] = from[own == 1 ? 0 : j] + sums[static_cast<size_t>(columns_ == 1 ? 0 : j)];
    }
    return absl::OkStatus();
  }

  static int64_t RowLength(const Array& a) {
    int64_t length = 1;
    for (int d = 1; d < a.rank(); ++d) length *= a.dim(d);
    return length;
  }

  const int addends_;
  const int64_t columns_;
  const bool broadcasts_;
};

}  // namespace

void RegisterRowSumKernels(KernelRegistry& kernels) {
  kernels.Add<SumOfRows>("_SumOfRows", kCpu, {{"T", kFloat32}});
}

}  // namespace weft
