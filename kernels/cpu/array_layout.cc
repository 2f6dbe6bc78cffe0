// SPDX-License-Identifier: Apache-2.0
// Blocks of space moved to the batch or to the depth and back, and orders of dimensions by name.
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cpu/element_class.h"
#include "kernels/cpu/strided_copy.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterPatchKernels(KernelRegistry& kernels);

namespace {

using Ints = absl::InlinedVector<int64_t, 8>;

// Zero bytes, empty strings.
void FillWithZero(Array* a) {
  WithElementClass(a->dtype(), [&]<typename U>() {
    std::fill_n(MutableElementsOf<U>(*a), a->num_elements(), U());
  });
}

// ---- between space and batch ----

// Space is dimensions 1..M of both tensors; element i of block offset o is number i * block + o of
// the padded (or not yet cropped) dimension.
struct BlockMove {
  Ints block, before, after;
  int dims() const { return static_cast<int>(block.size()); }
};

// Where along one dimension the elements of one block offset lie: blocks [first, first + count) of
// the batch's side, and `start` on the side of space, from where on every block-th is taken.
struct Run {
  int64_t first = 0, count = 0, start = 0;
};
Run FindRun(int64_t offset, int64_t block, int64_t before, int64_t space, int64_t blocks) {
  Run run;
  // i * block + offset - before lies in [0, space).
  run.first = offset >= before ? 0 : (before - offset + block - 1) / block;
  const int64_t end = std::min(
      blocks, (space - 1 + before - offset >= 0 ? (space - 1 + before - offset) / block : -1) + 1);
  run.count = std::max<int64_t>(0, end - run.first);
  run.start = run.first * block + offset - before;
  return run;
}

// Calls copy(batch-side offset, space-side offset, dims) for each block offset; dims has the
// batch-side stride as dst and the space-side stride as src.
template <typename Copy>
void ForEachOffset(const BlockMove& move, const Shape& batch_side, const Shape& space_side,
                   Copy copy) {
  const IndexVector bs = RowMajorStrides(batch_side.dims()),
                    ss = RowMajorStrides(space_side.dims());
  const int64_t batch = space_side.dim(0);
  Ints offset(move.block.size(), 0);
  for (int64_t number = 0;; ++number) {
    CopyDims dims = {{batch, bs[0], ss[0]}};
    int64_t b = number * batch * bs[0], s = 0;
    for (int i = 0; i < move.dims(); ++i) {
      const size_t k = static_cast<size_t>(i), d = k + 1;
      const Run run = FindRun(offset[k], move.block[k], move.before[k], space_side.dim(i + 1),
                              batch_side.dim(i + 1));
      dims.push_back({run.count, bs[d], ss[d] * move.block[k]});
      b += run.first * bs[d];
      s += run.start * ss[d];
    }
    for (int i = move.dims() + 1; i < batch_side.rank(); ++i) {
      const size_t d = static_cast<size_t>(i);
      dims.push_back({batch_side.dim(i), bs[d], ss[d]});
    }
    if (CopyCount(dims) > 0) copy(b, s, dims);
    size_t k = offset.size();
    while (k > 0 && ++offset[k - 1] == move.block[k - 1]) offset[--k] = 0;
    if (k == 0) return;
  }
}

class BlockKernel : public Kernel {
 public:
  // `attr`: the block size is an attribute, for the two spatial dimensions of images.
  explicit BlockKernel(KernelConstruction& c)
      : block_size_(c.num_inputs() == 2 ? c.Attr<int64_t>("block_size") : 0) {}

 protected:
  absl::StatusOr<BlockMove> ReadMove(KernelContext& ctx, std::string_view margins_name) const {
    BlockMove move;
    const Shape& in = ctx.input(0).shape();
    if (block_size_ > 0) {
      if (in.rank() != 4)
        return ctx.InvalidArgument(StrCat("Input rank should be: 4 instead of: ", in.rank()));
      move.block.assign(2, block_size_);
    } else {
      if (ctx.input(1).rank() != 1) {
        return ctx.InvalidArgument(StrCat("block_shape must be one-dimensional, but has shape ",
                                          ctx.input(1).shape().ToString()));
      }
      move.block = ReadInts(ctx.input(1));
    }
    if (in.rank() < 1 + move.dims()) {
      return ctx.InvalidArgument(
          StrCat("input rank should be >= ", 1 + move.dims(), " instead of ", in.rank()));
    }
    for (size_t k = 0; k < move.block.size(); ++k) {
      if (move.block[k] < 1 || move.block[k] > kLargest)
        return ctx.InvalidArgument(
            StrCat("block_shape[", k, "]=", move.block[k], " is not positive or too large"));
    }
    WEFT_RETURN_IF_ERROR(ReadMargins(ctx, ctx.input(block_size_ > 0 ? 1 : 2), margins_name, &move));
    return move;
  }

  // The product of the block sizes.
  static absl::StatusOr<int64_t> BlockCount(KernelContext& ctx, const BlockMove& move) {
    int64_t count = 1;
    for (int64_t b : move.block) {
      if (__builtin_mul_overflow(count, b, &count) || count > kLargest)
        return ctx.InvalidArgument("the product of block_shape is too large");
    }
    return count;
  }
  static absl::StatusOr<Shape> MakeShape(KernelContext& ctx, const Ints& dims) {
    Shape s;
    std::string why;
    if (!Shape::Make(dims, &s, &why)) return ctx.InvalidArgument(why);
    return s;
  }

  // Sizes up to this can be added without overflow.
  static constexpr int64_t kLargest = int64_t{1} << 60;

 private:
  static absl::Status ReadMargins(KernelContext& ctx, const Array& a, std::string_view name,
                                  BlockMove* move) {
    if (!(a.shape() == Shape({move->dims(), 2}))) {
      return ctx.InvalidArgument(StrCat(name, " should have shape [", move->dims(),
                                        ",2] instead of ", a.shape().ToString()));
    }
    const auto values = ReadInts(a);
    for (size_t i = 0; i < values.size(); i += 2) {
      if (values[i] < 0 || values[i + 1] < 0)
        return ctx.InvalidArgument(
            StrCat(name, " must be non-negative, got ", values[i], " and ", values[i + 1]));
      if (values[i] > kLargest || values[i + 1] > kLargest)
        return ctx.InvalidArgument(
            StrCat(name, " are too large: ", values[i], " and ", values[i + 1]));
      move->before.push_back(values[i]);
      move->after.push_back(values[i + 1]);
    }
    return absl::OkStatus();
  }

  int64_t block_size_;
};

class SpaceToBatch final : public BlockKernel {
 public:
  using BlockKernel::BlockKernel;
  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const BlockMove move, ReadMove(ctx, "Paddings"));
    WEFT_ASSIGN_OR_RETURN(const int64_t blocks, BlockCount(ctx, move));
    Ints dims(in.shape().dims().begin(), in.shape().dims().end());
    if (__builtin_mul_overflow(dims[0], blocks, &dims[0]))
      return ctx.InvalidArgument("the batch of the result is too large");
    bool padded = false;
    for (size_t k = 0; k < move.block.size(); ++k) {
      if (dims[k + 1] > kLargest)
        return ctx.InvalidArgument("a dimension of the input is too large");
      const int64_t size = dims[k + 1] + move.before[k] + move.after[k];
      if (size % move.block[k] != 0) {
        return ctx.InvalidArgument(StrCat("padded_shape[", k, "]=", size,
                                          " is not divisible by block_shape[", k,
                                          "]=", move.block[k]));
      }
      padded |= move.before[k] + move.after[k] > 0;
      dims[k + 1] = size / move.block[k];
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape, MakeShape(ctx, dims));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    if (padded) FillWithZero(out);
    if (out->num_elements() == 0 || in.num_elements() == 0) return absl::OkStatus();
    ForEachOffset(move, shape, in.shape(), [&](int64_t to, int64_t from, const CopyDims& d) {
      StridedCopy(ctx, in, from, *out, to, d);
    });
    return absl::OkStatus();
  }
};

class BatchToSpace final : public BlockKernel {
 public:
  using BlockKernel::BlockKernel;
  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const BlockMove move, ReadMove(ctx, "Crops"));
    WEFT_ASSIGN_OR_RETURN(const int64_t blocks, BlockCount(ctx, move));
    Ints dims(in.shape().dims().begin(), in.shape().dims().end());
    if (dims[0] % blocks != 0) {
      return ctx.InvalidArgument(StrCat("Input batch dimension (", dims[0],
                                        ") is not divisible by product of block sizes (", blocks,
                                        ")"));
    }
    dims[0] /= blocks;
    for (size_t k = 0; k < move.block.size(); ++k) {
      int64_t size = 0;
      if (__builtin_mul_overflow(dims[k + 1], move.block[k], &size) || size > kLargest)
        return ctx.InvalidArgument("a dimension of the result is too large");
      dims[k + 1] = size - move.before[k] - move.after[k];
      if (dims[k + 1] < 0) {
        return ctx.InvalidArgument(
            StrCat("cropped_shape[", k, "]=", dims[k + 1], " must be non-negative"));
      }
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape, MakeShape(ctx, dims));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    if (out->num_elements() == 0) return absl::OkStatus();
    ForEachOffset(move, in.shape(), shape, [&](int64_t from, int64_t to, CopyDims d) {
      for (CopyDim& dim : d) std::swap(dim.dst_stride, dim.src_stride);
      StridedCopy(ctx, in, from, *out, to, d);
    });
    return absl::OkStatus();
  }
};

// ---- between space and depth ----

// One exchange as a transpose: pixels [batch, height, block, width, block, depth] on the side of
// space, and the same dimensions in another order on the side of depth.
class DepthKernel : public Kernel {
 public:
  explicit DepthKernel(KernelConstruction& c)
      : block_(c.Attr<int64_t>("block_size")),
        first_(c.Attr<std::string>("data_format") == "NCHW") {
    if (c.Attr<std::string>("data_format") == "NCHW_VECT_C")
      c.Fail(absl::InvalidArgumentError("the CPU has no kernel for data_format NCHW_VECT_C"));
  }

 protected:
  struct Sizes {
    int64_t batch, height, width, depth;
  };
  absl::StatusOr<Sizes> Read(KernelContext& ctx) const {
    const Shape& s = ctx.input(0).shape();
    if (s.rank() != 4)
      return ctx.InvalidArgument(StrCat("Input rank should be: 4 instead of: ", s.rank()));
    if (first_) return Sizes{s.dim(0), s.dim(2), s.dim(3), s.dim(1)};
    return Sizes{s.dim(0), s.dim(1), s.dim(2), s.dim(3)};
  }
  absl::StatusOr<Array*> Allocate(KernelContext& ctx, const Sizes& s) const {
    const int64_t dims_last[] = {s.batch, s.height, s.width, s.depth};
    const int64_t dims_first[] = {s.batch, s.depth, s.height, s.width};
    Shape shape;
    std::string why;
    if (!Shape::Make(first_ ? dims_first : dims_last, &shape, &why))
      return ctx.InvalidArgument(why);
    return ctx.AllocateOutput(0, shape);
  }
  absl::StatusOr<int64_t> Area(KernelContext& ctx) const {
    int64_t area = 0;
    if (__builtin_mul_overflow(block_, block_, &area))
      return ctx.InvalidArgument(StrCat("block_size ", block_, " is too large"));
    return area;
  }
  bool first() const { return first_; }
  int64_t block() const { return block_; }

 private:
  int64_t block_;
  bool first_;
};

class SpaceToDepth final : public DepthKernel {
 public:
  using DepthKernel::DepthKernel;
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const Sizes s, Read(ctx));
    WEFT_ASSIGN_OR_RETURN(const int64_t area, Area(ctx));
    if (s.width % block() != 0 || s.height % block() != 0) {
      return ctx.InvalidArgument(StrCat("Image width ", s.width, " and height ", s.height,
                                        " should be divisible by block_size: ", block()));
    }
    int64_t depth = 0;
    if (__builtin_mul_overflow(s.depth, area, &depth))
      return ctx.InvalidArgument("the depth of the result is too large");
    const Sizes to = {s.batch, s.height / block(), s.width / block(), depth};
    WEFT_ASSIGN_OR_RETURN(Array * out, Allocate(ctx, to));
    if (out->num_elements() == 0) return absl::OkStatus();
    const int64_t b = block();
    if (first()) {
      StridedCopy(
          ctx, ctx.input(0), 0, *out, 0,
          TransposeCopy({{s.batch, s.depth, to.height, b, to.width, b}}, {{0, 3, 5, 1, 2, 4}}));
    } else {
      StridedCopy(
          ctx, ctx.input(0), 0, *out, 0,
          TransposeCopy({{s.batch, to.height, b, to.width, b, s.depth}}, {{0, 1, 3, 2, 4, 5}}));
    }
    return absl::OkStatus();
  }
};

class DepthToSpace final : public DepthKernel {
 public:
  using DepthKernel::DepthKernel;
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const Sizes s, Read(ctx));
    WEFT_ASSIGN_OR_RETURN(const int64_t area, Area(ctx));
    if (s.depth % area != 0) {
      return ctx.InvalidArgument(
          StrCat("Input depth dimension ", s.depth, " should be divisible by: ", area));
    }
    Sizes to = {s.batch, 0, 0, s.depth / area};
    if (__builtin_mul_overflow(s.height, block(), &to.height) ||
        __builtin_mul_overflow(s.width, block(), &to.width))
      return ctx.InvalidArgument("a dimension of the result is too large");
    WEFT_ASSIGN_OR_RETURN(Array * out, Allocate(ctx, to));
    if (out->num_elements() == 0) return absl::OkStatus();
    const int64_t b = block();
    if (first()) {
      StridedCopy(
          ctx, ctx.input(0), 0, *out, 0,
          TransposeCopy({{s.batch, b, b, to.depth, s.height, s.width}}, {{0, 3, 4, 1, 5, 2}}));
    } else {
      StridedCopy(
          ctx, ctx.input(0), 0, *out, 0,
          TransposeCopy({{s.batch, s.height, s.width, b, b, to.depth}}, {{0, 1, 3, 2, 4, 5}}));
    }
    return absl::OkStatus();
  }
};

// ---- data formats ----

absl::Status CheckFormats(const std::string& from, const std::string& to) {
  if (from.size() < 4 || from.size() > 5) {
    return absl::InvalidArgumentError(
        StrCat("Source format must be of length 4 or 5, received src_format = ", from));
  }
  std::string a = from, b = to;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  if (a != b || std::adjacent_find(a.begin(), a.end()) != a.end()) {
    return absl::InvalidArgumentError(StrCat(
        "Destination and source format must determine a permutation, got ", from, " and ", to));
  }
  return absl::OkStatus();
}

template <typename T>
class DimMap final : public Kernel {
 public:
  explicit DimMap(KernelConstruction& c) {
    const std::string from = c.Attr<std::string>("src_format"),
                      to = c.Attr<std::string>("dst_format");
    if (absl::Status s = CheckFormats(from, to); !s.ok()) {
      c.Fail(std::move(s));
      return;
    }
    for (char axis : from) place_.push_back(static_cast<T>(to.find(axis)));
  }
  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    const T* in = x.data<T>();
    T* out = y->mutable_data<T>();
    const T n = static_cast<T>(place_.size());
    // Negative numbers count from the end.
    for (int64_t i = 0; i < x.num_elements(); ++i) {
      const T axis = static_cast<T>(in[i] % n);
      out[i] = place_[static_cast<size_t>(axis < 0 ? axis + n : axis)];
    }
    return absl::OkStatus();
  }

 private:
  std::vector<T> place_;
};

template <typename T>
class VecPermute final : public Kernel {
 public:
  explicit VecPermute(KernelConstruction& c)
      : from_(c.Attr<std::string>("src_format")), to_(c.Attr<std::string>("dst_format")) {
    c.Fail(CheckFormats(from_, to_));
  }
  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    if (x.rank() != 1 && x.rank() != 2) {
      return ctx.InvalidArgument(
          StrCat("input must be a vector or 2D tensor, but got shape ", x.shape().ToString()));
    }
    std::string from = from_, to = to_;
    // Values for the spatial dimensions only.
    if (x.dim(0) + 2 == static_cast<int64_t>(from.size())) {
      for (std::string* s : {&from, &to})
        s->erase(std::remove_if(s->begin(), s->end(), [](char c) { return c == 'N' || c == 'C'; }),
                 s->end());
    }
    if (x.dim(0) != static_cast<int64_t>(from.size()) || (x.rank() == 2 && x.dim(1) != 2)) {
      return ctx.InvalidArgument(StrCat("input of shape ", x.shape().ToString(),
                                        " has no value, or pair of values, for "
                                        "each dimension of ",
                                        from_, ", nor for each spatial one"));
    }
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
    const int64_t width = x.rank() == 2 ? 2 : 1;
    for (size_t i = 0; i < to.size(); ++i)
      std::copy_n(x.data<T>() + static_cast<int64_t>(from.find(to[i])) * width, width,
                  y->mutable_data<T>() + static_cast<int64_t>(i) * width);
    return absl::OkStatus();
  }

 private:
  std::string from_, to_;
};

}  // namespace

void RegisterArrayLayoutKernels(KernelRegistry& kernels) {
  for (const char* op : {"SpaceToBatchND", "SpaceToBatch"}) kernels.Add<SpaceToBatch>(op, kCpu, {});
  for (const char* op : {"BatchToSpaceND", "BatchToSpace"}) kernels.Add<BatchToSpace>(op, kCpu, {});
  kernels.Add<SpaceToDepth>("SpaceToDepth", kCpu, {});
  kernels.Add<DepthToSpace>("DepthToSpace", kCpu, {});
  ForTypes<int32_t, int64_t>([&]<typename T>() {
    kernels.Add<DimMap<T>>("DataFormatDimMap", kCpu, {{"T", dtype_of<T>}});
    kernels.Add<VecPermute<T>>("DataFormatVecPermute", kCpu, {{"T", dtype_of<T>}});
  });
  RegisterPatchKernels(kernels);
}

}  // namespace weft
