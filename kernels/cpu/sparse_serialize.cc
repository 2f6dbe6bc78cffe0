// SPDX-License-Identifier: Apache-2.0
// SerializeSparse, SerializeManySparse, DeserializeSparse, DeserializeManySparse.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "kernels/cpu/sparse.h"
#include "proto/weft/tensor.pb.h"
#include "src/graph/proto_convert.h"

namespace weft {

absl::StatusOr<Shape> SparseRowsShape(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, 1, 2));
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ReadShape(ctx, ctx.input(2)));
  if (shape.rank() < 2) {
    return ctx.InvalidArgument(
        StrCat("Rank of input SparseTensor should be > 1, but saw rank: ", shape.rank()));
  }
  WEFT_RETURN_IF_ERROR(CheckIndices(ctx, ctx.input(0), shape));
  return shape;
}

absl::Status ForEachSparseRow(KernelContext& ctx, const Shape& shape,
                              absl::FunctionRef<void(int64_t, SparseParts)> take) {
  const Array &indices = ctx.input(0), &values = ctx.input(1);
  const int64_t rank = shape.rank();
  const Array row_shape =
      Array::FromVector(std::vector<int64_t>(shape.dims().begin() + 1, shape.dims().end()));
  const int64_t* at = indices.data<int64_t>();
  int64_t begin = 0;
  for (int64_t row = 0; row < shape.dim(0); ++row) {
    std::vector<int64_t> row_indices;
    int64_t end = begin;
    for (; end < indices.dim(0) && at[end * rank] == row; ++end) {
      row_indices.insert(row_indices.end(), at + end * rank + 1, at + (end + 1) * rank);
    }
    take(row, {Array::FromVector(row_indices, Shape({end - begin, rank - 1})),
               values.SliceRows(begin, end).Clone(), row_shape});
    begin = end;
  }
  if (begin == indices.dim(0)) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("the elements must be in the order of their rows, but element ",
                                    begin, ", of row ", at[begin * rank],
                                    ", comes behind a later row's"));
}

absl::Status StackSparse(KernelContext& ctx, const std::vector<SparseParts>& all,
                         std::span<const int64_t> lead) {
  const int64_t rank = all[0].shape.dim(0), lead_rank = static_cast<int64_t>(lead.size());
  std::vector<int64_t> sizes(lead.begin(), lead.end());
  sizes.resize(static_cast<size_t>(lead_rank + rank), 0);
  int64_t total = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].shape.dim(0) != rank) {
      return ctx.InvalidArgument(
          StrCat("Inconsistent shape across SparseTensors: rank prior to SparseTensor[", i,
                 "] was: ", rank, " but rank of SparseTensor[", i, "] is: ", all[i].shape.dim(0)));
    }
    for (int64_t d = 0; d < rank; ++d) {
      int64_t& size = sizes[static_cast<size_t>(lead_rank + d)];
      size = std::max(size, all[i].shape.data<int64_t>()[d]);
    }
    total += all[i].values.dim(0);
  }
  WEFT_ASSIGN_OR_RETURN(Array * indices, ctx.AllocateOutput(0, Shape({total, lead_rank + rank})));
  WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(1, Shape({total})));
  int64_t* to = indices->mutable_data<int64_t>();
  int64_t next = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    std::vector<int64_t> row(static_cast<size_t>(lead_rank));
    int64_t rest = static_cast<int64_t>(i);
    for (int64_t d = lead_rank; d-- > 0;) {
      row[static_cast<size_t>(d)] = rest % lead[static_cast<size_t>(d)];
      rest /= lead[static_cast<size_t>(d)];
    }
    const int64_t* at = all[i].indices.data<int64_t>();
    for (int64_t k = 0; k < all[i].values.dim(0); ++k, at += rank) {
      to = std::copy(row.begin(), row.end(), to);
      to = std::copy_n(at, rank, to);
      CopyElement(all[i].values, k, values, next++);
    }
  }
  ctx.set_output(2, Array::FromVector(sizes));
  return absl::OkStatus();
}

namespace {

std::string Serialized(const Array& value) {
  proto::TensorProto message;
  ArrayToProto(value, &message);
  return SerializeProto(message);
}

absl::Status Serialize(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckSparseInputs(ctx, 0, 1, 2));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({3})));
  for (int i = 0; i < 3; ++i) out->mutable_data<std::string>()[i] = Serialized(ctx.input(i));
  return absl::OkStatus();
}

absl::Status SerializeMany(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const Shape shape, SparseRowsShape(ctx));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({shape.dim(0), 3})));
  std::string* const to = out->mutable_data<std::string>();
  return ForEachSparseRow(ctx, shape, [to](int64_t row, const SparseParts& parts) {
    to[3 * row] = Serialized(parts.indices);
    to[3 * row + 1] = Serialized(parts.values);
    to[3 * row + 2] = Serialized(parts.shape);
  });
}

class DeserializeSparse final : public Kernel {
 public:
  explicit DeserializeSparse(KernelConstruction& c)
      : dtype_(c.Attr<DataType>("dtype")), many_(c.op() == "DeserializeManySparse") {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    const int rank = in.rank();
    if (rank == 0 || in.dim(rank - 1) != 3 || (many_ && rank != 2)) {
      return ctx.InvalidArgument(
          StrCat("Serialized sparse should have 3 as the last dimension ", in.shape().ToString()));
    }
    const int64_t n = in.num_elements() / 3;
    if (n == 0) {
      return ctx.InvalidArgument(
          StrCat("Serialized sparse should have at least 1 serialized "
                 "tensor, but has a zero dimension ",
                 in.shape().ToString()));
    }
    std::vector<SparseParts> all;
    for (int64_t i = 0; i < n; ++i) {
      WEFT_ASSIGN_OR_RETURN(SparseParts parts, Read(ctx, in.data<std::string>() + 3 * i, i));
      all.push_back(std::move(parts));
    }
    if (rank == 1) {
      ctx.set_output(0, all[0].indices);
      ctx.set_output(1, all[0].values);
      ctx.set_output(2, all[0].shape);
      return absl::OkStatus();
    }
    return StackSparse(ctx, all, in.shape().dims().first(static_cast<size_t>(rank) - 1));
  }

 private:
  absl::StatusOr<SparseParts> Read(KernelContext& ctx, const std::string* texts,
                                   int64_t number) const {
    Array arrays[3];
    for (int i = 0; i < 3; ++i) {
      proto::TensorProto message;
      if (!ParseProto(texts[i], &message))
        return ctx.InvalidArgument("Could not parse serialized proto");
      WEFT_ASSIGN_OR_RETURN(arrays[i], ArrayFromProto(message));
    }
    const SparseParts parts{arrays[0], arrays[1], arrays[2]};
    const std::string which = StrCat("serialized_sparse[", number, "]");
    if (parts.indices.dtype() != kInt64 || parts.shape.dtype() != kInt64) {
      return ctx.InvalidArgument(StrCat(which, " has indices of ", DTypeName(parts.indices.dtype()),
                                        " and a shape of ", DTypeName(parts.shape.dtype()),
                                        "; both must be int64"));
    }
    if (parts.values.dtype() != dtype_) {
      return ctx.InvalidArgument(StrCat("Requested SparseTensor of type ", DTypeOpName(dtype_),
                                        " but SparseTensor[", number,
                                        "].values.dtype() == ", DTypeOpName(parts.values.dtype())));
    }
    if (parts.indices.rank() != 2 || parts.values.rank() != 1 || parts.shape.rank() != 1) {
      return ctx.InvalidArgument(
          StrCat("Expected ", which,
                 " to represent an index matrix, a values vector and a shape "
                 "vector but received shapes ",
                 parts.indices.shape().ToString(), ", ", parts.values.shape().ToString(), " and ",
                 parts.shape.shape().ToString()));
    }
    if (parts.indices.dim(0) != parts.values.dim(0)) {
      return ctx.InvalidArgument(StrCat("Expected row counts of SparseTensor[", number,
                                        "].indices and SparseTensor[", number,
                                        "].values to match but they do not: ", parts.indices.dim(0),
                                        " vs. ", parts.values.dim(0)));
    }
    if (parts.indices.dim(1) != parts.shape.dim(0)) {
      return ctx.InvalidArgument(StrCat("Expected column counts of SparseTensor[", number,
                                        "].indices to match size of SparseTensor[", number,
                                        "].shape but they do not: ", parts.indices.dim(1), " vs. ",
                                        parts.shape.dim(0)));
    }
    return parts;
  }

  const DataType dtype_;
  const bool many_;
};

}  // namespace

void RegisterSparseSerializeKernels(KernelRegistry& kernels) {
  const KernelConstraints texts = {{"out_type", kString}};
  kernels.Add("SerializeSparse", kCpu, texts, Serialize);
  kernels.Add("SerializeManySparse", kCpu, texts, SerializeMany);
  kernels.Add<DeserializeSparse>("DeserializeSparse", kCpu, {{"Tserialized", kString}});
  kernels.Add<DeserializeSparse>("DeserializeManySparse", kCpu, {});
}

}  // namespace weft
