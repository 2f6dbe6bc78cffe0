// SPDX-License-Identifier: Apache-2.0
// Ragged tensors as variants, one for the whole or one a row, and back: RaggedTensorToVariant,
// RaggedTensorFromVariant, RaggedTensorToVariantGradient.
#include <algorithm>
#include <any>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/concat_copy.h"
#include "kernels/cpu/element_class.h"
#include "kernels/cpu/ragged.h"
#include "kernels/cpu/tensor_array.h"
#include "kernels/cpu/tensor_list.h"
#include "src/core/strings.h"

namespace weft {

const RaggedValue* RaggedOf(const Variant& v) { return std::any_cast<RaggedValue>(&v.value); }

Variant VariantOf(RaggedValue ragged) {
  return {.value = std::move(ragged), .type_name = RaggedValue::kTypeName, .metadata = {}};
}

absl::StatusOr<Variant> ZerosLikeRagged(KernelContext& ctx, const RaggedValue& like) {
  RaggedValue zeros{like.splits, {}};
  WEFT_ASSIGN_OR_RETURN(zeros.values, ctx.AllocateTemp(like.values.dtype(), like.values.shape()));
  FillWithZero(ctx, &zeros.values);
  return VariantOf(std::move(zeros));
}

absl::StatusOr<Variant> AddRagged(KernelContext& ctx, const RaggedValue& a, const RaggedValue& b) {
  bool same = a.splits.size() == b.splits.size() && a.values.dtype() == b.values.dtype() &&
              a.values.shape() == b.values.shape();
  for (size_t i = 0; same && i < a.splits.size(); ++i) same = a.splits[i] == b.splits[i];
  if (!same) return ctx.InvalidArgument("ragged tensors that are added must have the same rows");
  RaggedValue sum{a.splits, {}};
  WEFT_ASSIGN_OR_RETURN(sum.values, ctx.AllocateTemp(a.values.dtype(), a.values.shape()));
  if (AddArrays(ctx, a.values, b.values, &sum.values)) return VariantOf(std::move(sum));
  return ctx.InvalidArgument(
      StrCat("ragged tensors of ", DTypeName(a.values.dtype()), " can't be added up"));
}

namespace {

// A vector of int32 or int64; the numbers fit.
Array SplitsArray(DataType dtype, const RaggedSplits& splits) {
  if (dtype == kInt64) return Array::FromVector(splits);
  return Array::FromVector(std::vector<int32_t>(splits.begin(), splits.end()));
}

// Inputs: splits of some levels, outermost first, then the values.
class ToVariant final : public Kernel {
 public:
  explicit ToVariant(KernelConstruction& c) : batched_(c.Attr<bool>("batched_input")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const int levels = ctx.num_inputs() - 1;
    const Array& values = ctx.input(levels);
    WEFT_ASSIGN_OR_RETURN(const std::vector<RaggedSplits> nested, ReadNested(ctx, levels, values));
    if (!batched_) {
      RaggedValue whole;
      for (int i = 0; i < levels; ++i) whole.splits.push_back(ctx.Persist(ctx.input(i)));
      whole.values = ctx.Persist(values);
      WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
      *out->mutable_data<Variant>() = VariantOf(std::move(whole));
      return absl::OkStatus();
    }
    const int64_t rows = levels == 0 ? values.dim(0) : static_cast<int64_t>(nested[0].size()) - 1;
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({rows})));
    for (int64_t row = 0; row < rows; ++row) {
      RaggedValue one;
      if (levels == 0) {
        const Shape shape = ShapeOfRows(values.shape());
        WEFT_ASSIGN_OR_RETURN(one.values,
                              CopyOfPiece(ctx, values, row * shape.num_elements(), shape));
      } else {
        WEFT_ASSIGN_OR_RETURN(one, Row(ctx, nested, values, row));
      }
      out->mutable_data<Variant>()[row] = VariantOf(std::move(one));
    }
    return absl::OkStatus();
  }

 private:
  static absl::StatusOr<RaggedValue> Row(KernelContext& ctx,
                                         const std::vector<RaggedSplits>& nested,
                                         const Array& values, int64_t row) {
    RaggedValue one;
    int64_t begin = nested[0][static_cast<size_t>(row)],
            end = nested[0][static_cast<size_t>(row) + 1];
    for (size_t level = 1; level < nested.size(); ++level) {
      const RaggedSplits& all = nested[level];
      const int64_t first = all[static_cast<size_t>(begin)], last = all[static_cast<size_t>(end)];
      RaggedSplits own;
      for (int64_t i = begin; i <= end; ++i) own.push_back(all[static_cast<size_t>(i)] - first);
      one.splits.push_back(SplitsArray(ctx.input(0).dtype(), own));
      begin = first;
      end = last;
    }
    Shape shape({end - begin});
    int64_t row_size = 1;
    for (int d = 1; d < values.rank(); ++d) {
      shape.AddDim(values.dim(d));
      row_size *= values.dim(d);
    }
    WEFT_ASSIGN_OR_RETURN(one.values, CopyOfPiece(ctx, values, begin * row_size, shape));
    return one;
  }

  const bool batched_;
};

class FromVariant final : public Kernel {
 public:
  explicit FromVariant(KernelConstruction& c)
      : in_rank_(c.Attr<int64_t>("input_ragged_rank")),
        out_rank_(c.Attr<int64_t>("output_ragged_rank")),
        values_type_(c.Attr<DataType>("Tvalues")),
        splits_type_(c.Attr<DataType>("Tsplits")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    const int64_t in_rank = in_rank_ < 0 ? out_rank_ - in.rank() : in_rank_;
    if (in_rank < 0 || in_rank + in.rank() != out_rank_) {
      return ctx.InvalidArgument(StrCat(
          "output_ragged_rank must be equal to input_ragged_rank + encoded_ragged.dims(); "
          "output_ragged_rank: ",
          out_rank_, ", input_ragged_rank: ", in_rank, ", encoded_variant.dims(): ", in.rank()));
    }
    std::vector<const RaggedValue*> parts;
    for (int64_t i = 0; i < in.num_elements(); ++i) {
      WEFT_ASSIGN_OR_RETURN(const RaggedValue* part, Part(ctx, i, in_rank));
      parts.push_back(part);
    }
    if (in.rank() > 0) return Stack(ctx, parts, in_rank);
    for (int64_t i = 0; i < out_rank_; ++i)
      ctx.set_output(static_cast<int>(i), parts[0]->splits[static_cast<size_t>(i)]);
    ctx.set_output(static_cast<int>(out_rank_), parts[0]->values);
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<const RaggedValue*> Part(KernelContext& ctx, int64_t i, int64_t rank) const {
    const Variant& v = ctx.input(0).data<Variant>()[i];
    const RaggedValue* part = RaggedOf(v);
    if (part == nullptr) {
      return ctx.InvalidArgument(StrCat("Input Variant element at index ", i,
                                        " doesn't hold a RaggedTensorVariant: ",
                                        v.type_name.empty() ? "it is empty" : v.type_name));
    }
    if (static_cast<int64_t>(part->splits.size()) != rank) {
      return ctx.InvalidArgument(StrCat("Encoded input RaggedTensorVariant has ragged_rank=",
                                        part->splits.size(), ".  Expected ragged_rank=", rank));
    }
    if (part->values.dtype() != values_type_) {
      return ctx.InvalidArgument(StrCat("Expected values Tensor dtype: ", DTypeName(values_type_),
                                        ", found: ", DTypeName(part->values.dtype())));
    }
    for (const Array& splits : part->splits) {
      if (splits.dtype() == splits_type_) continue;
      return ctx.InvalidArgument(
          StrCat("Expected row_splits Tensor dtype: ", DTypeName(splits_type_),
                 ", found: ", DTypeName(splits.dtype())));
    }
    return part;
  }

  // The parts as rows: of the input's last dimension in rows of the one before it, and so on.
  static absl::Status Stack(KernelContext& ctx, const std::vector<const RaggedValue*>& parts,
                            int64_t in_rank) {
    const Array& in = ctx.input(0);
    // Sizes that one of 0 makes possible, though no memory would hold their splits.
    constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
    int o = 0;
    int64_t outer = 1;
    for (int d = 0; d + 1 < in.rank(); ++d) {
      if (in.dim(d) > kMost / std::max<int64_t>(outer, 1) || in.dim(d + 1) > kMost) {
        return ctx.InvalidArgument(
            StrCat("there are too many rows in a tensor of shape ", in.shape().ToString()));
      }
      outer *= in.dim(d);
      RaggedSplits even;
      for (int64_t row = 0; row <= outer; ++row) even.push_back(row * in.dim(d + 1));
      WEFT_RETURN_IF_ERROR(WriteSplits(ctx, o++, even).status());
    }
    RaggedSplits splits = {0};
    for (const RaggedValue* part : parts) {
      const int64_t rows = in_rank > 0 ? part->splits[0].dim(0) - 1 : part->values.dim(0);
      splits.push_back(splits.back() + rows);
    }
    WEFT_RETURN_IF_ERROR(WriteSplits(ctx, o++, splits).status());
    for (size_t level = 0; level < static_cast<size_t>(in_rank); ++level) {
      splits = {0};
      for (const RaggedValue* part : parts) {
        const int64_t before = splits.back();
        const IndexVector own = ReadInts(part->splits[level]);
        for (size_t i = 1; i < own.size(); ++i) splits.push_back(before + own[i]);
      }
      WEFT_RETURN_IF_ERROR(WriteSplits(ctx, o++, splits).status());
    }
    return JoinValues(ctx, parts, o);
  }

  static absl::Status JoinValues(KernelContext& ctx, const std::vector<const RaggedValue*>& parts,
                                 int o) {
    // Of no parts nothing tells more than that there are no values.
    std::vector<int64_t> sizes = {0};
    if (!parts.empty()) sizes = parts[0]->values.shape().ToVector();
    std::vector<const Array*> values;
    sizes[0] = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      std::vector<int64_t> own = parts[i]->values.shape().ToVector();
      const bool counted = !__builtin_add_overflow(sizes[0], own[0], &sizes[0]);
      own[0] = sizes[0];
      if (!counted || own != sizes) {
        return ctx.InvalidArgument(
            StrCat("values must be of one shape but for their number; values shape at index 0: ",
                   parts[0]->values.shape().ToString(), ", values shape at index ", i, ": ",
                   parts[i]->values.shape().ToString()));
      }
      values.push_back(&parts[i]->values);
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(o, shape));
    ConcatBlocks(ctx, values, 1, out);
    return absl::OkStatus();
  }

  const int64_t in_rank_, out_rank_;
  const DataType values_type_, splits_type_;
};

// Inputs: variants, of which some may be empty; the outermost splits; the shape of the values.
absl::Status ToVariantGradient(KernelContext& ctx) {
  const Array &in = ctx.input(0), &given = ctx.input(2);
  const DataType dtype = ctx.output_dtype(0);
  if (given.rank() != 1) return ctx.InvalidArgument("dense_values_shape must be a vector");
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, ReadInts(given)));
  const IndexVector splits = ReadInts(ctx.input(1));
  if (shape.rank() < 1) return ctx.InvalidArgument("dense values must be of rank 1 or more");
  std::vector<Array> values;
  int64_t rows = 0;
  for (int64_t i = 0; i < in.num_elements(); ++i) {
    Array piece;
    std::vector<int64_t> sizes = shape.ToVector();
    const RaggedValue* part = RaggedOf(in.data<Variant>()[i]);
    if (part != nullptr) {
      piece = part->values;
    } else {
      // Nothing depends on this row.
      const bool known = static_cast<int64_t>(splits.size()) > i + 1 && splits[i] <= splits[i + 1];
      sizes[0] = known ? splits[i + 1] - splits[i] : in.rank() == 0 ? shape.dim(0) : 1;
      WEFT_ASSIGN_OR_RETURN(const Shape piece_shape, ShapeFromSizes(ctx, sizes));
      WEFT_ASSIGN_OR_RETURN(piece, ctx.AllocateTemp(dtype, piece_shape));
      FillWithZero(ctx, &piece);
    }
    // One row, where the ragged tensor had no splits.
    if (piece.shape() == ShapeOfRows(shape)) {
      sizes[0] = 1;
      piece = piece.Reshaped(Shape(sizes));
    }
    bool fits = piece.dtype() == dtype && piece.rank() == shape.rank();
    for (int d = 1; fits && d < shape.rank(); ++d) fits = piece.dim(d) == shape.dim(d);
    if (!fits || __builtin_add_overflow(rows, piece.dim(0), &rows)) {
      return ctx.InvalidArgument(
          StrCat("element ", i, " has values of shape ", piece.shape().ToString(),
                 ", which are no rows of values of shape ", shape.ToString()));
    }
    values.push_back(std::move(piece));
  }
  if (rows != shape.dim(0)) {
    return ctx.InvalidArgument(
        StrCat("there are ", rows, " rows of values, but the shape is ", shape.ToString()));
  }
  std::vector<const Array*> parts;
  for (const Array& piece : values) parts.push_back(&piece);
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  ConcatBlocks(ctx, parts, 1, out);
  return absl::OkStatus();
}

}  // namespace

void RegisterRaggedVariantKernels(KernelRegistry& kernels) {
  kernels.Add<ToVariant>("RaggedTensorToVariant", kCpu, {});
  kernels.Add<FromVariant>("RaggedTensorFromVariant", kCpu, {});
  kernels.Add("RaggedTensorToVariantGradient", kCpu, {}, ToVariantGradient);
}

}  // namespace weft
