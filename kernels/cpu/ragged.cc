// SPDX-License-Identifier: Apache-2.0
// RaggedRange, RaggedGather, RaggedTensorToSparse, RaggedTensorToTensor. Splits are read as int64;
// values are copied by their size.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/cpu/ragged.h"
#include "kernels/cpu/sparse.h"

namespace weft {

using Splits = RaggedSplits;

absl::StatusOr<Array*> WriteSplits(KernelContext& ctx, int o, const Splits& splits) {
  WEFT_ASSIGN_OR_RETURN(Array * out,
                        ctx.AllocateOutput(o, Shape({static_cast<int64_t>(splits.size())})));
  if (ctx.output_dtype(o) == kInt64) {
    std::copy(splits.begin(), splits.end(), out->mutable_data<int64_t>());
    return out;
  }
  if (!splits.empty() && splits.back() > std::numeric_limits<int32_t>::max()) {
    return ctx.InvalidArgument(
        StrCat("Cannot store ", splits.back(), " in splits of int32; use int64"));
  }
  std::transform(splits.begin(), splits.end(), out->mutable_data<int32_t>(),
                 [](int64_t v) { return static_cast<int32_t>(v); });
  return out;
}

absl::StatusOr<Splits> ReadSplits(KernelContext& ctx, int i, int64_t rows) {
  const Array& in = ctx.input(i);
  if (in.rank() != 1 || in.dim(0) < 1) {
    return ctx.InvalidArgument(
        StrCat("ragged splits must be a vector and may not be empty, but are of shape ",
               in.shape().ToString()));
  }
  const IndexVector values = ReadInts(in);
  Splits splits(values.begin(), values.end());
  if (splits[0] != 0) return ctx.InvalidArgument("First value of ragged splits must be 0.");
  for (size_t k = 1; k < splits.size(); ++k) {
    if (splits[k] >= splits[k - 1]) continue;
    return ctx.InvalidArgument(StrCat("Ragged splits should be non decreasing, but we got ",
                                      splits[k - 1], " followed by ", splits[k]));
  }
  if (rows < 0 || splits.back() == rows) return splits;
  return ctx.InvalidArgument(
      StrCat("Final value of ragged splits must match the length the corresponding ragged array: ",
             splits.back(), " vs ", rows));
}

absl::StatusOr<std::vector<Splits>> ReadNested(KernelContext& ctx, int count, const Array& values) {
  if (values.rank() < 1) return ctx.InvalidArgument("ragged values must be of rank 1 or more");
  std::vector<Splits> nested(static_cast<size_t>(count));
  int64_t rows = values.dim(0);
  for (int i = count - 1; i >= 0; --i) {
    WEFT_ASSIGN_OR_RETURN(nested[static_cast<size_t>(i)], ReadSplits(ctx, i, rows));
    rows = static_cast<int64_t>(nested[static_cast<size_t>(i)].size()) - 1;
  }
  return nested;
}

namespace {

// ---- RaggedRange ----

// How many steps it takes; negative if they can't be counted.
template <typename T>
int64_t CountSteps(T start, T limit, T delta) {
  if constexpr (std::is_integral_v<T>) {
    if (delta > 0 ? limit <= start : limit >= start) return 0;
    const __int128 distance = static_cast<__int128>(limit) - start;
    const __int128 steps = (distance + delta + (delta > 0 ? -1 : 1)) / delta;
    return steps > std::numeric_limits<int64_t>::max() ? -1 : static_cast<int64_t>(steps);
  } else {
    const double from = static_cast<double>(start), to = static_cast<double>(limit),
                 by = static_cast<double>(delta);
    if (by > 0 ? to <= from : to >= from) return 0;
    const double steps = std::ceil(std::abs((to - from) / by));
    return steps < 9e18 ? static_cast<int64_t>(steps) : -1;  // NaN too
  }
}

template <typename T>
absl::Status RaggedRange(KernelContext& ctx) {
  int64_t rows = -1;
  for (int i = 0; i < 3; ++i) {
    const Array& in = ctx.input(i);
    if (in.rank() > 1) {
      const char* names[] = {"starts", "limits", "deltas"};
      return ctx.InvalidArgument(StrCat(names[i], " must be a scalar or vector"));
    }
    if (in.rank() == 0) continue;
    if (rows >= 0 && rows != in.dim(0)) {
      return ctx.InvalidArgument("starts, limits, and deltas must have the same shape");
    }
    rows = in.dim(0);
  }
  if (rows < 0) rows = 1;
  const auto value = [&](int i, int64_t row) {
    return ctx.input(i).data<T>()[ctx.input(i).rank() == 0 ? 0 : row];
  };
  Splits splits = {0};
  for (int64_t row = 0; row < rows; ++row) {
    const T delta = value(2, row);
    if (delta == T(0)) return ctx.InvalidArgument("Requires delta != 0");
    const int64_t steps = CountSteps(value(0, row), value(1, row), delta);
    int64_t end = 0;
    if (steps < 0 || __builtin_add_overflow(splits.back(), steps, &end)) {
      return ctx.InvalidArgument(
          StrCat("Requires ((limit - start) / delta) <= ", std::numeric_limits<int64_t>::max()));
    }
    splits.push_back(end);
  }
  WEFT_RETURN_IF_ERROR(WriteSplits(ctx, 0, splits).status());
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(1, Shape({splits.back()})));
  T* to = out->mutable_data<T>();
  for (int64_t row = 0; row < rows; ++row) {
    T next = value(0, row);
    const T delta = value(2, row);
    const int64_t steps = splits[static_cast<size_t>(row + 1)] - splits[static_cast<size_t>(row)];
    for (int64_t i = 0; i < steps; ++i) {
      *to++ = next;
      // The number behind the last one may be too large for T.
      if (i + 1 < steps) next = static_cast<T>(next + delta);
    }
  }
  return absl::OkStatus();
}

// ---- RaggedGather ----

// [rows..., inner] for values [n, inner...].
absl::StatusOr<Shape> WithRows(KernelContext& ctx, const Array& values, int64_t rows) {
  std::vector<int64_t> sizes = values.shape().ToVector();
  sizes[0] = rows;
  Shape shape;
  std::string why;
  if (!Shape::Make(sizes, &shape, &why)) return ctx.InvalidArgument(why);
  return shape;
}

int64_t RowSize(const Array& values) {
  int64_t size = 1;
  for (int d = 1; d < values.rank(); ++d) size *= values.dim(d);
  return size;
}

class RaggedGather final : public Kernel {
 public:
  explicit RaggedGather(KernelConstruction& c)
      : levels_(static_cast<int>(c.Attr<int64_t>("PARAMS_RAGGED_RANK"))) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &values = ctx.input(levels_), &indices = ctx.input(levels_ + 1);
    WEFT_ASSIGN_OR_RETURN(const std::vector<Splits> nested, ReadNested(ctx, levels_, values));
    if (indices.rank() + levels_ - 1 != ctx.num_outputs() - 1) {
      return ctx.InvalidArgument(StrCat("OUTPUT_RAGGED_RANK must be ", indices.rank() + levels_ - 1,
                                        ", not ", ctx.num_outputs() - 1));
    }
    const int64_t rows = static_cast<int64_t>(nested[0].size()) - 1;
    const IndexVector wanted = ReadInts(indices);
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] >= 0 && wanted[i] < rows) continue;
      return ctx.InvalidArgument(
          StrCat("indices[", i, "] = ", wanted[i], " is not in [0, ", rows, ")"));
    }
    int o = 0;
    // Dimensions of the indices beyond the last have rows of one length.
    int64_t groups = 1;
    for (int d = 0; d + 1 < indices.rank(); ++d) {
      groups *= indices.dim(d);
      Splits even(static_cast<size_t>(groups) + 1);
      for (size_t k = 0; k < even.size(); ++k)
        even[k] = static_cast<int64_t>(k) * indices.dim(d + 1);
      WEFT_RETURN_IF_ERROR(WriteSplits(ctx, o++, even).status());
    }
    // Ranges of rows, one for each index: of the outermost level, and then of the next ones.
    std::vector<Splits> out(nested.size(), Splits{0});
    std::vector<std::pair<int64_t, int64_t>> runs;
    int64_t total = 0;
    for (const int64_t index : wanted) {
      int64_t begin = index, end = index + 1;
      for (size_t level = 0; level < nested.size(); ++level) {
        const Splits& splits = nested[level];
        for (int64_t row = begin; row < end; ++row) {
          const size_t at = static_cast<size_t>(row);
          out[level].push_back(out[level].back() + splits[at + 1] - splits[at]);
        }
        begin = splits[static_cast<size_t>(begin)];
        end = splits[static_cast<size_t>(end)];
      }
      runs.emplace_back(begin, end);
      total += end - begin;
    }
    for (const Splits& splits : out) WEFT_RETURN_IF_ERROR(WriteSplits(ctx, o++, splits).status());
    WEFT_ASSIGN_OR_RETURN(const Shape shape, WithRows(ctx, values, total));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(o, shape));
    const int64_t size = RowSize(values);
    WithElementClass(values.dtype(), [&]<typename U>() {
      const U* from = ElementsOf<U>(values);
      U* to = MutableElementsOf<U>(*y);
      for (const auto& [begin, end] : runs)
        to = std::copy(from + begin * size, from + end * size, to);
    });
    return absl::OkStatus();
  }

 private:
  const int levels_;
};

// ---- RaggedTensorToSparse ----

absl::Status RaggedTensorToSparse(KernelContext& ctx) {
  const int levels = ctx.num_inputs() - 1;
  const Array& values = ctx.input(levels);
  WEFT_ASSIGN_OR_RETURN(const std::vector<Splits> nested, ReadNested(ctx, levels, values));
  const int64_t rank = levels + values.rank(), n = values.num_elements(), size = RowSize(values);
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({n, rank})));
  int64_t* at = out->mutable_data<int64_t>();
  // The row of each level that the current value is in.
  std::vector<int64_t> row(static_cast<size_t>(levels), 0);
  for (int64_t v = 0; v < values.dim(0); ++v) {
    int64_t place = v;
    std::vector<int64_t> index(static_cast<size_t>(levels) + 1);
    for (int level = levels - 1; level >= 0; --level) {
      const size_t l = static_cast<size_t>(level);
      while (nested[l][static_cast<size_t>(row[l]) + 1] <= place) ++row[l];
      index[l + 1] = place - nested[l][static_cast<size_t>(row[l])];
      place = row[l];
    }
    index[0] = place;
    for (int64_t e = 0; e < size; ++e) {
      at = std::copy(index.begin(), index.end(), at);
      int64_t rest = e;
      for (int d = values.rank() - 1; d >= 1; --d) {
        at[d - 1] = rest % values.dim(d);
        rest /= values.dim(d);
      }
      at += values.rank() - 1;
    }
  }
  ctx.set_output(1, values.Reshaped(Shape({n})));
  std::vector<int64_t> sizes = {static_cast<int64_t>(nested[0].size()) - 1};
  for (const Splits& splits : nested) {
    int64_t longest = 0;
    for (size_t k = 1; k < splits.size(); ++k)
      longest = std::max(longest, splits[k] - splits[k - 1]);
    sizes.push_back(longest);
  }
  for (int d = 1; d < values.rank(); ++d) sizes.push_back(values.dim(d));
  ctx.set_output(2, Array::FromVector(sizes));
  return absl::OkStatus();
}

// ---- RaggedTensorToTensor ----

class RaggedTensorToTensor final : public Kernel {
 public:
  explicit RaggedTensorToTensor(KernelConstruction& c)
      : types_(c.Attr<std::vector<std::string>>("row_partition_types")) {
    const bool named = !types_.empty() && types_[0] == "FIRST_DIM_SIZE";
    for (size_t i = 0; i < types_.size(); ++i) {
      const bool fits =
          types_[i] == "ROW_SPLITS" || (types_[i] == "VALUE_ROWIDS" && i > 0) || (i == 0 && named);
      if (!fits) {
        c.Fail(absl::InvalidArgumentError(
            StrCat("Unsupported row partition type: ", types_[i], " at place ", i)));
        return;
      }
    }
    levels_ = static_cast<int>(types_.size()) - (named ? 1 : 0);
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array& values = ctx.input(1);
    if (static_cast<int>(types_.size()) != ctx.num_inputs() - 3) {
      return ctx.InvalidArgument("row_partition_types must have one entry for each partition");
    }
    if (values.rank() < 1) return ctx.InvalidArgument("values must be of rank 1 or more");
    WEFT_ASSIGN_OR_RETURN(const std::vector<Splits> nested, Partitions(ctx));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, OutputShape(ctx, nested));
    WEFT_ASSIGN_OR_RETURN(const Array filler, Default(ctx, shape));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    // Places of values in the result, in rows of `size` elements; -1 where there is none.
    std::vector<int64_t> rows(static_cast<size_t>(shape.dim(0)), -1);
    const int64_t top = static_cast<int64_t>(nested.empty() ? 0 : nested[0].size()) - 1;
    for (int64_t r = 0; r < std::min(top, shape.dim(0)); ++r) rows[static_cast<size_t>(r)] = r;
    for (int level = 0; level < levels_; ++level) {
      const Splits& splits = nested[static_cast<size_t>(level)];
      const int64_t width = shape.dim(level + 1);
      std::vector<int64_t> next(rows.size() * static_cast<size_t>(width), -1);
      for (size_t r = 0; r < rows.size(); ++r) {
        if (rows[r] < 0) continue;
        const int64_t begin = splits[static_cast<size_t>(rows[r])],
                      end = splits[static_cast<size_t>(rows[r]) + 1];
        for (int64_t k = 0; k < std::min(end - begin, width); ++k)
          next[r * static_cast<size_t>(width) + static_cast<size_t>(k)] = begin + k;
      }
      rows = std::move(next);
    }
    const int64_t size = RowSize(values), fill_size = filler.num_elements();
    WithElementClass(values.dtype(), [&]<typename U>() {
      const U *from = ElementsOf<U>(values), *fill = ElementsOf<U>(filler);
      U* to = MutableElementsOf<U>(*y);
      for (const int64_t row : rows) {
        if (row >= 0) {
          to = std::copy_n(from + row * size, size, to);
        } else {
          for (int64_t e = 0; e < size; ++e) *to++ = fill[fill_size == 1 ? 0 : e];
        }
      }
    });
    return absl::OkStatus();
  }

 private:
  // Each level's splits, outermost first.
  absl::StatusOr<std::vector<Splits>> Partitions(KernelContext& ctx) const {
    std::vector<Splits> nested;
    int64_t rows = -1;
    size_t i = 0;
    if (types_[0] == "FIRST_DIM_SIZE") {
      if (ctx.input(3).num_elements() != 1 || ctx.input(3).AsInt64() < 0) {
        return ctx.InvalidArgument("the first dimension's size must be a scalar, not negative");
      }
      rows = ctx.input(3).AsInt64();
      i = 1;
    }
    for (; i < types_.size(); ++i) {
      const int input = 3 + static_cast<int>(i);
      if (types_[i] == "ROW_SPLITS") {
        WEFT_ASSIGN_OR_RETURN(Splits splits, ReadSplits(ctx, input, -1));
        nested.push_back(std::move(splits));
      } else {
        WEFT_ASSIGN_OR_RETURN(Splits splits, FromRowIds(ctx, input, rows));
        nested.push_back(std::move(splits));
      }
      if (rows >= 0 && static_cast<int64_t>(nested.back().size()) - 1 != rows) {
        return ctx.InvalidArgument(StrCat("row partition ", i, " has ", nested.back().size() - 1,
                                          " rows, but the one ", "before it has ", rows,
                                          " values"));
      }
      rows = nested.back().back();
    }
    if (nested.empty()) return ctx.InvalidArgument("there must be a partition of rows");
    if (rows == ctx.input(1).dim(0)) return nested;
    return ctx.InvalidArgument(
        StrCat("the partitions have ", rows, " values, but there are ", ctx.input(1).dim(0)));
  }

  // Value i is in row ids[i]; these must not decrease.
  static absl::StatusOr<Splits> FromRowIds(KernelContext& ctx, int input, int64_t rows) {
    if (ctx.input(input).rank() != 1) return ctx.InvalidArgument("row ids must be a vector");
    if (rows < 0 || rows > kMaxElements) {
      return ctx.InvalidArgument(StrCat("row ids can not have ", rows, " rows"));
    }
    Splits splits(static_cast<size_t>(rows) + 1, 0);
    int64_t before = 0;
    for (const int64_t id : ReadInts(ctx.input(input))) {
      if (id < before || id >= rows) {
        return ctx.InvalidArgument(
            StrCat("row ids must not decrease and be in [0, ", rows, "), got ", id));
      }
      before = id;
      ++splits[static_cast<size_t>(id) + 1];
    }
    for (size_t k = 1; k < splits.size(); ++k) splits[k] += splits[k - 1];
    return splits;
  }

  absl::StatusOr<Shape> OutputShape(KernelContext& ctx, const std::vector<Splits>& nested) const {
    const Array &given = ctx.input(0), &values = ctx.input(1);
    const IndexVector wanted = ReadInts(given);
    std::vector<int64_t> sizes = {static_cast<int64_t>(nested[0].size()) - 1};
    for (const Splits& splits : nested) {
      int64_t longest = 0;
      for (size_t k = 1; k < splits.size(); ++k)
        longest = std::max(longest, splits[k] - splits[k - 1]);
      sizes.push_back(longest);
    }
    for (int d = 1; d < values.rank(); ++d) sizes.push_back(values.dim(d));
    if (given.rank() == 0 && wanted[0] != -1) {
      return ctx.InvalidArgument(
          StrCat("The only valid scalar shape tensor is the fully unknown shape specified as -1, "
                 "not ",
                 wanted[0]));
    }
    if (given.rank() > 1) return ctx.InvalidArgument("shape must be a scalar or a vector");
    if (given.rank() == 1) {
      if (wanted.size() != sizes.size()) {
        return ctx.InvalidArgument(StrCat("shape has ", wanted.size(),
                                          " dimensions, but the result needs ", sizes.size()));
      }
      for (size_t d = 0; d < sizes.size(); ++d) {
        if (wanted[d] < -1) return ctx.InvalidArgument(StrCat("shape[", d, "] is ", wanted[d]));
        if (wanted[d] == -1) continue;
        if (d > nested.size() && wanted[d] != sizes[d]) {
          return ctx.InvalidArgument(
              StrCat("shape[", d, "] is ", wanted[d], ", but the values have ", sizes[d]));
        }
        sizes[d] = wanted[d];
      }
    }
    Shape shape;
    std::string why;
    if (!Shape::Make(sizes, &shape, &why)) return ctx.InvalidArgument(why);
    int64_t rows = 1;
    for (int d = 0; d <= levels_; ++d) rows *= shape.dim(d);
    if (rows > kMaxElements) {
      return ctx.InvalidArgument(StrCat("the result would have ", rows, " rows of values"));
    }
    return shape;
  }

  // The default as a scalar, or as large as one value.
  absl::StatusOr<Array> Default(KernelContext& ctx, const Shape& shape) const {
    const Array &filler = ctx.input(2), &values = ctx.input(1);
    if (filler.num_elements() == 1) return filler;
    Shape inner;
    for (int d = levels_ + 1; d < shape.rank(); ++d) inner.AddDim(shape.dim(d));
    if (filler.rank() > inner.rank()) {
      return ctx.InvalidArgument(StrCat(
          "default_value.shape=", filler.shape().ToString(),
          " and rt_input.flat_values.shape=", values.shape().ToString(), " are incompatible"));
    }
    // By numpy's rule, from the last dimension.
    std::vector<int64_t> places;
    for (int64_t e = 0; e < inner.num_elements(); ++e) {
      int64_t rest = e, place = 0, stride = 1;
      for (int d = 1; d <= filler.rank(); ++d) {
        const int64_t size = inner.dim(inner.rank() - d), own = filler.dim(filler.rank() - d);
        if (own != 1 && own != size) {
          return ctx.InvalidArgument(StrCat(
              "default_value.shape=", filler.shape().ToString(),
              " and rt_input.flat_values.shape=", values.shape().ToString(), " are incompatible"));
        }
        if (own != 1) place += rest % size * stride;
        stride *= own;
        rest /= size;
      }
      places.push_back(place);
    }
    Array full(filler.dtype(), inner);
    CopyElements(filler, places, &full);
    return full;
  }

  // What fits in memory at all, for tables of rows.
  static constexpr int64_t kMaxElements = int64_t{1} << 31;

  std::vector<std::string> types_;
  int levels_ = 0;
};

}  // namespace

void RegisterRaggedKernels(KernelRegistry& k) {
  ForTypes<bfloat16, float, double, int32_t, int64_t>([&]<typename T>() {
    k.Add("RaggedRange", kCpu, {{"T", dtype_of<T>}}, RaggedRange<T>);
  });
  k.Add<RaggedGather>("RaggedGather", kCpu, {});
  k.Add("RaggedTensorToSparse", kCpu, {}, RaggedTensorToSparse);
  k.Add<RaggedTensorToTensor>("RaggedTensorToTensor", kCpu, {}, {.host_arguments = {"shape"}});
  RegisterRaggedVariantKernels(k);
}

}  // namespace weft
