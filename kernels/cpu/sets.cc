// SPDX-License-Identifier: Apache-2.0
// SetSize, DenseToDenseSetOperation, DenseToSparseSetOperation, SparseToSparseSetOperation.
#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/sparse.h"

namespace weft {
namespace {

// A group is the indices of all dimensions but the last.
using Group = std::vector<int64_t>;
template <typename T>
using Sets = std::map<Group, std::set<T>>;

Group GroupShape(const Shape& shape) { return {shape.dims().begin(), shape.dims().end() - 1}; }

// The sets of a dense tensor whose last dimension holds their members.
template <typename T>
absl::StatusOr<Sets<T>> DenseSets(KernelContext& ctx, int input, Group* groups) {
  const Array& dense = ctx.input(input);
  if (dense.rank() < 2) {
    return ctx.InvalidArgument(
        StrCat("Invalid input ", input, ": rank is ", dense.rank(), ", and must be >= 2"));
  }
  *groups = GroupShape(dense.shape());
  const int64_t width = dense.dim(dense.rank() - 1);
  Sets<T> sets;
  if (dense.num_elements() == 0) return sets;
  Group group(groups->size(), 0);
  const T* values = dense.data<T>();
  for (int64_t i = 0; i < dense.num_elements(); i += width) {
    sets[group].insert(values + i, values + i + width);
    for (size_t d = group.size(); d-- > 0 && ++group[d] == (*groups)[d];) group[d] = 0;
  }
  return sets;
}

// The sets of a sparse tensor: inputs `first` to `first` + 2.
template <typename T>
absl::StatusOr<Sets<T>> SparseSets(KernelContext& ctx, int first, bool validate, Group* groups) {
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, first, first + 1, first + 2));
  const Array &indices = ctx.input(first), &values = ctx.input(first + 1);
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ReadShape(ctx, ctx.input(first + 2)));
  if (shape.rank() < 2) {
    return ctx.InvalidArgument(
        StrCat("Invalid input ", first, ": rank is ", shape.rank(), ", and must be >= 2"));
  }
  *groups = GroupShape(shape);
  WEFT_RETURN_IF_ERROR(CheckIndices(ctx, indices, shape));
  const int64_t rank = shape.rank();
  const int64_t* at = indices.data<int64_t>();
  Sets<T> sets;
  for (int64_t i = 0; i < indices.dim(0); ++i) {
    const int64_t* index = at + i * rank;
    if (validate && i > 0 && CompareIndices(index - rank, index, rank) >= 0) {
      return ctx.InvalidArgument(
          StrCat("indices[", i, "] = [", StrJoin(std::vector<int64_t>(index, index + rank), ","),
                 "] is out of order. Many sparse ops require sorted indices. Use "
                 "`tf.sparse.reorder` to create a correctly ordered copy."));
    }
    sets[Group(index, index + rank - 1)].insert(values.data<T>()[i]);
  }
  return sets;
}

template <typename T>
class SetSize final : public Kernel {
 public:
  explicit SetSize(KernelConstruction& c) : validate_(c.Attr<bool>("validate_indices")) {}
  absl::Status Compute(KernelContext& ctx) override {
    Group groups;
    WEFT_ASSIGN_OR_RETURN(const Sets<T> sets, SparseSets<T>(ctx, 0, validate_, &groups));
    Shape shape;
    std::string why;
    if (!Shape::Make(groups, &shape, &why)) return ctx.InvalidArgument(why);
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    int32_t* to = out->mutable_data<int32_t>();
    std::fill_n(to, out->num_elements(), 0);
    for (const auto& [group, members] : sets) {
      int64_t place = 0;
      for (size_t d = 0; d < group.size(); ++d) place = place * groups[d] + group[d];
      to[place] = static_cast<int32_t>(members.size());
    }
    return absl::OkStatus();
  }

 private:
  const bool validate_;
};

enum class SetRule { kAMinusB, kBMinusA, kIntersection, kUnion };

SetRule ReadRule(KernelConstruction& c) {
  std::string name = AsciiLower(c.Attr<std::string>("set_operation"));
  if (name == "a-b") return SetRule::kAMinusB;
  if (name == "b-a") return SetRule::kBMinusA;
  if (name == "intersection") return SetRule::kIntersection;
  if (name != "union")
    c.Fail(absl::InvalidArgumentError(StrCat("Invalid set_operation ", name, ".")));
  return SetRule::kUnion;
}

template <typename T>
class SetOperation final : public Kernel {
 public:
  explicit SetOperation(KernelConstruction& c)
      : rule_(ReadRule(c)),
        validate_(c.Attr<bool>("validate_indices")),
        a_is_dense_(c.op() != "SparseToSparseSetOperation"),
        b_is_dense_(c.op() == "DenseToDenseSetOperation") {}

  absl::Status Compute(KernelContext& ctx) override {
    Group a_groups, b_groups;
    WEFT_ASSIGN_OR_RETURN(const Sets<T> a, Read(ctx, a_is_dense_, 0, &a_groups));
    WEFT_ASSIGN_OR_RETURN(const Sets<T> b, Read(ctx, b_is_dense_, a_is_dense_ ? 1 : 3, &b_groups));
    if (a_groups != b_groups) {
      return ctx.InvalidArgument(StrCat("Mismatched group shapes: [", StrJoin(a_groups, ","),
                                        "] vs [", StrJoin(b_groups, ","), "]"));
    }
    // The groups of either, in row-major order, with what is left of them.
    std::map<Group, std::vector<T>> results;
    for (const auto& [group, members] : a) Apply(members, Find(b, group), &results[group]);
    for (const auto& [group, members] : b) {
      if (a.find(group) == a.end()) Apply({}, members, &results[group]);
    }
    return Output(ctx, results, a_groups);
  }

 private:
  absl::StatusOr<Sets<T>> Read(KernelContext& ctx, bool is_dense, int first, Group* groups) const {
    return is_dense ? DenseSets<T>(ctx, first, groups)
                    : SparseSets<T>(ctx, first, validate_, groups);
  }

  static std::set<T> Find(const Sets<T>& sets, const Group& group) {
    const auto it = sets.find(group);
    return it == sets.end() ? std::set<T>() : it->second;
  }

  void Apply(const std::set<T>& a, const std::set<T>& b, std::vector<T>* result) const {
    const auto to = std::back_inserter(*result);
    switch (rule_) {
      case SetRule::kAMinusB:
        std::set_difference(a.begin(), a.end(), b.begin(), b.end(), to);
        break;
      case SetRule::kBMinusA:
        std::set_difference(b.begin(), b.end(), a.begin(), a.end(), to);
        break;
      case SetRule::kIntersection:
        std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), to);
        break;
      case SetRule::kUnion:
        std::set_union(a.begin(), a.end(), b.begin(), b.end(), to);
        break;
    }
  }

  static absl::Status Output(KernelContext& ctx, const std::map<Group, std::vector<T>>& results,
                             const Group& groups) {
    size_t total = 0, longest = 0;
    for (const auto& [group, members] : results) {
      total += members.size();
      longest = std::max(longest, members.size());
    }
    const int64_t n = static_cast<int64_t>(total), rank = static_cast<int64_t>(groups.size()) + 1;
    WEFT_ASSIGN_OR_RETURN(Array * indices, ctx.AllocateOutput(0, Shape({n, rank})));
    WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(1, Shape({n})));
    int64_t* index = indices->mutable_data<int64_t>();
    T* value = values->mutable_data<T>();
    for (const auto& [group, members] : results) {
      for (size_t i = 0; i < members.size(); ++i) {
        index = std::copy(group.begin(), group.end(), index);
        *index++ = static_cast<int64_t>(i);
        *value++ = members[i];
      }
    }
    std::vector<int64_t> shape = groups;
    shape.push_back(static_cast<int64_t>(longest));
    ctx.set_output(2, Array::FromVector(shape));
    return absl::OkStatus();
  }

  const SetRule rule_;
  const bool validate_, a_is_dense_, b_is_dense_;
};

}  // namespace

void RegisterSetKernels(KernelRegistry& kernels) {
  ForTypes<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, std::string>([&]<typename T>() {
    const KernelConstraints only = {{"T", dtype_of<T>}};
    kernels.Add<SetSize<T>>("SetSize", kCpu, only);
    kernels.Add<SetOperation<T>>("DenseToDenseSetOperation", kCpu, only);
    kernels.Add<SetOperation<T>>("DenseToSparseSetOperation", kCpu, only);
    kernels.Add<SetOperation<T>>("SparseToSparseSetOperation", kCpu, only);
  });
}

}  // namespace weft
