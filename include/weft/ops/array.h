// SPDX-License-Identifier: Apache-2.0
// Shapes, slices, joins, gathers and reorderings of tensors: tf's array ops.
//
//   auto images = wf::Reshape(x, {-1, 28, 28, 1});
//   auto last = wf::At(states, {wf::All, -1});                        // states[:, -1]
//   auto both = wf::Concat({a, b}, 1);
//   auto rows = wf::Gather(embedding, ids);
//
// Each function adds its nodes to the graph of its operands and returns the result; nothing is
// computed before Session::Run. They take every dtype unless they say otherwise, and gradients flow
// through all but integers. Mistakes (an axis that does not exist, sizes that don't fit) throw
// InvalidArgumentError when the node is made if they are known then, else when it runs. Negative
// axes count from the end.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"
#include "weft/ops/int_list.h"

namespace weft {

// ---- Shapes

struct ShapeOptions {
  DataType out_type = kInt32;  // or kInt64
  std::string name = {};
};
// tf.shape: the sizes of x, a vector. A constant if the static shape is known.
Tensor ShapeOf(const Input& x, const ShapeOptions& options = {});
// The shapes of several tensors.
std::vector<Tensor> ShapeN(const std::vector<Input>& inputs, const ShapeOptions& options = {});
// The number of elements; the number of dimensions (int32). Constants if they are known.
Tensor Size(const Input& x, const ShapeOptions& options = {});
Tensor Rank(const Input& x, const NameOptions& options = {});

// The same elements in the same order; one size may be -1 and follows from the others.
Tensor Reshape(const Input& tensor, const IntList& shape, const NameOptions& options = {});
// A new dimension of size 1 before dimension `axis`; -1: at the end.
Tensor ExpandDims(const Input& input, const Input& axis, const NameOptions& options = {});
// Without the dimensions `axis`, which must have size 1; without all of size 1 if it is empty.
Tensor Squeeze(const Input& input, const std::vector<int64_t>& axis = {},
               const NameOptions& options = {});
// Repeats dimensions of size 1, and adds leading ones, by numpy's rule.
Tensor BroadcastTo(const Input& input, const IntList& shape, const NameOptions& options = {});
// The same bytes as elements of `type`: a smaller one adds a dimension, a larger one takes the last
// away.
Tensor Bitcast(const Input& input, DataType type, const NameOptions& options = {});
// Each output is an input. One node, so that no output is ready before all inputs are.
std::vector<Tensor> IdentityN(const std::vector<Input>& inputs, const NameOptions& options = {});

// ---- New values

// All elements 0 (empty strings, false) or 1. Constants unless they have 1000 elements or more.
Tensor Zeros(const IntList& shape, DataType dtype = kFloat32, const NameOptions& options = {});
Tensor Ones(const IntList& shape, DataType dtype = kFloat32, const NameOptions& options = {});
// All elements are the scalar `value`.
Tensor Fill(const IntList& dims, const Input& value, const NameOptions& options = {});

struct RangeOptions {
  DataType dtype = kInvalidType;  // of literals; by default the widest among them
  std::string name = {};
};
// 0, 1, ... limit - 1; start, start + delta, ... up to but not including limit. int32, int64,
// float32, float64. No gradient.
Tensor Range(const Input& limit, const RangeOptions& options = {});
Tensor Range(const Input& start, const Input& limit, const Input& delta = 1,
             const RangeOptions& options = {});
// `num` values evenly spaced from start to stop, both included. float32, float64. No gradient.
Tensor LinSpace(const Input& start, const Input& stop, const Input& num,
                const NameOptions& options = {});

struct OneHotOptions {
  Input on_value = 1.f;
  Input off_value = 0.f;
  int axis = -1;                  // where the new dimension goes
  DataType dtype = kInvalidType;  // of literals; float32 by default
  std::string name = {};
};
// A new dimension of size `depth` in which place indices[...] is on and all others are off. An
// index outside has no place.
Tensor OneHot(const Input& indices, const Input& depth, const OneHotOptions& options = {});

struct EyeOptions {
  std::optional<int64_t> num_columns = {};
  IntList batch_shape = {};
  DataType dtype = kFloat32;
  std::string name = {};
};
// The identity matrix, or a batch of it.
Tensor Eye(int64_t num_rows, const EyeOptions& options = {});

struct SequenceMaskOptions {
  std::optional<Input> maxlen = {};  // the greatest length by default
  DataType dtype = kBool;
  std::string name = {};
};
// mask[..., j] = j < lengths[...].
Tensor SequenceMask(const Input& lengths, const SequenceMaskOptions& options = {});

// Vectors x_0, x_1, ... broadcast against each other, one dimension each. indexing "xy" swaps the
// first two, as plots have it.
std::vector<Tensor> Meshgrid(const std::vector<Input>& vectors, const std::string& indexing = "xy",
                             const NameOptions& options = {});

// ---- Joining and parting

// One after the other along dimension `axis`; all other sizes are equal.
Tensor Concat(const std::vector<Input>& values, const Input& axis, const NameOptions& options = {});

struct StackOptions {
  int axis = 0;
  std::string name = {};
};
// Tensors of one shape along a new dimension.
Tensor Stack(const std::vector<Input>& values, const StackOptions& options = {});
// As Stack along dimension 0, for shapes that are known when the graph is built.
Tensor ParallelStack(const std::vector<Input>& values, const NameOptions& options = {});

struct UnstackOptions {
  std::optional<int> num = {};  // the static size of the dimension by default
  int axis = 0;
  std::string name = {};
};
// The slices along a dimension, which goes away.
std::vector<Tensor> Unstack(const Input& value, const UnstackOptions& options = {});

struct SplitOptions {
  Input axis = 0;
  std::string name = {};
};
// `num` equal parts along a dimension.
std::vector<Tensor> Split(const Input& value, int num, const SplitOptions& options = {});
// Parts of these sizes; one may be -1: what is left.
std::vector<Tensor> SplitV(const Input& value, const std::vector<int64_t>& sizes,
                           const SplitOptions& options = {});
// Sizes that a tensor holds; `num` of them.
std::vector<Tensor> SplitV(const Input& value, Tensor sizes, int num,
                           const SplitOptions& options = {});

// ---- Slices

// The part that begins at `begin` and has `size`; -1: all that is left.
Tensor Slice(const Input& input, const IntList& begin, const IntList& size,
             const NameOptions& options = {});

// One index expression of At.
class SliceItem {
 public:
  enum class Kind { kIndex, kRange, kEllipsis, kNewAxis };

  template <std::integral I>
  SliceItem(I index) : begin_(IntList::Element(index)) {}       // NOLINT: x[3] is the point
  SliceItem(Tensor index) : begin_(IntList::Element(index)) {}  // NOLINT
  explicit SliceItem(Kind kind) : kind_(kind) {}
  SliceItem(std::optional<IntList::Element> begin, std::optional<IntList::Element> end,
            std::optional<IntList::Element> step)
      : kind_(Kind::kRange),
        begin_(std::move(begin)),
        end_(std::move(end)),
        step_(std::move(step)) {}

  Kind kind() const { return kind_; }
  const std::optional<IntList::Element>& begin() const { return begin_; }
  const std::optional<IntList::Element>& end() const { return end_; }
  const std::optional<IntList::Element>& step() const { return step_; }

 private:
  Kind kind_ = Kind::kIndex;
  std::optional<IntList::Element> begin_, end_, step_;
};
// Python's begin:end:step; an absent one is Python's empty one: Between(1, {}) is 1:, Between({},
// {}, -1) is ::-1.
inline SliceItem Between(std::optional<IntList::Element> begin, std::optional<IntList::Element> end,
                         std::optional<IntList::Element> step = {}) {
  return SliceItem(std::move(begin), std::move(end), std::move(step));
}
// Python's :, ... and tf.newaxis.
struct AllType {
  operator SliceItem() const { return SliceItem({}, {}, {}); }  // NOLINT
};
struct EllipsisType {
  operator SliceItem() const { return SliceItem(SliceItem::Kind::kEllipsis); }  // NOLINT
};
struct NewAxisType {
  operator SliceItem() const { return SliceItem(SliceItem::Kind::kNewAxis); }  // NOLINT
};
inline constexpr AllType All;
inline constexpr EllipsisType Ellipsis;
inline constexpr NewAxisType NewAxis;

// Python's x[items]: At(x, {0, Between(1, 3), Ellipsis, NewAxis}) is x[0, 1:3, ..., tf.newaxis]. An
// index drops its dimension.
Tensor At(const Input& x, const std::vector<SliceItem>& items, const NameOptions& options = {});

struct StridedSliceOptions {
  std::optional<IntList> strides = {};  // ones by default
  int begin_mask = 0;                   // bit i: begin[i] is ignored
  int end_mask = 0;
  int ellipsis_mask = 0;
  int new_axis_mask = 0;
  int shrink_axis_mask = 0;
  std::string name = {};
};
// tf.strided_slice, which At is made of.
Tensor StridedSlice(const Input& input, const IntList& begin, const IntList& end,
                    const StridedSliceOptions& options = {});
// The input with the elements of such a slice replaced by `value`, which is broadcast to it.
Tensor TensorStridedSliceUpdate(const Input& input, const IntList& begin, const IntList& end,
                                const Input& value, const StridedSliceOptions& options = {});

struct BooleanMaskOptions {
  int axis = 0;
  std::string name = {};
};
// The slices for which the mask, whose shape is that of dimensions axis... of the tensor, is true.
Tensor BooleanMask(const Input& tensor, const Input& mask, const BooleanMaskOptions& options = {});

// ---- Indices

struct GatherOptions {
  std::optional<Input> axis = {};  // batch_dims by default
  int batch_dims = 0;
  std::string name = {};
};
// result[..., i..., ...] = params[..., indices[i...], ...] along dimension `axis`; the first
// batch_dims dimensions of both go together. The gradient along dimension 0 is IndexedSlices. An
// index outside is an InvalidArgumentError of the run.
Tensor Gather(const Input& params, const Input& indices, const GatherOptions& options = {});
// result[i...] = params[indices[i..., 0], indices[i..., 1], ...].
Tensor GatherNd(const Input& params, const Input& indices, const NameOptions& options = {});
// Zeros of `shape` with updates[i...] added at indices[i...], as GatherNd reads them; equal indices
// add up.
Tensor ScatterNd(const Input& indices, const Input& updates, const IntList& shape,
                 const NameOptions& options = {});
// The tensor with slices at `indices` replaced by, or combined with, the updates. The order of
// equal indices is that of the updates.
Tensor TensorScatterUpdate(const Input& tensor, const Input& indices, const Input& updates,
                           const NameOptions& options = {});
Tensor TensorScatterAdd(const Input& tensor, const Input& indices, const Input& updates,
                        const NameOptions& options = {});
Tensor TensorScatterSub(const Input& tensor, const Input& indices, const Input& updates,
                        const NameOptions& options = {});
Tensor TensorScatterMin(const Input& tensor, const Input& indices, const Input& updates,
                        const NameOptions& options = {});
Tensor TensorScatterMax(const Input& tensor, const Input& indices, const Input& updates,
                        const NameOptions& options = {});

// ---- Padding and repetition

struct PadOptions {
  std::string mode = "CONSTANT";  // or "REFLECT" (without the border itself), "SYMMETRIC" (with it)
  std::optional<Input> constant_values = {};  // a scalar; 0 by default
  std::string name = {};
};
// paddings [rank, 2]: how many elements go before and after each dimension.
Tensor Pad(const Input& tensor, const Input& paddings, const PadOptions& options = {});
// multiples[d] copies along each dimension d.
Tensor Tile(const Input& input, const IntList& multiples, const NameOptions& options = {});

struct RepeatOptions {
  std::optional<int> axis = {};  // by default the input is flattened
  std::string name = {};
};
// Every element (every slice along `axis`) `repeats` times.
Tensor Repeat(const Input& input, int64_t repeats, const RepeatOptions& options = {});

// ---- Order

struct TransposeOptions {
  bool conjugate = false;  // of complex values
  std::string name = {};
};
// Dimension perm[i] becomes dimension i; without a permutation all dimensions in reverse order.
Tensor Transpose(const Input& a, const TransposeOptions& options = {});
Tensor Transpose(const Input& a, const IntList& perm, const TransposeOptions& options = {});
// y[x[i]] = i: int32 or int64, no gradient.
Tensor InvertPermutation(const Input& x, const NameOptions& options = {});
// The dimensions `axis`, back to front. At most 8 dimensions.
Tensor Reverse(const Input& tensor, const IntList& axis, const NameOptions& options = {});

struct ReverseSequenceOptions {
  int seq_axis = 1;
  int batch_axis = 0;
  std::string name = {};
};
// The first seq_lengths[b] steps of each b, back to front; the rest stays.
Tensor ReverseSequence(const Input& input, const Input& seq_lengths,
                       const ReverseSequenceOptions& options = {});
// Elements moved `shift` places along `axis`; those that leave come in at the other end. Both
// scalars or vectors.
Tensor Roll(const Input& input, const Input& shift, const Input& axis,
            const NameOptions& options = {});

// ---- Diagonals

// out[i..., i...] = diagonal[i...], zero elsewhere; and the reverse.
Tensor Diag(const Input& diagonal, const NameOptions& options = {});
Tensor DiagPart(const Input& input, const NameOptions& options = {});

struct MatrixDiagOptions {
  IntList k = {
      0};  // one diagonal, or the lowest and the highest of several; > 0: above the main one
  int num_rows = -1;  // of the matrices; -1: as few as hold the diagonals
  int num_cols = -1;
  std::optional<Input> padding_value = {};  // elsewhere; 0 by default
  std::string align = "RIGHT_LEFT";  // where diagonals that are shorter than the longest lie in
                                     // their rows: above, below the main one
  std::string name = {};
};
// tf.linalg.diag: matrices with the given diagonals. diagonal: [..., length], or [..., number of
// diagonals, length].
Tensor MatrixDiag(const Input& diagonal, const MatrixDiagOptions& options = {});
// tf.linalg.diag_part: the diagonals k of matrices; what is missing in short ones is padding_value.
Tensor MatrixDiagPart(const Input& input, const MatrixDiagOptions& options = {});
// tf.linalg.set_diag: the matrices with diagonals k replaced.
Tensor MatrixSetDiag(const Input& input, const Input& diagonal,
                     const MatrixDiagOptions& options = {});
// tf.linalg.band_part: zeros but for num_lower diagonals below the main one and num_upper above it;
// -1: all.
Tensor MatrixBandPart(const Input& input, int64_t num_lower, int64_t num_upper,
                      const NameOptions& options = {});

}  // namespace weft
