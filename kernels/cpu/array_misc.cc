// SPDX-License-Identifier: Apache-2.0
// Unique elements and slices, differences of lists, where a condition holds.
#include <algorithm>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "kernels/cpu/element_class.h"
#include "kernels/cpu/value_key.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterSearchKernels(KernelRegistry& kernels);

namespace {

// An array as [before, count, after]: slices along one dimension. A vector has slices of one
// element.
struct SliceView {
  int64_t before = 1, count = 1, after = 1;
};

template <typename T>
struct SliceHash {
  const T* data;
  SliceView view;
  size_t operator()(int64_t i) const {
    size_t h = 0;
    for (int64_t b = 0; b < view.before; ++b) {
      const T* run = data + (b * view.count + i) * view.after;
      for (int64_t a = 0; a < view.after; ++a) h = absl::HashOf(h, ValueKey<T>::Of(run[a]));
    }
    return h;
  }
};
template <typename T>
struct SliceEqual {
  const T* data;
  SliceView view;
  bool operator()(int64_t i, int64_t j) const {
    // A table's key is its own equal, though a NaN in it is not.
    if (i == j) return true;
    for (int64_t b = 0; b < view.before; ++b) {
      const T* x = data + (b * view.count + i) * view.after;
      const T* y = data + (b * view.count + j) * view.after;
      for (int64_t a = 0; a < view.after; ++a) {
        if (!SameValue(x[a], y[a])) return false;
      }
    }
    return true;
  }
};

struct Groups {
  std::vector<int64_t> first;  // of each distinct slice, where it occurs first
  std::vector<int64_t> group;  // of each slice, which distinct one it is
};

template <typename T>
Groups FindGroups(const T* data, const SliceView& view) {
  Groups g;
  g.group.resize(static_cast<size_t>(view.count));
  absl::flat_hash_map<int64_t, int64_t, SliceHash<T>, SliceEqual<T>> seen(
      0, SliceHash<T>{data, view}, SliceEqual<T>{data, view});
  for (int64_t i = 0; i < view.count; ++i) {
    const auto [it, inserted] = seen.try_emplace(i, static_cast<int64_t>(g.first.size()));
    if (inserted) g.first.push_back(i);
    g.group[static_cast<size_t>(i)] = it->second;
  }
  return g;
}

void WriteInts(const std::vector<int64_t>& values, Array* out) {
  if (out->dtype() == kInt32)
    std::copy(values.begin(), values.end(), out->mutable_data<int32_t>());
  else
    std::copy(values.begin(), values.end(), out->mutable_data<int64_t>());
}

class Unique final : public Kernel {
 public:
  explicit Unique(KernelConstruction& c)
      : has_axis_(c.num_inputs() == 2), counts_(c.num_outputs() == 3) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const int axis, Axis(ctx));
    SliceView view;
    for (int i = 0; i < x.rank(); ++i)
      (i < axis ? view.before : i == axis ? view.count : view.after) *= x.dim(i);
    if (view.count > std::numeric_limits<int32_t>::max() && ctx.output_dtype(1) == kInt32) {
      return ctx.InvalidArgument(StrCat("unique does not support input tensors larger than ",
                                        std::numeric_limits<int32_t>::max(), " elements"));
    }
    Groups groups;
    WithValueType(x.dtype(), [&]<typename T>() { groups = FindGroups(ElementsOf<T>(x), view); });
    const int64_t distinct = static_cast<int64_t>(groups.first.size());

    Shape shape = x.shape();
    shape.set_dim(axis, distinct);
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    WithElementClass(x.dtype(), [&]<typename U>() { Gather<U>(x, view, groups.first, y); });
    WEFT_ASSIGN_OR_RETURN(Array * idx, ctx.AllocateOutput(1, Shape({view.count})));
    WriteInts(groups.group, idx);
    if (!counts_) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(Array * count, ctx.AllocateOutput(2, Shape({distinct})));
    std::vector<int64_t> total(groups.first.size(), 0);
    for (int64_t g : groups.group) ++total[static_cast<size_t>(g)];
    WriteInts(total, count);
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<int> Axis(KernelContext& ctx) const {
    const Array& x = ctx.input(0);
    if (has_axis_) {
      const Array& axis = ctx.input(1);
      if (axis.rank() != 1) return ctx.InvalidArgument("axis expects a 1D vector.");
      if (axis.num_elements() > 1)
        return ctx.InvalidArgument("axis does not support input tensors larger than 1 elements");
      if (axis.num_elements() == 1) {
        const int64_t a = axis.AsInt64();
        if (a < -x.rank() || a >= x.rank()) {
          return ctx.InvalidArgument(StrCat("axis has to be between [0, ", x.rank(),
                                            ") or count from the end, but is ", a));
        }
        return static_cast<int>(a < 0 ? a + x.rank() : a);
      }
    }
    if (x.rank() != 1)
      return ctx.InvalidArgument(
          StrCat("unique expects a 1D vector, got shape ", x.shape().ToString()));
    return 0;
  }

  template <typename U>
  static void Gather(const Array& x, const SliceView& view, const std::vector<int64_t>& slices,
                     Array* y) {
    const U* in = ElementsOf<U>(x);
    U* out = MutableElementsOf<U>(*y);
    for (int64_t b = 0; b < view.before; ++b) {
      for (int64_t slice : slices) {
        CopyRun(out, in + (b * view.count + slice) * view.after, view.after);
        out += view.after;
      }
    }
  }

  bool has_axis_, counts_;
};

template <typename T>
std::vector<int64_t> PlacesNotIn(const T* x, int64_t nx, const T* y, int64_t ny) {
  absl::flat_hash_set<std::decay_t<decltype(ValueKey<T>::Of(*y))>> excluded;
  for (int64_t i = 0; i < ny; ++i) {
    if (ValueKey<T>::HasKey(y[i])) excluded.insert(ValueKey<T>::Of(y[i]));
  }
  std::vector<int64_t> places;
  for (int64_t i = 0; i < nx; ++i) {
    if (!ValueKey<T>::HasKey(x[i]) || !excluded.contains(ValueKey<T>::Of(x[i])))
      places.push_back(i);
  }
  return places;
}

absl::Status ListDiff(KernelContext& ctx) {
  const Array &x = ctx.input(0), &y = ctx.input(1);
  if (x.rank() != 1)
    return ctx.InvalidArgument(StrCat("x should be a 1D vector, got shape ", x.shape().ToString()));
  if (y.rank() != 1)
    return ctx.InvalidArgument(StrCat("y should be a 1D vector, got shape ", y.shape().ToString()));
  std::vector<int64_t> places;
  WithValueType(x.dtype(), [&]<typename T>() {
    places = PlacesNotIn(ElementsOf<T>(x), x.num_elements(), ElementsOf<T>(y), y.num_elements());
  });
  const Shape shape({static_cast<int64_t>(places.size())});
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  WithElementClass(x.dtype(), [&]<typename U>() {
    U* to = MutableElementsOf<U>(*out);
    for (int64_t p : places) *to++ = ElementsOf<U>(x)[p];
  });
  WEFT_ASSIGN_OR_RETURN(Array * idx, ctx.AllocateOutput(1, shape));
  WriteInts(places, idx);
  return absl::OkStatus();
}

// Writes the index tuple of every element for which `holds` to `out`.
template <typename T, typename Holds>
void WriteIndices(const T* x, const Shape& shape, Holds holds, int64_t* out) {
  const int rank = shape.rank();
  absl::InlinedVector<int64_t, 8> index(static_cast<size_t>(rank), 0);
  const int64_t n = shape.num_elements(), inner = rank > 0 ? shape.dim(rank - 1) : 1;
  for (int64_t begin = 0; begin < n; begin += inner) {
    for (int64_t i = 0; i < inner; ++i) {
      if (!holds(x[begin + i])) continue;
      for (int d = 0; d + 1 < rank; ++d) *out++ = index[static_cast<size_t>(d)];
      if (rank > 0) *out++ = i;
    }
    for (int d = rank - 2; d >= 0; --d) {
      if (++index[static_cast<size_t>(d)] < shape.dim(d)) break;
      index[static_cast<size_t>(d)] = 0;
    }
  }
}

template <typename T>
absl::Status Where(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  const T* data = ElementsOf<T>(x);
  const auto holds = [](const T& v) { return !(v == T(0)); };
  const int64_t count = std::count_if(data, data + x.num_elements(), holds);
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({count, x.rank()})));
  WriteIndices(data, x.shape(), holds, out->mutable_data<int64_t>());
  return absl::OkStatus();
}

}  // namespace

void RegisterArrayMiscKernels(KernelRegistry& kernels) {
  for (DataType t : {kFloat32, kFloat64, kFloat16, kBfloat16, kInt8, kInt16, kInt32, kInt64, kUint8,
                     kUint16, kUint32, kUint64, kBool, kString}) {
    for (const char* op : {"Unique", "UniqueV2", "UniqueWithCounts", "UniqueWithCountsV2"})
      kernels.Add<Unique>(op, kCpu, {{"T", t}});
    kernels.Add("ListDiff", kCpu, {{"T", t}}, ListDiff);
  }
  const auto where = [&]<typename T>(std::initializer_list<DataType> dtypes) {
    for (DataType t : dtypes) kernels.Add("Where", kCpu, {{"T", t}}, Where<T>);
  };
  where.operator()<float>({kFloat32});
  where.operator()<double>({kFloat64});
  where.operator()<half>({kFloat16});
  where.operator()<bfloat16>({kBfloat16});
  where.operator()<complex64>({kComplex64});
  where.operator()<complex128>({kComplex128});
  where.operator()<uint8_t>({kBool, kInt8, kUint8});
  where.operator()<uint16_t>({kInt16, kUint16});
  where.operator()<uint32_t>({kInt32, kUint32});
  where.operator()<uint64_t>({kInt64, kUint64});
  RegisterSearchKernels(kernels);
}

}  // namespace weft
