// SPDX-License-Identifier: Apache-2.0
// The public functions of include/weft/ops/array.h that are one node each. (array_compositions.cc
// has the others.)
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"

namespace weft {
namespace {

// A node of two operands, the second of which is a list of integers.
Tensor WithInts(const char* type, const char* arg, const Input& input, const IntList& ints,
                const std::string& name, const char* default_name) {
  OpScope scope(name, default_name, GraphOf(input, {&ints}));
  return OpBuilder(type, scope.self()).In(input).In(ints.AsInput(arg)).Output();
}

// Sizes as a constant of the dtype asked for; InvalidArgument if one doesn't fit.
Tensor SizesConst(const std::vector<int64_t>& sizes, bool scalar, const ShapeOptions& options,
                  const char* default_name) {
  const Shape shape = scalar ? Shape() : Shape({static_cast<int64_t>(sizes.size())});
  const std::string name = options.name.empty() ? default_name : options.name;
  if (options.out_type == kInt64)
    return AsTensor(Array::FromVector(sizes, shape), kInvalidType, name);
  return AsTensor(Array::FromVector(std::vector<int32_t>(sizes.begin(), sizes.end()), shape),
                  kInvalidType, name);
}

bool FitInt32(const std::vector<int64_t>& sizes) {
  for (int64_t s : sizes) {
    if (s > 0x7fffffff) return false;
  }
  return true;
}

// The static shape of an operand; unknown for a literal, which becomes a node of its own.
PartialShape StaticShape(const Input& x) { return x.shape(); }

Tensor Scatter(const char* type, const Input& tensor, const Input& indices, const Input& updates,
               const NameOptions& options) {
  return OpBuilder(type, options).In(tensor).In(indices).In(updates).Output();
}

}  // namespace

Tensor ShapeOf(const Input& x, const ShapeOptions& options) {
  if (const PartialShape s = StaticShape(x); s.IsFullyKnown()) {
    const std::vector<int64_t> sizes(s.dims().begin(), s.dims().end());
    const GraphScope use(GraphOf(x));
    if (options.out_type == kInt64 || FitInt32(sizes))
      return SizesConst(sizes, false, options, "Shape");
  }
  return OpBuilder("Shape", options.name).In(x).Attr("out_type", options.out_type).Output();
}

std::vector<Tensor> ShapeN(const std::vector<Input>& inputs, const ShapeOptions& options) {
  return OpBuilder("ShapeN", options.name)
      .InList(inputs)
      .Attr("out_type", options.out_type)
      .Outputs();
}

Tensor Size(const Input& x, const ShapeOptions& options) {
  if (const PartialShape s = StaticShape(x); s.IsFullyKnown() && s.num_elements() >= 0) {
    const std::vector<int64_t> count = {s.num_elements()};
    const GraphScope use(GraphOf(x));
    if (options.out_type == kInt64 || FitInt32(count))
      return SizesConst(count, true, options, "Size");
  }
  return OpBuilder("Size", options.name).In(x).Attr("out_type", options.out_type).Output();
}

Tensor Rank(const Input& x, const NameOptions& options) {
  if (const PartialShape s = StaticShape(x); s.known_rank()) {
    const GraphScope use(GraphOf(x));
    return SizesConst({s.rank()}, true, {.name = options.name}, "Rank");
  }
  return OpBuilder("Rank", options).In(x).Output();
}

Tensor Reshape(const Input& tensor, const IntList& shape, const NameOptions& options) {
  return WithInts("Reshape", "shape", tensor, shape, options.name, "Reshape");
}

Tensor ExpandDims(const Input& input, const Input& axis, const NameOptions& options) {
  return OpBuilder("ExpandDims", options).In(input).In(axis).Output();
}

Tensor Squeeze(const Input& input, const std::vector<int64_t>& axis, const NameOptions& options) {
  return OpBuilder("Squeeze", options).In(input).Attr("squeeze_dims", axis).Output();
}

Tensor BroadcastTo(const Input& input, const IntList& shape, const NameOptions& options) {
  return WithInts("BroadcastTo", "shape", input, shape, options.name, "BroadcastTo");
}

Tensor Bitcast(const Input& input, DataType type, const NameOptions& options) {
  return OpBuilder("Bitcast", options).In(input).Attr("type", type).Output();
}

std::vector<Tensor> IdentityN(const std::vector<Input>& inputs, const NameOptions& options) {
  return OpBuilder("IdentityN", options).InList(inputs).Outputs();
}

Tensor Fill(const IntList& dims, const Input& value, const NameOptions& options) {
  OpScope scope(options.name, "Fill", GraphOf(value, {&dims}));
  return OpBuilder("Fill", scope.self()).In(dims.AsInput("dims")).In(value).Output();
}

Tensor LinSpace(const Input& start, const Input& stop, const Input& num,
                const NameOptions& options) {
  return OpBuilder("LinSpace", options).In(start).In(stop).In(num).PreferDtype(kFloat32).Output();
}

Tensor Stack(const std::vector<Input>& values, const StackOptions& options) {
  return OpBuilder("Pack", options.name, "stack")
      .InList(values)
      .Attr("axis", options.axis)
      .Output();
}

std::vector<Tensor> Unstack(const Input& value, const UnstackOptions& options) {
  int64_t num = options.num.value_or(-1);
  if (!options.num) {
    const PartialShape s = StaticShape(value);
    if (s.known_rank() && (options.axis < -s.rank() || options.axis >= s.rank())) {
      ThrowError(Code::kInvalidArgument, StrCat("Unstack: axis ", options.axis, " is not in [",
                                                -s.rank(), ", ", s.rank(), ")"));
    }
    num = s.dim(options.axis);
    if (num < 0) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Unstack: the size of dimension ", options.axis, " of a tensor of shape ",
                        s.ToString(), " is not known; give `num`"));
    }
  }
  return OpBuilder("Unpack", options.name, "unstack")
      .In(value)
      .Attr("num", num)
      .Attr("axis", options.axis)
      .Outputs();
}

std::vector<Tensor> Split(const Input& value, int num, const SplitOptions& options) {
  return OpBuilder("Split", options.name, "split")
      .In(options.axis)
      .In(value)
      .Attr("num_split", num)
      .Outputs();
}

std::vector<Tensor> SplitV(const Input& value, const std::vector<int64_t>& sizes,
                           const SplitOptions& options) {
  const GraphScope use(GraphOf(value));
  return SplitV(value, AsTensor(IntList(sizes).AsInput("Const")), static_cast<int>(sizes.size()),
                options);
}

std::vector<Tensor> SplitV(const Input& value, Tensor sizes, int num, const SplitOptions& options) {
  return OpBuilder("SplitV", options.name, "split")
      .In(value)
      .In(sizes)
      .In(options.axis)
      .Attr("num_split", num)
      .Outputs();
}

Tensor Slice(const Input& input, const IntList& begin, const IntList& size,
             const NameOptions& options) {
  OpScope scope(options.name, "Slice", GraphOf(input, {&begin, &size}));
  return OpBuilder("Slice", scope.self())
      .In(input)
      .In(begin.AsInput("begin"))
      .In(size.AsInput("size"))
      .Output();
}

Tensor Gather(const Input& params, const Input& indices, const GatherOptions& options) {
  return OpBuilder("GatherV2", options.name)
      .In(params)
      .In(indices)
      .In(options.axis.value_or(Input(options.batch_dims)))
      .Attr("batch_dims", options.batch_dims)
      .Output();
}

Tensor GatherNd(const Input& params, const Input& indices, const NameOptions& options) {
  return OpBuilder("GatherNd", options).In(params).In(indices).Output();
}

Tensor ScatterNd(const Input& indices, const Input& updates, const IntList& shape,
                 const NameOptions& options) {
  OpScope scope(options.name, "ScatterNd", GraphOf({&indices, &updates}));
  return OpBuilder("ScatterNd", scope.self())
      .In(indices)
      .In(updates)
      .In(shape.AsInput("shape"))
      .Output();
}

Tensor TensorScatterUpdate(const Input& tensor, const Input& indices, const Input& updates,
                           const NameOptions& options) {
  return Scatter("TensorScatterUpdate", tensor, indices, updates, options);
}
Tensor TensorScatterAdd(const Input& tensor, const Input& indices, const Input& updates,
                        const NameOptions& options) {
  return Scatter("TensorScatterAdd", tensor, indices, updates, options);
}
Tensor TensorScatterSub(const Input& tensor, const Input& indices, const Input& updates,
                        const NameOptions& options) {
  return Scatter("TensorScatterSub", tensor, indices, updates, options);
}
Tensor TensorScatterMin(const Input& tensor, const Input& indices, const Input& updates,
                        const NameOptions& options) {
  return Scatter("TensorScatterMin", tensor, indices, updates, options);
}
Tensor TensorScatterMax(const Input& tensor, const Input& indices, const Input& updates,
                        const NameOptions& options) {
  return Scatter("TensorScatterMax", tensor, indices, updates, options);
}

Tensor Pad(const Input& tensor, const Input& paddings, const PadOptions& options) {
  if (options.mode == "CONSTANT") {
    if (!options.constant_values)
      return OpBuilder("Pad", options.name).In(tensor).In(paddings).Output();
    return OpBuilder("PadV2", options.name)
        .In(tensor)
        .In(paddings)
        .In(*options.constant_values)
        .Output();
  }
  if (options.mode != "REFLECT" && options.mode != "SYMMETRIC") {
    ThrowError(
        Code::kInvalidArgument,
        StrCat("Pad: mode must be CONSTANT, REFLECT or SYMMETRIC, not '", options.mode, "'"));
  }
  return OpBuilder("MirrorPad", options.name)
      .In(tensor)
      .In(paddings)
      .Attr("mode", options.mode)
      .Output();
}

Tensor Tile(const Input& input, const IntList& multiples, const NameOptions& options) {
  return WithInts("Tile", "multiples", input, multiples, options.name, "Tile");
}

Tensor Transpose(const Input& a, const IntList& perm, const TransposeOptions& options) {
  return WithInts(options.conjugate ? "ConjugateTranspose" : "Transpose", "perm", a, perm,
                  options.name, "transpose");
}

Tensor InvertPermutation(const Input& x, const NameOptions& options) {
  return OpBuilder("InvertPermutation", options).In(x).Output();
}

Tensor Reverse(const Input& tensor, const IntList& axis, const NameOptions& options) {
  return WithInts("ReverseV2", "axis", tensor, axis, options.name, "ReverseV2");
}

Tensor ReverseSequence(const Input& input, const Input& seq_lengths,
                       const ReverseSequenceOptions& options) {
  return OpBuilder("ReverseSequence", options.name)
      .In(input)
      .In(seq_lengths)
      .Attr("seq_dim", options.seq_axis)
      .Attr("batch_dim", options.batch_axis)
      .Output();
}

Tensor Roll(const Input& input, const Input& shift, const Input& axis, const NameOptions& options) {
  return OpBuilder("Roll", options).In(input).In(shift).In(axis).Output();
}

Tensor Diag(const Input& diagonal, const NameOptions& options) {
  return OpBuilder("Diag", options).In(diagonal).Output();
}
Tensor DiagPart(const Input& input, const NameOptions& options) {
  return OpBuilder("DiagPart", options).In(input).Output();
}

namespace {
// One diagonal is a scalar, as Python's k=0; two bounds are a vector.
Input Diagonals(const IntList& k) {
  const std::optional<std::vector<int64_t>> known = k.Known();
  if (!known || known->size() != 1 || k.AnyTensor().valid()) return k.AsInput("k");
  return Array(static_cast<int32_t>((*known)[0]));
}
}  // namespace

Tensor MatrixDiag(const Input& diagonal, const MatrixDiagOptions& options) {
  OpScope scope(options.name, "diag", GraphOf(diagonal, {&options.k}));
  return OpBuilder("MatrixDiagV3", scope.self())
      .In(diagonal)
      .In(Diagonals(options.k))
      .In(options.num_rows)
      .In(options.num_cols)
      .In(options.padding_value.value_or(Input(0)))
      .Attr("align", options.align)
      .Output();
}

Tensor MatrixDiagPart(const Input& input, const MatrixDiagOptions& options) {
  OpScope scope(options.name, "diag_part", GraphOf(input, {&options.k}));
  return OpBuilder("MatrixDiagPartV3", scope.self())
      .In(input)
      .In(Diagonals(options.k))
      .In(options.padding_value.value_or(Input(0)))
      .Attr("align", options.align)
      .Output();
}

Tensor MatrixSetDiag(const Input& input, const Input& diagonal, const MatrixDiagOptions& options) {
  OpScope scope(options.name, "set_diag", GraphOf({&input, &diagonal}));
  return OpBuilder("MatrixSetDiagV3", scope.self())
      .In(input)
      .In(diagonal)
      .In(Diagonals(options.k))
      .Attr("align", options.align)
      .Output();
}

Tensor MatrixBandPart(const Input& input, int64_t num_lower, int64_t num_upper,
                      const NameOptions& options) {
  // int32 as Python's integers, if they fit.
  const auto fits = [](int64_t n) { return n == static_cast<int32_t>(n); };
  OpBuilder node("MatrixBandPart", options);
  node.In(input);
  if (fits(num_lower) && fits(num_upper)) {
    node.In(Array(static_cast<int32_t>(num_lower))).In(Array(static_cast<int32_t>(num_upper)));
  } else {
    node.In(num_lower).In(num_upper);
  }
  return node.Output();
}

}  // namespace weft
