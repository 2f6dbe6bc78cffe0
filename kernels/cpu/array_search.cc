// SPDX-License-Identifier: Apache-2.0
// Search in sorted values, indices as tuples, and distances of sequences.
#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "kernels/cpu/element_class.h"
#include "kernels/cpu/value_key.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// ---- LowerBound, UpperBound, Bucketize ----

template <typename T, typename I, bool kUpper>
absl::Status Bound(KernelContext& ctx) {
  const Array &sorted = ctx.input(0), &values = ctx.input(1);
  for (const auto& [a, name] : {std::pair(&sorted, "sorted_inputs"), {&values, "values"}}) {
    if (a->rank() != 2) {
      return ctx.InvalidArgument(
          StrCat("Shape must be rank 2 but is rank ", a->rank(), " for `", name, "` argument"));
    }
  }
  if (sorted.dim(0) != values.dim(0)) {
    return ctx.InvalidArgument(
        StrCat("Leading dim_size of both tensors must match: sorted_inputs is ",
               sorted.shape().ToString(), ", values is ", values.shape().ToString()));
  }
  if (sorted.dim(1) > std::numeric_limits<I>::max())
    return ctx.InvalidArgument(StrCat(
        "trailing dim_size must be less than INT_MAX for int32 output, was ", sorted.dim(1)));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, values.shape()));
  const int64_t n = sorted.dim(1), m = values.dim(1);
  const T *rows = sorted.data<T>(), *wanted = values.data<T>();
  I* out = y->mutable_data<I>();
  ctx.ParallelFor(values.num_elements(), 50.0, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T* row = rows + i / m * n;
      const T* at = kUpper ? std::upper_bound(row, row + n, wanted[i])
                           : std::lower_bound(row, row + n, wanted[i]);
      out[i] = static_cast<I>(at - row);
    }
  });
  return absl::OkStatus();
}

template <typename T>
class Bucketize final : public Kernel {
 public:
  explicit Bucketize(KernelConstruction& c)
      : boundaries_(c.Attr<std::vector<float>>("boundaries")) {
    if (!std::is_sorted(boundaries_.begin(), boundaries_.end()))
      c.Fail(absl::InvalidArgumentError("Expected sorted boundaries"));
  }
  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
    const T* in = x.data<T>();
    int32_t* out = y->mutable_data<int32_t>();
    ctx.ParallelFor(x.num_elements(), 20.0, [=, this](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const auto at = std::upper_bound(boundaries_.begin(), boundaries_.end(), in[i],
                                         [](T value, float boundary) { return value < boundary; });
        out[i] = static_cast<int32_t>(at - boundaries_.begin());
      }
    });
    return absl::OkStatus();
  }

 private:
  std::vector<float> boundaries_;
};

// ---- UnravelIndex ----

absl::StatusOr<int64_t> CountOf(KernelContext& ctx, std::span<const int64_t> dims) {
  int64_t total = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0) {
      return ctx.InvalidArgument(
          StrCat("Input dims cannot contain a dim of zero, but dims contains zero at index ", i));
    }
    if (dims[i] < 0)
      return ctx.InvalidArgument(
          StrCat("Input dims must be positive, but element ", i, " is ", dims[i]));
    if (__builtin_mul_overflow(total, dims[i], &total)) {
      return ctx.InvalidArgument(
          StrCat("Input dims product is causing integer overflow: (", StrJoin(dims, ", "), ")"));
    }
  }
  return total;
}

template <typename T>
absl::Status UnravelIndex(KernelContext& ctx) {
  const Array &indices = ctx.input(0), &sizes = ctx.input(1);
  if (indices.rank() > 1) {
    return ctx.InvalidArgument(
        StrCat("The indices can only be scalar or vector, got shape ", indices.shape().ToString()));
  }
  if (sizes.rank() != 1)
    return ctx.InvalidArgument(
        StrCat("The dims can only be 1-D, got shape ", sizes.shape().ToString()));
  const auto dims = ReadInts(sizes);
  WEFT_ASSIGN_OR_RETURN(const int64_t total, CountOf(ctx, dims));
  if (total > std::numeric_limits<T>::max()) {
    return ctx.InvalidArgument(
        StrCat("Input dims product is causing integer overflow: (", StrJoin(dims, ", "), ")"));
  }
  const int64_t rank = static_cast<int64_t>(dims.size()), n = indices.num_elements();
  const T* in = indices.data<T>();
  for (int64_t i = 0; i < n; ++i) {
    if (in[i] < 0 || in[i] >= total)
      return ctx.InvalidArgument(StrCat("index ", in[i], " is out of bound as with dims"));
  }
  WEFT_ASSIGN_OR_RETURN(
      Array * y, ctx.AllocateOutput(0, indices.rank() == 0 ? Shape({rank}) : Shape({rank, n})));
  T* out = y->mutable_data<T>();
  for (int64_t i = 0; i < n; ++i) {
    T rest = in[i];
    for (int64_t d = rank; d-- > 0;) {
      const T size = static_cast<T>(dims[static_cast<size_t>(d)]);
      out[d * n + i] = static_cast<T>(rest % size);
      rest = static_cast<T>(rest / size);
    }
  }
  return absl::OkStatus();
}

// ---- EditDistance ----

// The fewest insertions, deletions and replacements that make one sequence of the other.
template <typename T>
int64_t Levenshtein(std::span<const T> a, std::span<const T> b) {
  if (a.size() < b.size()) std::swap(a, b);
  // row[j]: the distance of what was seen of a and the first j elements of b.
  std::vector<int64_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), int64_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    int64_t diagonal = row[0];
    row[0] = static_cast<int64_t>(i) + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const int64_t replaced = diagonal + (SameValue(a[i], b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min(replaced, 1 + std::min(row[j], diagonal));
    }
  }
  return row.back();
}

// One of the two sparse tensors: inputs first..first + 2.
class SparseSequences {
 public:
  absl::Status Read(KernelContext& ctx, int first, std::string_view name) {
    const Array &indices = ctx.input(first), &values = ctx.input(first + 1),
                &sizes = ctx.input(first + 2);
    const auto wrong = [&](std::string_view part, std::string_view wanted, const Array& a) {
      return ctx.InvalidArgument(StrCat(name, "_", part, " should be a ", wanted,
                                        ", but got shape: ", a.shape().ToString()));
    };
    if (indices.rank() != 2) return wrong("indices", "matrix", indices);
    if (values.rank() != 1) return wrong("values", "vector", values);
    if (sizes.rank() != 1) return wrong("shape", "vector", sizes);
    if (values.dim(0) != indices.dim(0)) {
      return ctx.InvalidArgument(StrCat("Number of ", name, "_indices and ", name,
                                        "_values differ: ", indices.dim(0), " and ",
                                        values.dim(0)));
    }
    if (sizes.dim(0) != indices.dim(1)) {
      return ctx.InvalidArgument(StrCat(name, "_shape.dim_size(0) and ", name,
                                        "_indices.dim_size(1) differ: ", sizes.dim(0), " and ",
                                        indices.dim(1)));
    }
    if (sizes.dim(0) < 2) {
      return ctx.InvalidArgument(StrCat("Input SparseTensors must have rank at least 2, but ", name,
                                        "_shape rank is: ", sizes.dim(0)));
    }
    index_ = indices.data<int64_t>();
    count_ = indices.dim(0);
    width_ = indices.dim(1);
    return absl::OkStatus();
  }

  bool done() const { return begin_ >= count_; }
  // The sequence that begins here: all elements with the same leading indices.
  int64_t begin() const { return begin_; }
  int64_t end() const {
    int64_t e = begin_ + 1;
    while (e < count_ && std::equal(key(), key() + width_ - 1, index_ + e * width_)) ++e;
    return e;
  }
  void MoveTo(int64_t e) { begin_ = e; }
  // Its leading indices: width() - 1 of them.
  const int64_t* key() const { return index_ + begin_ * width_; }
  int64_t width() const { return width_; }

 private:
  const int64_t* index_ = nullptr;
  int64_t count_ = 0, width_ = 0, begin_ = 0;
};

template <typename T>
class DistanceWriter {
 public:
  DistanceWriter(KernelContext& ctx, const Shape& shape, bool normalize, Array* out)
      : ctx_(ctx), shape_(shape), normalize_(normalize), out_(out->mutable_data<float>()) {}

  // Walks both in the order of their keys; a key that only one of them has faces an empty sequence.
  absl::Status Run(SparseSequences hypothesis, SparseSequences truth, const T* h, const T* t) {
    while (!hypothesis.done() || !truth.done()) {
      const int order = Order(hypothesis, truth);
      const SparseSequences& lead = order <= 0 ? hypothesis : truth;
      WEFT_ASSIGN_OR_RETURN(const int64_t place, Place(lead.key()));
      std::span<const T> in_h, in_t;
      int64_t h_end = hypothesis.begin(), t_end = truth.begin();
      if (order <= 0) {
        h_end = hypothesis.end();
        in_h = {h + hypothesis.begin(), h + h_end};
      }
      if (order >= 0) {
        t_end = truth.end();
        in_t = {t + truth.begin(), t + t_end};
      }
      const float distance = static_cast<float>(Levenshtein(in_t, in_h));
      // An empty truth makes this infinite: a hypothesis that has a key is not empty.
      out_[place] = normalize_ ? distance / static_cast<float>(in_t.size()) : distance;
      hypothesis.MoveTo(h_end);
      truth.MoveTo(t_end);
    }
    return absl::OkStatus();
  }

 private:
  // Negative if the hypothesis' key comes first, positive if the truth's does.
  static int Order(const SparseSequences& h, const SparseSequences& t) {
    if (h.done()) return 1;
    if (t.done()) return -1;
    const auto order = std::lexicographical_compare_three_way(h.key(), h.key() + h.width() - 1,
                                                              t.key(), t.key() + t.width() - 1);
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }

  absl::StatusOr<int64_t> Place(const int64_t* key) const {
    int64_t place = 0;
    for (int d = 0; d < shape_.rank(); ++d) {
      if (key[d] < 0 || key[d] >= shape_.dim(d)) {
        return ctx_.Error(
            absl::StatusCode::kInternal,
            StrCat("Got an index ", key[d], " in dimension ", d,
                   " which would require writing to outside of the output tensor of shape ",
                   shape_.ToString()));
      }
      place = place * shape_.dim(d) + key[d];
    }
    return place;
  }

  KernelContext& ctx_;
  Shape shape_;
  bool normalize_;
  float* out_;
};

class EditDistance final : public Kernel {
 public:
  explicit EditDistance(KernelConstruction& c) : normalize_(c.Attr<bool>("normalize")) {}

  absl::Status Compute(KernelContext& ctx) override {
    SparseSequences hypothesis, truth;
    WEFT_RETURN_IF_ERROR(hypothesis.Read(ctx, 0, "hypothesis"));
    WEFT_RETURN_IF_ERROR(truth.Read(ctx, 3, "truth"));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, OutputShape(ctx));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    std::fill_n(out->mutable_data<float>(), out->num_elements(), 0.f);
    absl::Status status;
    const Array &h = ctx.input(1), &t = ctx.input(4);
    WithValueType(h.dtype(), [&]<typename T>() {
      status = DistanceWriter<T>(ctx, shape, normalize_, out)
                   .Run(hypothesis, truth, ElementsOf<T>(h), ElementsOf<T>(t));
    });
    return status;
  }

 private:
  static absl::StatusOr<Shape> OutputShape(KernelContext& ctx) {
    const Array &h = ctx.input(2), &t = ctx.input(5);
    if (h.num_elements() != t.num_elements()) {
      return ctx.InvalidArgument(
          StrCat("Expected hypothesis and truth tensors to have equal rank: ", h.num_elements(),
                 " and ", t.num_elements()));
    }
    std::vector<int64_t> dims;
    for (int64_t i = 0; i + 1 < h.num_elements(); ++i)
      dims.push_back(std::max(h.data<int64_t>()[i], t.data<int64_t>()[i]));
    Shape shape;
    std::string why;
    if (!Shape::Make(dims, &shape, &why)) return ctx.InvalidArgument(why);
    if (shape.num_elements() == 0)
      return ctx.InvalidArgument(
          StrCat("Got output shape ", shape.ToString(), " which has 0 elements"));
    return shape;
  }

  bool normalize_;
};

}  // namespace

void RegisterSearchKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t>([&]<typename T>() {
    const KernelConstraint type = {"T", dtype_of<T>};
    kernels.Add("LowerBound", kCpu, {type, {"out_type", kInt32}}, Bound<T, int32_t, false>);
    kernels.Add("LowerBound", kCpu, {type, {"out_type", kInt64}}, Bound<T, int64_t, false>);
    kernels.Add("UpperBound", kCpu, {type, {"out_type", kInt32}}, Bound<T, int32_t, true>);
    kernels.Add("UpperBound", kCpu, {type, {"out_type", kInt64}}, Bound<T, int64_t, true>);
  });
  ForTypes<int32_t, int64_t, float, double>([&]<typename T>() {
    kernels.Add<Bucketize<T>>("Bucketize", kCpu, {{"T", dtype_of<T>}});
  });
  kernels.Add("UnravelIndex", kCpu, {{"Tidx", kInt32}}, UnravelIndex<int32_t>);
  kernels.Add("UnravelIndex", kCpu, {{"Tidx", kInt64}}, UnravelIndex<int64_t>);
  for (DataType t : {kFloat32, kFloat64, kFloat16, kBfloat16, kInt8, kInt16, kInt32, kInt64, kUint8,
                     kUint16, kUint32, kUint64, kBool, kString, kComplex64, kComplex128})
    kernels.Add<EditDistance>("EditDistance", kCpu, {{"T", t}});
}

}  // namespace weft
