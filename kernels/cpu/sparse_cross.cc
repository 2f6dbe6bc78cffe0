// SPDX-License-Identifier: Apache-2.0
// SparseCross, SparseCrossV2, SparseCrossHashed, RaggedCross: for each row all combinations of one
// feature of each column.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/cpu/ragged.h"
#include "kernels/cpu/sparse.h"
#include "src/core/fingerprint.h"
#include "src/core/text_hash.h"

namespace weft {
namespace {

// The features of a column: those of row r are elements [begins[r], begins[r + 1]).
struct Column {
  const Array* values;
  Array begins;
  bool is_sparse = false;

  int64_t count(int64_t row) const {
    return begins.data<int64_t>()[row + 1] - begins.data<int64_t>()[row];
  }
  int64_t place(int64_t row, int64_t i) const { return begins.data<int64_t>()[row] + i; }
  std::string Text(int64_t place) const {
    return values->dtype() == kString ? values->data<std::string>()[place]
                                      : std::to_string(values->data<int64_t>()[place]);
  }
  uint64_t Hash(int64_t place) const {
    return values->dtype() == kString ? Fingerprint64(values->data<std::string>()[place])
                                      : static_cast<uint64_t>(values->data<int64_t>()[place]);
  }
  // SparseCrossHashed's: of a number it takes the lower four bytes, but for a weak hash of dense
  // values.
  uint64_t KeyedHash(int64_t place, bool strong, const int64_t* salt) const {
    if (values->dtype() != kString && !strong && !is_sparse) return Hash(place);
    std::string_view bytes;
    if (values->dtype() == kString) {
      bytes = values->data<std::string>()[place];
    } else {
      bytes = {reinterpret_cast<const char*>(values->data<int64_t>() + place), 4};
    }
    if (!strong) return Fingerprint64(bytes);
    return SipHash(bytes, static_cast<uint64_t>(salt[0]), static_cast<uint64_t>(salt[1]));
  }
};

// TensorFlow's way of making one fingerprint of two, by the steps of MurmurHash.
uint64_t JoinFingerprints(uint64_t a, uint64_t b) {
  constexpr uint64_t kFactor = 0xc6a4a7935bd1e995u;
  const auto fold = [](uint64_t v) { return v ^ (v >> 47); };
  const uint64_t both = (a ^ kFactor ^ (fold(b * kFactor) * kFactor)) * kFactor;
  return fold(fold(both) * kFactor);
}

// How features become a cross.
struct CrossRule {
  bool hashed = false;
  std::string separator = "_X_";  // between texts
  uint64_t buckets = 0;           // 0: as many as there are numbers
  uint64_t key = 0;               // what the hash begins with; else with the first column's
  bool is_keyed = false;          // by a salt, as SparseCrossHashed does
  bool strong = false;
  const int64_t* salt = nullptr;
};

// The i-th combination: the last column's features change fastest.
std::vector<int64_t> Combination(const std::vector<Column>& columns, int64_t row, int64_t i) {
  std::vector<int64_t> places(columns.size());
  for (size_t c = columns.size(); c-- > 0;) {
    places[c] = columns[c].place(row, i % columns[c].count(row));
    i /= columns[c].count(row);
  }
  return places;
}

std::string Joined(const std::string& separator, const std::vector<Column>& columns,
                   const std::vector<int64_t>& places) {
  std::string text;
  for (size_t c = 0; c < columns.size(); ++c)
    StrAppend(&text, c > 0 ? separator : "", columns[c].Text(places[c]));
  return text;
}

int64_t Hashed(const CrossRule& rule, const std::vector<Column>& columns,
               const std::vector<int64_t>& places) {
  uint64_t hash = rule.key;
  for (size_t c = 0; c < columns.size(); ++c) {
    const uint64_t own = rule.is_keyed ? columns[c].KeyedHash(places[c], rule.strong, rule.salt)
                                       : columns[c].Hash(places[c]);
    hash = rule.is_keyed && c == 0 ? own : JoinFingerprints(hash, own);
  }
  // Never negative.
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  const uint64_t limit = rule.buckets > 0 ? rule.buckets : kMost;
  return static_cast<int64_t>(hash % limit);
}

// How many combinations each row has; their sum in *total.
absl::StatusOr<std::vector<int64_t>> CountCombinations(KernelContext& ctx,
                                                       const std::vector<Column>& columns,
                                                       int64_t rows, int64_t* total) {
  std::vector<int64_t> counts;
  *total = 0;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t count = 1;
    for (const Column& column : columns) {
      if (__builtin_mul_overflow(count, column.count(row), &count))
        return ctx.InvalidArgument(StrCat("row ", row, " has too many combinations of features"));
    }
    counts.push_back(count);
    if (__builtin_add_overflow(*total, count, total))
      return ctx.InvalidArgument("there are too many combinations of features");
  }
  return counts;
}

// The features of a sparse matrix of so many rows.
absl::StatusOr<Column> SparseColumn(KernelContext& ctx, int indices_input, int values_input,
                                    int64_t rows) {
  const Array& indices = ctx.input(indices_input);
  // The rows are what a shape claims: there may be no memory for so many.
  WEFT_ASSIGN_OR_RETURN(Array begins, ctx.AllocateTemp(kInt64, Shape({rows + 1})));
  int64_t next = 0;
  for (int64_t row = 0; row < rows; ++row) {
    begins.mutable_data<int64_t>()[row] = next;
    while (next < indices.dim(0) && indices.data<int64_t>()[2 * next] == row) ++next;
  }
  begins.mutable_data<int64_t>()[rows] = next;
  if (next == indices.dim(0)) return Column{&ctx.input(values_input), std::move(begins), true};
  return ctx.InvalidArgument(
      StrCat("the elements of input ", indices_input, " must be in the order of their rows"));
}

// The features of a matrix.
absl::StatusOr<Column> DenseColumn(KernelContext& ctx, const Array& dense) {
  WEFT_ASSIGN_OR_RETURN(Array begins, ctx.AllocateTemp(kInt64, Shape({dense.dim(0) + 1})));
  for (int64_t row = 0; row <= dense.dim(0); ++row)
    begins.mutable_data<int64_t>()[row] = row * dense.dim(1);
  return Column{&dense, std::move(begins), false};
}

class CrossKernel : public Kernel {
 public:
  // `more`: inputs behind those of the columns.
  CrossKernel(KernelConstruction& c, int more)
      : count_(static_cast<int>(c.Attr<int64_t>("N"))), more_(more) {
    const size_t values = c.Attr<std::vector<DataType>>("sparse_types").size();
    if (values != static_cast<size_t>(count_)) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("there must be as many values as indices, got ", values, " and ", count_)));
    }
  }

 protected:
  absl::Status Cross(KernelContext& ctx, const CrossRule& rule) const {
    int64_t rows = 0;
    WEFT_ASSIGN_OR_RETURN(const std::vector<Column> columns, Columns(ctx, &rows));
    if (rule.is_keyed && columns.empty())
      return ctx.InvalidArgument("there are no columns to cross");
    int64_t total = 0;
    WEFT_ASSIGN_OR_RETURN(const std::vector<int64_t> counts,
                          CountCombinations(ctx, columns, rows, &total));
    const int64_t longest = counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
    Shape size;
    std::string why;
    const int64_t sizes[] = {total, 2};
    if (!Shape::Make(sizes, &size, &why)) return ctx.InvalidArgument(why);
    WEFT_ASSIGN_OR_RETURN(Array * indices, ctx.AllocateOutput(0, size));
    WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(1, Shape({total})));
    int64_t* to = indices->mutable_data<int64_t>();
    int64_t next = 0;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < counts[static_cast<size_t>(row)]; ++i, ++next) {
        *to++ = row;
        *to++ = i;
        const std::vector<int64_t> places = Combination(columns, row, i);
        if (rule.hashed) {
          values->mutable_data<int64_t>()[next] = Hashed(rule, columns, places);
        } else {
          values->mutable_data<std::string>()[next] = Joined(rule.separator, columns, places);
        }
      }
    }
    ctx.set_output(2, Array::FromVector(std::vector<int64_t>{rows, longest}));
    return absl::OkStatus();
  }

 private:
  // Inputs: indices, values and shapes of N sparse matrices, then dense ones.
  absl::StatusOr<std::vector<Column>> Columns(KernelContext& ctx, int64_t* rows) const {
    std::vector<Column> columns;
    bool first = true;
    const auto agree = [&](int64_t n, int input) {
      if (first) *rows = n;
      first = false;
      if (n == *rows) return absl::OkStatus();
      return ctx.InvalidArgument(
          StrCat("Expected batch size ", *rows, ", got ", n, " of input ", input));
    };
    for (int i = 0; i < count_; ++i) {
      WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, i, count_ + i, 2 * count_ + i));
      WEFT_ASSIGN_OR_RETURN(const Shape shape, ReadShape(ctx, ctx.input(2 * count_ + i)));
      if (shape.rank() != 2) {
        return ctx.InvalidArgument(
            StrCat("Expected D2 of index to be 2 got ", shape.rank(), " at position ", i));
      }
      WEFT_RETURN_IF_ERROR(CheckIndices(ctx, ctx.input(i), shape));
      WEFT_RETURN_IF_ERROR(agree(shape.dim(0), i));
      WEFT_ASSIGN_OR_RETURN(Column column, SparseColumn(ctx, i, count_ + i, shape.dim(0)));
      columns.push_back(std::move(column));
    }
    for (int i = 3 * count_; i < ctx.num_inputs() - more_; ++i) {
      const Array& dense = ctx.input(i);
      if (dense.rank() != 2) {
        return ctx.InvalidArgument(StrCat("Dense inputs should be a matrix but received shape ",
                                          dense.shape().ToString(), " at position ",
                                          i - 3 * count_));
      }
      WEFT_RETURN_IF_ERROR(agree(dense.dim(0), i));
      WEFT_ASSIGN_OR_RETURN(Column column, DenseColumn(ctx, dense));
      columns.push_back(std::move(column));
    }
    return columns;
  }

  const int count_, more_;
};

class SparseCross final : public CrossKernel {
 public:
  explicit SparseCross(KernelConstruction& c) : CrossKernel(c, 0) {
    rule_.hashed = c.Attr<bool>("hashed_output");
    rule_.buckets = static_cast<uint64_t>(c.Attr<int64_t>("num_buckets"));
    rule_.key = static_cast<uint64_t>(c.Attr<int64_t>("hash_key"));
    const DataType wanted = rule_.hashed ? kInt64 : kString;
    if (c.Attr<DataType>("out_type") != wanted) {
      c.Fail(absl::InvalidArgumentError(StrCat("hashed_output ", rule_.hashed ? "true" : "false",
                                               " needs out_type ", DTypeName(wanted))));
    }
  }
  absl::Status Compute(KernelContext& ctx) override { return Cross(ctx, rule_); }

 private:
  CrossRule rule_;
};

// The last input is the separator.
class SparseCrossV2 final : public CrossKernel {
 public:
  explicit SparseCrossV2(KernelConstruction& c) : CrossKernel(c, 1) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array& separator = ctx.input(ctx.num_inputs() - 1);
    if (separator.rank() != 0) {
      return ctx.InvalidArgument(
          StrCat("Input separator should be a scalar. Received: ", separator.shape().ToString()));
    }
    CrossRule rule;
    rule.separator = *separator.data<std::string>();
    return Cross(ctx, rule);
  }
};

// The last inputs are num_buckets, strong_hash and salt.
class SparseCrossHashed final : public CrossKernel {
 public:
  explicit SparseCrossHashed(KernelConstruction& c) : CrossKernel(c, 3) {}
  absl::Status Compute(KernelContext& ctx) override {
    const int n = ctx.num_inputs();
    const Array &buckets = ctx.input(n - 3), &strong = ctx.input(n - 2), &salt = ctx.input(n - 1);
    if (buckets.rank() != 0 || strong.rank() != 0) {
      return ctx.InvalidArgument(
          StrCat("num_buckets and strong_hash must be scalars, but are of "
                 "shapes ",
                 buckets.shape().ToString(), " and ", strong.shape().ToString()));
    }
    if (salt.rank() != 1 || salt.dim(0) != 2) {
      return ctx.InvalidArgument(
          StrCat("salt must have 2 elements, but is of shape ", salt.shape().ToString()));
    }
    CrossRule rule{.hashed = true, .is_keyed = true};
    if (buckets.AsInt64() > 0) rule.buckets = static_cast<uint64_t>(buckets.AsInt64());
    rule.strong = *strong.data<bool>();
    rule.salt = salt.data<int64_t>();
    return Cross(ctx, rule);
  }
};

// Columns of three kinds, in the order that input_order tells: R, S or D a column.
class RaggedCross final : public Kernel {
 public:
  explicit RaggedCross(KernelConstruction& c)
      : order_(c.Attr<std::string>("input_order")),
        ragged_(CountOf(c, "ragged_values_types")),
        sparse_(static_cast<int>(c.Attr<int64_t>("Nsparse"))),
        dense_(CountOf(c, "dense_types")) {
    rule_.hashed = c.Attr<DataType>("out_values_type") == kInt64;
    rule_.buckets = static_cast<uint64_t>(c.Attr<int64_t>("num_buckets"));
    rule_.key = static_cast<uint64_t>(c.Attr<int64_t>("hash_key"));
    if (CountOf(c, "ragged_splits_types") != ragged_ ||
        CountOf(c, "sparse_values_types") != sparse_) {
      c.Fail(absl::InvalidArgumentError(
          "ragged values and splits, sparse indices and values must have the same length"));
    }
    const auto given = [&](char kind) { return std::count(order_.begin(), order_.end(), kind); };
    if (given('R') != ragged_ || given('S') != sparse_ || given('D') != dense_ ||
        static_cast<int>(order_.size()) != ragged_ + sparse_ + dense_) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("input_order \"", order_, "\" must have an R for each of ", ragged_,
                 " ragged inputs, an S for each of ", sparse_, " sparse ones and a D for each of ",
                 dense_, " dense ones")));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    int64_t rows = -1;
    WEFT_ASSIGN_OR_RETURN(const std::vector<Column> columns, Columns(ctx, &rows));
    rows = std::max<int64_t>(rows, 0);
    int64_t total = 0;
    WEFT_ASSIGN_OR_RETURN(const std::vector<int64_t> counts,
                          CountCombinations(ctx, columns, rows, &total));
    RaggedSplits splits = {0};
    for (const int64_t count : counts) splits.push_back(splits.back() + count);
    WEFT_RETURN_IF_ERROR(WriteSplits(ctx, 1, splits).status());
    WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(0, Shape({total})));
    int64_t next = 0;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < counts[static_cast<size_t>(row)]; ++i, ++next) {
        const std::vector<int64_t> places = Combination(columns, row, i);
        if (rule_.hashed) {
          values->mutable_data<int64_t>()[next] = Hashed(rule_, columns, places);
        } else {
          values->mutable_data<std::string>()[next] = Joined(rule_.separator, columns, places);
        }
      }
    }
    return absl::OkStatus();
  }

 private:
  static int CountOf(KernelConstruction& c, std::string_view attr) {
    return static_cast<int>(c.Attr<std::vector<DataType>>(attr).size());
  }

  // Inputs: values and splits of the ragged matrices; indices, values and shapes of the sparse
  // ones; the dense ones.
  absl::StatusOr<std::vector<Column>> Columns(KernelContext& ctx, int64_t* rows) const {
    std::vector<Column> columns;
    int ragged = 0, sparse = 0, dense = 0;
    for (const char kind : order_) {
      absl::StatusOr<Column> column = kind == 'R'   ? Ragged(ctx, ragged++)
                                      : kind == 'S' ? Sparse(ctx, sparse++)
                                                    : Dense(ctx, dense++);
      if (!column.ok()) return column.status();
      const int64_t own = column->begins.num_elements() - 1;
      if (*rows >= 0 && own != *rows)
        return ctx.InvalidArgument("inputs must all have the same batch dimension size.");
      *rows = own;
      columns.push_back(*std::move(column));
    }
    return columns;
  }

  absl::StatusOr<Column> Ragged(KernelContext& ctx, int i) const {
    const Array& values = ctx.input(i);
    if (values.rank() != 1)
      return ctx.InvalidArgument("tf.ragged.cross only supports inputs with rank=2.");
    WEFT_ASSIGN_OR_RETURN(const RaggedSplits splits, ReadSplits(ctx, ragged_ + i, values.dim(0)));
    return Column{&values, Array::FromVector(splits), false};
  }

  absl::StatusOr<Column> Sparse(KernelContext& ctx, int i) const {
    const int indices = 2 * ragged_ + i, values = indices + sparse_, sizes = values + sparse_;
    WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, indices, values, sizes));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ReadShape(ctx, ctx.input(sizes)));
    if (shape.rank() != 2)
      return ctx.InvalidArgument("tf.ragged.cross only supports inputs with rank=2.");
    WEFT_RETURN_IF_ERROR(CheckIndices(ctx, ctx.input(indices), shape));
    return SparseColumn(ctx, indices, values, shape.dim(0));
  }

  absl::StatusOr<Column> Dense(KernelContext& ctx, int i) const {
    const Array& dense = ctx.input(2 * ragged_ + 3 * sparse_ + i);
    if (dense.rank() != 2)
      return ctx.InvalidArgument("tf.ragged.cross only supports inputs with rank=2.");
    return DenseColumn(ctx, dense);
  }

  const std::string order_;
  const int ragged_, sparse_, dense_;
  CrossRule rule_;
};

}  // namespace

void RegisterSparseCrossKernels(KernelRegistry& kernels) {
  kernels.Add<SparseCross>("SparseCross", kCpu, {});
  kernels.Add<SparseCrossV2>("SparseCrossV2", kCpu, {});
  kernels.Add<SparseCrossHashed>("SparseCrossHashed", kCpu, {});
  kernels.Add<RaggedCross>("RaggedCross", kCpu, {});
}

}  // namespace weft
