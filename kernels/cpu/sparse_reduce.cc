// SPDX-License-Identifier: Apache-2.0
// SparseReduceSum, SparseReduceMax, their sparse results, SparseSoftmax.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/cpu/sparse.h"

namespace weft {
namespace {

// Values that share the indices of the dimensions that stay, group by group.
struct Groups {
  std::vector<int> kept;       // the dimensions that stay
  std::vector<int64_t> order;  // values by group, and as they came within one
  std::vector<size_t> ends;    // of each group in `order`
};

Groups GroupBy(const Array& indices, std::vector<int> kept) {
  Groups groups;
  groups.kept = std::move(kept);
  const int64_t n = indices.dim(0), rank = indices.dim(1);
  const int64_t* at = indices.data<int64_t>();
  const auto before = [&](int64_t a, int64_t b) {
    for (const int d : groups.kept) {
      if (at[a * rank + d] != at[b * rank + d]) return at[a * rank + d] < at[b * rank + d];
    }
    return false;
  };
  groups.order.resize(static_cast<size_t>(n));
  std::iota(groups.order.begin(), groups.order.end(), int64_t{0});
  std::stable_sort(groups.order.begin(), groups.order.end(), before);
  for (size_t i = 1; i <= groups.order.size(); ++i) {
    if (i == groups.order.size() || before(groups.order[i - 1], groups.order[i]))
      groups.ends.push_back(i);
  }
  return groups;
}

template <typename T>
struct SumOf {
  // Halves are summed as float, and rounded once.
  using Wide = std::conditional_t<std::is_same_v<T, half> || std::is_same_v<T, bfloat16>, float, T>;
  static Wide Merge(Wide a, Wide b) { return static_cast<Wide>(a + b); }
};
template <typename T>
struct MaxOf {
  using Wide = T;
  static T Merge(T a, T b) { return b > a || b != b ? b : a; }
};

template <typename Reduce, typename T>
class SparseReduce final : public Kernel {
 public:
  explicit SparseReduce(KernelConstruction& c)
      : keep_dims_(c.Attr<bool>("keep_dims")), is_sparse_(c.num_outputs() == 3) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, 1, 2));
    const Array& indices = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ReadShape(ctx, ctx.input(2)));
    if (const absl::Status inside = CheckIndices(ctx, indices, shape); !inside.ok()) {
      // A dense result's code is TensorFlow's.
      return is_sparse_ ? inside : absl::Status(absl::StatusCode::kInternal, inside.message());
    }
    const int rank = shape.rank();
    std::vector<bool> is_reduced(static_cast<size_t>(rank));
    for (const int32_t axis : ctx.input(3).values<int32_t>()) {
      if (axis < -rank || axis >= rank) {
        return ctx.InvalidArgument(StrCat("Invalid reduction dimension ", axis, ", for input with ",
                                          rank, " dimensions."));
      }
      is_reduced[static_cast<size_t>(axis < 0 ? axis + rank : axis)] = true;
    }
    std::vector<int> kept;
    Shape reduced;
    for (int d = 0; d < rank; ++d) {
      const bool is_kept = !is_reduced[static_cast<size_t>(d)];
      if (is_kept) kept.push_back(d);
      if (is_kept || keep_dims_) reduced.AddDim(is_kept ? shape.dim(d) : 1);
    }
    const Groups groups = GroupBy(indices, std::move(kept));
    return is_sparse_ ? Sparse(ctx, groups, is_reduced, reduced)
                      : Dense(ctx, groups, shape, reduced);
  }

 private:
  static T Value(const T* values, const Groups& groups, size_t begin, size_t end) {
    typename Reduce::Wide result = values[groups.order[begin]];
    for (size_t i = begin + 1; i < end; ++i)
      result = Reduce::Merge(result, values[groups.order[i]]);
    return static_cast<T>(result);
  }

  absl::Status Dense(KernelContext& ctx, const Groups& groups, const Shape& shape,
                     const Shape& reduced) const {
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, reduced));
    T* to = out->mutable_data<T>();
    std::fill_n(to, out->num_elements(), T(0));
    const int64_t* at = ctx.input(0).data<int64_t>();
    size_t begin = 0;
    for (const size_t end : groups.ends) {
      int64_t place = 0;
      for (const int d : groups.kept)
        place = place * shape.dim(d) + at[groups.order[begin] * shape.rank() + d];
      to[place] = Value(ctx.input(1).data<T>(), groups, begin, end);
      begin = end;
    }
    return absl::OkStatus();
  }

  absl::Status Sparse(KernelContext& ctx, const Groups& groups, const std::vector<bool>& is_reduced,
                      const Shape& reduced) const {
    const int64_t n = static_cast<int64_t>(groups.ends.size());
    const int rank = static_cast<int>(is_reduced.size());
    WEFT_ASSIGN_OR_RETURN(Array * indices, ctx.AllocateOutput(0, Shape({n, reduced.rank()})));
    WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(1, Shape({n})));
    const int64_t* at = ctx.input(0).data<int64_t>();
    int64_t* to = indices->mutable_data<int64_t>();
    T* value = values->mutable_data<T>();
    size_t begin = 0;
    for (const size_t end : groups.ends) {
      for (int d = 0; d < rank; ++d) {
        if (!is_reduced[static_cast<size_t>(d)]) {
          *to++ = at[groups.order[begin] * rank + d];
        } else if (keep_dims_) {
          *to++ = 0;
        }
      }
      *value++ = Value(ctx.input(1).data<T>(), groups, begin, end);
      begin = end;
    }
    ctx.set_output(2, Array::FromVector(reduced.ToVector()));
    return absl::OkStatus();
  }

  const bool keep_dims_, is_sparse_;
};

template <typename T>
absl::Status Softmax(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, 1, 2));
  const Array& indices = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ReadShape(ctx, ctx.input(2)));
  const int rank = shape.rank();
  if (rank < 2) {
    return ctx.InvalidArgument(StrCat("Input should have rank >= 2, but got: ", shape.ToString()));
  }
  WEFT_RETURN_IF_ERROR(CheckIndices(ctx, indices, shape));
  std::vector<int> kept(static_cast<size_t>(rank) - 1);
  std::iota(kept.begin(), kept.end(), 0);
  const Groups groups = GroupBy(indices, std::move(kept));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, ctx.input(1).shape()));
  using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const T* in = ctx.input(1).data<T>();
  T* to = out->mutable_data<T>();
  size_t begin = 0;
  for (const size_t end : groups.ends) {
    Wide most = static_cast<Wide>(in[groups.order[begin]]), sum = 0;
    for (size_t i = begin; i < end; ++i)
      most = std::max(most, static_cast<Wide>(in[groups.order[i]]));
    for (size_t i = begin; i < end; ++i)
      sum += std::exp(static_cast<Wide>(in[groups.order[i]]) - most);
    for (size_t i = begin; i < end; ++i) {
      const int64_t at = groups.order[i];
      to[at] = static_cast<T>(std::exp(static_cast<Wide>(in[at]) - most) / sum);
    }
    begin = end;
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterSparseReduceKernels(KernelRegistry& kernels) {
  const auto add_sum = [&]<typename T>() {
    const KernelConstraints only = {{"T", dtype_of<T>}};
    kernels.Add<SparseReduce<SumOf<T>, T>>("SparseReduceSum", kCpu, only);
    kernels.Add<SparseReduce<SumOf<T>, T>>("SparseReduceSumSparse", kCpu, only);
  };
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, complex64, complex128>(add_sum);
  const auto add_max = [&]<typename T>() {
    const KernelConstraints only = {{"T", dtype_of<T>}};
    kernels.Add<SparseReduce<MaxOf<T>, T>>("SparseReduceMax", kCpu, only);
    kernels.Add<SparseReduce<MaxOf<T>, T>>("SparseReduceMaxSparse", kCpu, only);
  };
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t>(add_max);
  ForTypes<float, double, half, bfloat16>([&]<typename T>() {
    kernels.Add("SparseSoftmax", kCpu, {{"T", dtype_of<T>}}, Softmax<T>);
  });
}

}  // namespace weft
