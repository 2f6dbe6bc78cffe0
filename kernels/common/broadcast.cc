// SPDX-License-Identifier: Apache-2.0
#include "kernels/common/broadcast.h"

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "src/core/strings.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {

absl::Status Incompatible(std::span<const Shape* const> shapes) {
  std::string text = "Incompatible shapes: ";
  for (size_t k = 0; k < shapes.size(); ++k)
    StrAppend(&text, k ? " vs. " : "", shapes[k]->ToString());
  return absl::InvalidArgumentError(text);
}

absl::Status Incompatible(std::span<const int64_t> a, std::span<const int64_t> b) {
  return absl::InvalidArgumentError(
      StrCat("Incompatible shapes: [", StrJoin(a, ","), "] vs. [", StrJoin(b, ","), "]"));
}

// The size of dimension `i`, counted from the end; 1 beyond the first.
int64_t SizeFromEnd(std::span<const int64_t> dims, int i) {
  return i < static_cast<int>(dims.size()) ? dims[dims.size() - 1 - i] : 1;
}

// Whether the operands are repeated alike along both.
bool SamePattern(const BroadcastDim& a, const BroadcastDim& b, int operands) {
  for (int k = 0; k < operands; ++k) {
    if ((a.strides[k] == 0) != (b.strides[k] == 0)) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<BroadcastPlan> PlanBroadcast(std::span<const Shape* const> shapes) {
  BroadcastPlan plan;
  plan.num_operands = static_cast<int>(shapes.size());
  int rank = 0;
  for (const Shape* s : shapes) rank = std::max(rank, s->rank());

  absl::InlinedVector<int64_t, 8> sizes(rank, 1);
  for (int i = 0; i < rank; ++i) {
    int64_t& size = sizes[rank - 1 - i];
    for (const Shape* s : shapes) {
      const int64_t own = SizeFromEnd(s->dims(), i);
      if (own == 1) continue;
      if (size != 1 && size != own) return Incompatible(shapes);
      size = own;
    }
  }
  std::string error;
  if (!Shape::Make({sizes.data(), sizes.size()}, &plan.output, &error)) {
    return absl::InvalidArgumentError(StrCat(Incompatible(shapes).message(), ": ", error));
  }
  if (plan.output.num_elements() <= 1) {
    plan.dims.assign(1, BroadcastDim{plan.output.num_elements(), {}});
    return plan;
  }

  std::array<int64_t, kMaxBroadcastOperands> next_stride;
  next_stride.fill(1);
  for (int i = 0; i < rank; ++i) {
    BroadcastDim dim;
    dim.size = sizes[rank - 1 - i];
    if (dim.size == 1) continue;
    for (int k = 0; k < plan.num_operands; ++k) {
      const int64_t own = SizeFromEnd(shapes[k]->dims(), i);
      dim.strides[k] = own == 1 ? 0 : next_stride[k];
      next_stride[k] *= own;
    }
    if (!plan.dims.empty() && SamePattern(plan.dims.back(), dim, plan.num_operands)) {
      plan.dims.back().size *= dim.size;
    } else {
      plan.dims.push_back(dim);
    }
  }
  std::reverse(plan.dims.begin(), plan.dims.end());
  return plan;
}

absl::StatusOr<BroadcastAxes> BroadcastReductionAxes(std::span<const int64_t> a,
                                                     std::span<const int64_t> b) {
  BroadcastAxes axes;
  if (std::ranges::equal(a, b)) return axes;
  const int rank = static_cast<int>(std::max(a.size(), b.size()));
  for (int d = 0; d < rank; ++d) {
    const int64_t in_a = SizeFromEnd(a, rank - 1 - d);
    const int64_t in_b = SizeFromEnd(b, rank - 1 - d);
    if (in_a != in_b && in_a != 1 && in_b != 1) return Incompatible(a, b);
    if (in_a == 1) axes.a.push_back(d);
    if (in_b == 1) axes.b.push_back(d);
  }
  return axes;
}

absl::StatusOr<std::vector<int64_t>> BroadcastSizes(std::span<const int64_t> a,
                                                    std::span<const int64_t> b) {
  const int rank = static_cast<int>(std::max(a.size(), b.size()));
  std::vector<int64_t> sizes(rank);
  for (int d = 0; d < rank; ++d) {
    const int64_t in_a = SizeFromEnd(a, rank - 1 - d);
    const int64_t in_b = SizeFromEnd(b, rank - 1 - d);
    if (in_a != in_b && in_a != 1 && in_b != 1) return Incompatible(a, b);
    sizes[d] = in_a == 1 ? in_b : in_a;
  }
  return sizes;
}

}  // namespace weft
