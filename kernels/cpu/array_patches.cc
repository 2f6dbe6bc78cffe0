// SPDX-License-Identifier: Apache-2.0
// Windows cut out of images and volumes.
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/element_class.h"
#include "src/core/strings.h"
#include "src/core/window.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// Images are volumes of one plane.
struct PatchGeometry {
  int64_t batch = 0, depth = 0;
  std::array<int64_t, 3> in{1, 1, 1}, out{1, 1, 1}, size{1, 1, 1}, stride{1, 1, 1}, rate{1, 1, 1},
      before{0, 0, 0};
};

// Row `row` of all output positions in order (batch, plane, row): its patches one after another.
template <typename U>
void CopyRowOfPatches(const PatchGeometry& g, const U* in, int64_t row, U* out) {
  const int64_t oy = row % g.out[1], oz = row / g.out[1] % g.out[0], b = row / g.out[1] / g.out[0];
  for (int64_t ox = 0; ox < g.out[2]; ++ox) {
    for (int64_t kz = 0; kz < g.size[0]; ++kz) {
      const int64_t z = oz * g.stride[0] - g.before[0] + kz * g.rate[0];
      for (int64_t ky = 0; ky < g.size[1]; ++ky) {
        const int64_t y = oy * g.stride[1] - g.before[1] + ky * g.rate[1];
        const bool outside = z < 0 || z >= g.in[0] || y < 0 || y >= g.in[1];
        const int64_t line = ((b * g.in[0] + z) * g.in[1] + y) * g.in[2];
        for (int64_t kx = 0; kx < g.size[2]; ++kx, out += g.depth) {
          const int64_t x = ox * g.stride[2] - g.before[2] + kx * g.rate[2];
          if (outside || x < 0 || x >= g.in[2])
            std::fill_n(out, g.depth, U());
          else
            CopyRun(out, in + (line + x) * g.depth, g.depth);
        }
      }
    }
  }
}

class ExtractPatches final : public Kernel {
 public:
  explicit ExtractPatches(KernelConstruction& c) : rank_(c.op() == "ExtractImagePatches" ? 4 : 5) {
    sizes_ = c.Attr<std::vector<int64_t>>("ksizes");
    strides_ = c.Attr<std::vector<int64_t>>("strides");
    rates_ = rank_ == 4 ? c.Attr<std::vector<int64_t>>("rates") : std::vector<int64_t>(5, 1);
    padding_ = ParsePadding(c.Attr<std::string>("padding")).value_or(Padding::kValid);
    c.Fail(CheckAttrs());
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    if (in.rank() != rank_) {
      return ctx.InvalidArgument(
          StrCat("input must be ", rank_, "-dimensional, but has shape ", in.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(const PatchGeometry g, Geometry(ctx, in.shape()));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, OutputShape(ctx, g));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    if (out->num_elements() == 0) return absl::OkStatus();
    const int64_t rows = g.batch * g.out[0] * g.out[1], row_size = out->num_elements() / rows;
    WithElementClass(in.dtype(), [&]<typename U>() {
      const U* from = ElementsOf<U>(in);
      U* to = MutableElementsOf<U>(*out);
      ctx.ParallelFor(rows, kMoveCost<U> * static_cast<double>(row_size),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t r = begin; r < end; ++r)
                          CopyRowOfPatches(g, from, r, to + r * row_size);
                      });
    });
    return absl::OkStatus();
  }

 private:
  absl::Status CheckAttrs() const {
    for (const auto& [name, list] :
         {std::pair("ksizes", &sizes_), {"strides", &strides_}, {"rates", &rates_}}) {
      if (list->size() != static_cast<size_t>(rank_)) {
        return absl::InvalidArgumentError(StrCat("the ", name, " attribute must have ", rank_,
                                                 " values, but has ", list->size()));
      }
      if (list->front() != 1 || list->back() != 1) {
        return absl::UnimplementedError(
            StrCat("Only support ", name, " across space: the first and the last value must be 1"));
      }
      for (int64_t v : *list) {
        if (v < 1) return absl::OutOfRangeError(StrCat(name, " must be positive, got ", v));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<PatchGeometry> Geometry(KernelContext& ctx, const Shape& in) const {
    PatchGeometry g;
    g.batch = in.dim(0);
    g.depth = in.dim(rank_ - 1);
    for (int i = 1; i < rank_ - 1; ++i) {
      const size_t k = static_cast<size_t>(i), to = rank_ == 5 ? k - 1 : k;
      const WindowSpec window = {
          .size = sizes_[k], .stride = strides_[k], .dilation = rates_[k], .padding = padding_};
      const absl::StatusOr<WindowFit> fit = FitWindows(in.dim(i), window);
      if (!fit.ok()) return ctx.InvalidArgument(std::string(fit.status().message()));
      g.in[to] = in.dim(i);
      g.out[to] = fit->count;
      g.size[to] = sizes_[k];
      g.stride[to] = strides_[k];
      g.rate[to] = rates_[k];
      g.before[to] = fit->before;
    }
    return g;
  }

  absl::StatusOr<Shape> OutputShape(KernelContext& ctx, const PatchGeometry& g) const {
    int64_t depth = g.depth;
    for (int64_t s : g.size) {
      if (__builtin_mul_overflow(depth, s, &depth))
        return ctx.InvalidArgument("the patches are too large");
    }
    std::vector<int64_t> dims = {g.batch};
    if (rank_ == 5) dims.push_back(g.out[0]);
    dims.insert(dims.end(), {g.out[1], g.out[2], depth});
    Shape shape;
    std::string why;
    if (!Shape::Make(dims, &shape, &why)) return ctx.InvalidArgument(why);
    return shape;
  }

  int rank_;
  std::vector<int64_t> sizes_, strides_, rates_;
  Padding padding_ = Padding::kValid;
};

}  // namespace

void RegisterPatchKernels(KernelRegistry& kernels) {
  kernels.Add<ExtractPatches>("ExtractImagePatches", kCpu, {});
  kernels.Add<ExtractPatches>("ExtractVolumePatches", kCpu, {});
}

}  // namespace weft
