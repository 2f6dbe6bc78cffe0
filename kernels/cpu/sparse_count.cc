// SPDX-License-Identifier: Apache-2.0
// SparseBincount, RaggedBincount, and the counts with sparse results. Numbers and the rows that
// they are in are read first, so that little is compiled for each dtype.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/sparse.h"
#include "kernels/cpu/wrapping.h"

namespace weft {
namespace {

// What is counted: number i is in row rows[i].
struct Numbered {
  IndexVector numbers;
  std::vector<int64_t> rows;
  int64_t num_rows = 1;
  bool has_rows = true;  // else the result is a vector
};

absl::StatusOr<Numbered> ReadDense(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  if (x.rank() != 1 && x.rank() != 2) {
    return ctx.InvalidArgument(
        StrCat("Input must be a 1 or 2-dimensional tensor. Got: ", x.shape().ToString()));
  }
  Numbered in{.numbers = ReadInts(x), .rows = {}, .num_rows = 1, .has_rows = x.rank() == 2};
  in.rows.assign(in.numbers.size(), 0);
  if (!in.has_rows) return in;
  in.num_rows = x.dim(0);
  for (size_t i = 0; i < in.rows.size(); ++i)
    in.rows[i] = static_cast<int64_t>(i) / std::max<int64_t>(x.dim(1), 1);
  return in;
}

// Inputs: indices, values, dense_shape.
absl::StatusOr<Numbered> ReadSparse(KernelContext& ctx) {
  const Array &indices = ctx.input(0), &values = ctx.input(1), &dense = ctx.input(2);
  if (indices.rank() != 2) {
    return ctx.InvalidArgument(
        StrCat("Input indices must be a 2-dimensional tensor. Got: ", indices.shape().ToString()));
  }
  if (values.rank() != 1 || values.dim(0) != indices.dim(0)) {
    return ctx.InvalidArgument(
        StrCat("Number of values must match first dimension of indices. Got ",
               values.num_elements(), " values, indices shape: ", indices.shape().ToString()));
  }
  if (dense.rank() != 1 || dense.dim(0) < 1 || dense.dim(0) != indices.dim(1)) {
    return ctx.InvalidArgument(
        StrCat("The dense shape must be a vector of at least one size, one for each column of the "
               "indices ",
               indices.shape().ToString(), ". Got: ", dense.shape().ToString()));
  }
  const int64_t columns = indices.dim(1);
  Numbered in{.numbers = ReadInts(values), .rows = {}, .num_rows = 1, .has_rows = columns > 1};
  const int64_t *at = indices.data<int64_t>(), *sizes = dense.data<int64_t>();
  if (in.has_rows) in.num_rows = sizes[0];
  for (int64_t i = 0; i < indices.dim(0); ++i) {
    for (int64_t d = 0; d < columns; ++d) {
      const int64_t index = at[i * columns + d];
      if (index >= 0 && index < sizes[d]) continue;
      return ctx.InvalidArgument(StrCat("Invalid index value at ", i, ": dimension ", d,
                                        " has value ", index, " which is not in [0, ", sizes[d],
                                        ") (as given by dense shape)"));
    }
    in.rows.push_back(in.has_rows ? at[i * columns] : 0);
  }
  return in;
}

// Inputs: splits, values.
absl::StatusOr<Numbered> ReadRagged(KernelContext& ctx) {
  const Array &splits = ctx.input(0), &values = ctx.input(1);
  if (splits.rank() != 1 || splits.dim(0) < 2) {
    return ctx.InvalidArgument(
        StrCat("Must provide a vector of at least 2 elements for the splits argument. Got: ",
               splits.shape().ToString()));
  }
  if (values.rank() != 1) {
    return ctx.InvalidArgument(StrCat("Values must be a vector. Got: ", values.shape().ToString()));
  }
  const int64_t* s = splits.data<int64_t>();
  const int64_t rows = splits.dim(0) - 1, n = values.dim(0);
  if (s[0] != 0) {
    return ctx.InvalidArgument(StrCat("Splits must start with 0, not with ", s[0]));
  }
  if (s[rows] != n) {
    return ctx.InvalidArgument(
        StrCat("Splits must end with the number of values, got ", s[rows], " instead of ", n));
  }
  Numbered in{.numbers = ReadInts(values), .rows = {}, .num_rows = rows, .has_rows = true};
  for (int64_t row = 0; row < rows; ++row) {
    if (s[row + 1] < s[row]) {
      return ctx.InvalidArgument(StrCat("Splits must not decrease, but splits[", row, "] is ",
                                        s[row], " and the next ", s[row + 1]));
    }
    in.rows.insert(in.rows.end(), static_cast<size_t>(s[row + 1] - s[row]), row);
  }
  return in;
}

// Whether there are weights; they must have the shape of the values then.
absl::StatusOr<bool> HasWeights(KernelContext& ctx, int values, int weights) {
  const Array &w = ctx.input(weights), &v = ctx.input(values);
  if (w.num_elements() == 0) return false;
  if (w.shape() == v.shape()) return true;
  return ctx.InvalidArgument(
      StrCat("Weights and values must have the same shape. Weight shape: ", w.shape().ToString(),
             "; values shape: ", v.shape().ToString()));
}

// ---- dense results ----

// Inputs: those of the reader, size, weights.
template <typename T, absl::StatusOr<Numbered> (*kRead)(KernelContext&), int kValues>
class BincountOf final : public Kernel {
 public:
  explicit BincountOf(KernelConstruction& c) : binary_(c.Attr<bool>("binary_output")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const int size_at = ctx.num_inputs() - 2, weights_at = size_at + 1;
    const Array& size = ctx.input(size_at);
    if (size.rank() != 0) {
      return ctx.InvalidArgument(StrCat("Shape must be rank 0 but is rank ", size.rank()));
    }
    const int64_t bins = size.AsInt64();
    if (bins < 0) return ctx.InvalidArgument(StrCat("size (", bins, ") must be non-negative"));
    WEFT_ASSIGN_OR_RETURN(const Numbered in, kRead(ctx));
    WEFT_ASSIGN_OR_RETURN(const bool weighted, HasWeights(ctx, kValues, weights_at));
    for (const int64_t number : in.numbers) {
      if (number < 0) return ctx.InvalidArgument("Input must be non-negative");
    }
    Shape shape;
    std::string why;
    const std::vector<int64_t> sizes =
        in.has_rows ? std::vector<int64_t>{in.num_rows, bins} : std::vector<int64_t>{bins};
    if (!Shape::Make(sizes, &shape, &why)) return ctx.InvalidArgument(why);
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    T* out = y->mutable_data<T>();
    std::fill_n(out, y->num_elements(), T(0));
    const T* w = weighted ? ctx.input(weights_at).data<T>() : nullptr;
    for (size_t i = 0; i < in.numbers.size(); ++i) {
      if (in.numbers[i] >= bins) continue;
      T& bin = out[in.rows[i] * bins + in.numbers[i]];
      bin = binary_ ? T(1) : arithmetic::Add(bin, w ? w[i] : T(1));
    }
    return absl::OkStatus();
  }

 private:
  const bool binary_;
};

// ---- sparse results ----

// Inputs: those of the reader, weights. Numbers from maxlength on are left out; a row is as long as
// the greatest number needs, at least minlength, or maxlength.
template <typename T, absl::StatusOr<Numbered> (*kRead)(KernelContext&), int kValues>
class CountOf final : public Kernel {
 public:
  explicit CountOf(KernelConstruction& c)
      : min_length_(c.Attr<int64_t>("minlength")),
        max_length_(c.Attr<int64_t>("maxlength")),
        binary_(c.Attr<bool>("binary_output")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const Numbered in, kRead(ctx));
    if (in.num_rows < 0 || in.num_rows > std::numeric_limits<int32_t>::max()) {
      return ctx.InvalidArgument(
          StrCat("Cannot allocate ", in.num_rows, " batches, is the dense shape too wide?"));
    }
    const int weights_at = ctx.num_inputs() - 1;
    WEFT_ASSIGN_OR_RETURN(const bool weighted, HasWeights(ctx, kValues, weights_at));
    const T* w = weighted ? ctx.input(weights_at).data<T>() : nullptr;
    std::map<std::pair<int64_t, int64_t>, T> counts;  // by row and number
    int64_t greatest = -1;
    for (size_t i = 0; i < in.numbers.size(); ++i) {
      const int64_t number = in.numbers[i];
      if (number < 0) return ctx.InvalidArgument("Input values must all be non-negative");
      if (max_length_ > 0 && number >= max_length_) continue;
      T& count = counts[{in.rows[i], number}];
      count = binary_ ? T(1) : arithmetic::Add(count, w ? w[i] : T(1));
      greatest = std::max(greatest, number);
    }
    const int64_t length = max_length_ > 0                                   ? max_length_
                           : greatest == std::numeric_limits<int64_t>::max() ? greatest
                                                                             : greatest + 1;
    return Output(ctx, in, counts, max_length_ > 0 ? length : std::max(length, min_length_));
  }

 private:
  static absl::Status Output(KernelContext& ctx, const Numbered& in,
                             const std::map<std::pair<int64_t, int64_t>, T>& counts,
                             int64_t length) {
    const int64_t n = static_cast<int64_t>(counts.size()), rank = in.has_rows ? 2 : 1;
    WEFT_ASSIGN_OR_RETURN(Array * indices, ctx.AllocateOutput(0, Shape({n, rank})));
    WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(1, Shape({n})));
    WEFT_ASSIGN_OR_RETURN(Array * shape, ctx.AllocateOutput(2, Shape({rank})));
    int64_t *at = indices->mutable_data<int64_t>(), *sizes = shape->mutable_data<int64_t>();
    T* value = values->mutable_data<T>();
    for (const auto& [place, count] : counts) {
      if (in.has_rows) *at++ = place.first;
      *at++ = place.second;
      *value++ = count;
    }
    if (in.has_rows) *sizes++ = in.num_rows;
    *sizes = length;
    return absl::OkStatus();
  }

  const int64_t min_length_, max_length_;
  const bool binary_;
};

}  // namespace

void RegisterSparseCountKernels(KernelRegistry& k) {
  ForTypes<int32_t, int64_t, float, double>([&]<typename T>() {
    const KernelConstraints type = {{"T", dtype_of<T>}}, out = {{"output_type", dtype_of<T>}};
    const KernelOptions size_on_host = {.host_arguments = {"size"}};
    k.Add<BincountOf<T, ReadSparse, 1>>("SparseBincount", kCpu, type, size_on_host);
    k.Add<BincountOf<T, ReadRagged, 1>>("RaggedBincount", kCpu, type, size_on_host);
    k.Add<CountOf<T, ReadDense, 0>>("DenseCountSparseOutput", kCpu, out);
    k.Add<CountOf<T, ReadSparse, 1>>("SparseCountSparseOutput", kCpu, out);
    k.Add<CountOf<T, ReadRagged, 1>>("RaggedCountSparseOutput", kCpu, out);
  });
}

}  // namespace weft
