// SPDX-License-Identifier: Apache-2.0
// Windows cut out of images and volumes.
// kernels: kernels/cpu/array_patches.cc   test: tests/ops/array_layout_test.cc
#include "src/core/strings.h"
#include "src/core/window.h"
#include "weft/core/complex.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"
#include "weft/ops/array_layout.h"

namespace weft {
namespace {

using Ints = std::vector<int64_t>;

// `rank`: 4 for images, 5 for volumes, of which all but the first and the last are spatial.
absl::Status PatchesShape(ShapeContext& c, int rank) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.InputWithRank(0, rank));
  const Ints sizes = c.Attr<Ints>("ksizes"), strides = c.Attr<Ints>("strides");
  const Ints rates =
      c.FindAttr("rates") ? c.Attr<Ints>("rates") : Ints(static_cast<size_t>(rank), 1);
  for (const auto& [name, list] :
       {std::pair("ksizes", &sizes), {"strides", &strides}, {"rates", &rates}}) {
    if (list->size() == static_cast<size_t>(rank)) continue;
    return absl::InvalidArgumentError(
        StrCat("the ", name, " attribute must have ", rank, " values, but has ", list->size()));
  }
  const std::optional<Padding> padding = ParsePadding(c.Attr<std::string>("padding"));
  PartialShape out = in;
  int64_t depth = in.dim(rank - 1);
  for (int i = 1; i < rank - 1; ++i) {
    const size_t k = static_cast<size_t>(i);
    WEFT_ASSIGN_OR_RETURN(depth, shape::MulDims(depth, sizes[k]));
    const WindowSpec window = {.size = sizes[k],
                               .stride = strides[k],
                               .dilation = rates[k],
                               .padding = padding.value_or(Padding::kValid)};
    WEFT_ASSIGN_OR_RETURN(const int64_t count, InferWindowCount(in.dim(i), window));
    out.set_dim(i, count);
  }
  out.set_dim(rank - 1, depth);
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status ImagePatchesShape(ShapeContext& c) { return PatchesShape(c, 4); }
absl::Status VolumePatchesShape(ShapeContext& c) { return PatchesShape(c, 5); }

// Builds the gradient in a handful of nodes: the patches of a picture of pixel numbers say which
// pixel each element of a patch came from (0: padding), and a segment sum brings gradients back.
class PatchesGradient {
 public:
  PatchesGradient(GradientContext& g, int rank) : g_(g), rank_(rank) {}

  void Build() {
    const Tensor dy = g_.dy(0);
    const Tensor sizes = g_.Op("Shape", {g_.input(0)}, {{"out_type", kInt64}});
    const Tensor batch = Part(sizes, 0, 1), space = Part(sizes, 1, rank_ - 2),
                 depth = Part(sizes, rank_ - 1, 1);
    const Tensor pixels = g_.Op("Prod", {space, g_.ConstInts({0}, "Const")});
    const Tensor one = g_.Const(Array(int64_t{1}), "one"), ones = Longs({1}), rest = Longs({-1});
    const Tensor all = g_.Add(pixels, one);
    const Tensor numbers = g_.Op("Range", {one, all, one}, {}, "range");
    const Tensor picture = g_.Reshape(numbers, Concat({ones, space, ones}));
    const Tensor origins = g_.Reshape(SamePatches(picture), rest);
    // [batch, windows * elements, depth] to [windows * elements, batch, depth].
    const Tensor rows = g_.Reshape(dy, Concat({batch, rest, depth}));
    const Tensor by_origin =
        g_.Op("Transpose", {rows, g_.ConstInts({1, 0, 2}, "transpose/perm")}, {}, "transpose");
    const Tensor sums = g_.Op("UnsortedSegmentSum", {by_origin, origins, all});
    const Tensor kept = g_.Op("Slice", {sums, Longs({1, 0, 0}), Longs({-1, -1, -1})});
    const Tensor images =
        g_.Op("Transpose", {kept, g_.ConstInts({1, 0, 2}, "transpose_1/perm")}, {}, "transpose");
    g_.SetDx(0, g_.Reshape(images, sizes));
  }

 private:
  Tensor Longs(std::initializer_list<int64_t> values) { return g_.Const(Array(values), "Const"); }
  Tensor Part(Tensor sizes, int begin, int count) {
    return g_.Op("Slice", {sizes, g_.ConstInts({begin}, "Slice/begin"),
                           g_.ConstInts({count}, "Slice/size")});
  }
  Tensor Concat(std::vector<Tensor> parts) {
    const int64_t n = static_cast<int64_t>(parts.size());
    parts.push_back(g_.ConstInt(0, "concat/axis"));
    return g_.Op("ConcatV2", parts, {{"N", n}}, "concat");
  }
  Tensor SamePatches(Tensor picture) {
    if (rank_ == 4) {
      return g_.Op("ExtractImagePatches", {picture},
                   {{"ksizes", g_.attr("ksizes")},
                    {"strides", g_.attr("strides")},
                    {"rates", g_.attr("rates")},
                    {"padding", g_.attr("padding")}});
    }
    return g_.Op("ExtractVolumePatches", {picture},
                 {{"ksizes", g_.attr("ksizes")},
                  {"strides", g_.attr("strides")},
                  {"padding", g_.attr("padding")}});
  }

  GradientContext& g_;
  int rank_;
};

}  // namespace

void RegisterPatchOps(OpRegistry& ops) {
  ops.Add("ExtractImagePatches")
      .Summary("Every window of the images, laid out in the depth of one pixel.")
      .Input("images: T")
      .Output("patches: T")
      .Attr("ksizes: list(int) >= 4")
      .Attr("strides: list(int) >= 4")
      .Attr("rates: list(int) >= 4")
      .Attr(
          "T: {bfloat16, half, float, double, int8, int16, int32, int64, uint8, uint16, uint32, "
          "uint64, "
          "complex64, complex128, bool}")
      .Attr("padding: {'SAME', 'VALID'}")
      .Shape(ImagePatchesShape)
      .Gradient([](GradientContext& g) { PatchesGradient(g, 4).Build(); });
  ops.Add("ExtractVolumePatches")
      .Summary("Every window of the volumes, laid out in the depth of one element.")
      .Input("input: T")
      .Output("patches: T")
      .Attr("ksizes: list(int) >= 5")
      .Attr("strides: list(int) >= 5")
      .Attr("T: realnumbertype")
      .Attr("padding: {'SAME', 'VALID'}")
      .Shape(VolumePatchesShape)
      .Gradient([](GradientContext& g) { PatchesGradient(g, 5).Build(); });
}

Tensor ExtractImagePatches(const Input& images, const ImagePatchesOptions& options) {
  return OpBuilder("ExtractImagePatches", options.name)
      .In(images)
      .Attr("ksizes", options.ksizes)
      .Attr("strides", options.strides)
      .Attr("rates", options.rates)
      .Attr("padding", options.padding)
      .Output();
}

Tensor ExtractVolumePatches(const Input& input, const VolumePatchesOptions& options) {
  return OpBuilder("ExtractVolumePatches", options.name)
      .In(input)
      .Attr("ksizes", options.ksizes)
      .Attr("strides", options.strides)
      .Attr("padding", options.padding)
      .Output();
}

}  // namespace weft
