// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/conv2d.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/wrapping.h"

namespace weft::cpu {
namespace {

// Elements of a tile: 1 MiB of floats, about what a core's second cache holds.
constexpr int64_t kTileElements = 1 << 18;
constexpr int64_t kMaxTilePixels = 1024;

int64_t TilePixels(const ConvGeometry& g) {
  return std::clamp<int64_t>(kTileElements / std::max<int64_t>(1, g.window()), 1, kMaxTilePixels);
}

// One output pixel, by its number in row-major order.
struct Pixel {
  int64_t image, y, x;
};
Pixel PixelAt(const ConvGeometry& g, int64_t p) {
  return {p / (g.out_height * g.out_width), p / g.out_width % g.out_height, p % g.out_width};
}
void Advance(const ConvGeometry& g, Pixel* p) {
  if (++p->x < g.out_width) return;
  p->x = 0;
  if (++p->y < g.out_height) return;
  p->y = 0;
  ++p->image;
}

// Calls inside(offset in the image, offset in the row, elements) for each run of channels of a
// window that lies inside the image, and outside(offset in the row, elements) for the rest.
template <typename Inside, typename Outside>
void ForWindow(const ConvGeometry& g, const Pixel& p, int64_t group, Inside inside,
               Outside outside) {
  const int64_t line = g.filter_width * g.filter_depth;
  for (int64_t ky = 0; ky < g.filter_height; ++ky) {
    const int64_t y = p.y * g.stride_y - g.top + ky * g.dilation_y, to = ky * line;
    if (y < 0 || y >= g.in_height) {
      outside(to, line);
      continue;
    }
    const int64_t row = (p.image * g.in_height + y) * g.in_width, x0 = p.x * g.stride_x - g.left;
    if (g.dilation_x == 1 && g.filter_depth == g.in_depth) {
      // Neighbouring pixels are one run.
      const int64_t first = std::clamp<int64_t>(-x0, 0, g.filter_width);
      const int64_t last = std::clamp<int64_t>(g.in_width - x0, first, g.filter_width);
      if (first > 0) outside(to, first * g.in_depth);
      if (last > first)
        inside((row + x0 + first) * g.in_depth, to + first * g.in_depth,
               (last - first) * g.in_depth);
      if (last < g.filter_width)
        outside(to + last * g.in_depth, (g.filter_width - last) * g.in_depth);
      continue;
    }
    for (int64_t kx = 0; kx < g.filter_width; ++kx) {
      const int64_t x = x0 + kx * g.dilation_x;
      if (x < 0 || x >= g.in_width)
        outside(to + kx * g.filter_depth, g.filter_depth);
      else
        inside((row + x) * g.in_depth + group * g.filter_depth, to + kx * g.filter_depth,
               g.filter_depth);
    }
  }
}

// rows[p - begin] = the window of output pixel p.
template <typename T>
void GatherWindows(const ConvGeometry& g, const T* x, int64_t group, int64_t begin, int64_t end,
                   T* rows) {
  Pixel p = PixelAt(g, begin);
  for (int64_t i = begin; i < end; ++i, Advance(g, &p), rows += g.window()) {
    ForWindow(
        g, p, group,
        [&](int64_t from, int64_t to, int64_t n) {
          std::memcpy(rows + to, x + from, static_cast<size_t>(n) * sizeof(T));
        },
        [&](int64_t to, int64_t n) { std::fill_n(rows + to, n, T(0)); });
  }
}

// Adds rows[p - begin] to where GatherWindows takes it from.
template <typename T>
void ScatterWindows(const ConvGeometry& g, const T* rows, int64_t group, int64_t begin, int64_t end,
                    T* x) {
  Pixel p = PixelAt(g, begin);
  for (int64_t i = begin; i < end; ++i, Advance(g, &p), rows += g.window()) {
    ForWindow(
        g, p, group,
        [&](int64_t to, int64_t from, int64_t n) {
          for (int64_t k = 0; k < n; ++k) x[to + k] = arithmetic::Add(x[to + k], rows[from + k]);
        },
        [](int64_t, int64_t) {});
  }
}

// A matrix and the distance of its rows.
template <typename T>
struct View {
  T* data;
  int64_t stride;
};

// c = a b, or a b^T: [m,k] [k,n].
template <typename T>
void Multiply(bool transpose_b, int64_t m, int64_t n, int64_t k, View<const T> a, View<const T> b,
              View<T> c, int threads) {
  if constexpr (kGemmIsNative<T>) {
    Gemm(false, transpose_b, m, n, k, a.data, a.stride, b.data, b.stride, c.data, c.stride,
         threads);
  } else {
    using U = std::make_unsigned_t<T>;
    const int64_t along_k = transpose_b ? 1 : b.stride, along_n = transpose_b ? b.stride : 1;
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        U sum = 0;
        for (int64_t l = 0; l < k; ++l)
          sum += static_cast<U>(a.data[i * a.stride + l]) *
                 static_cast<U>(b.data[l * along_k + j * along_n]);
        c.data[i * c.stride + j] = static_cast<T>(sum);
      }
    }
  }
}

// Room for a tile for each of several workers.
template <typename T>
class TileBuffers {
 public:
  absl::Status Allocate(KernelContext& ctx, const ConvGeometry& g, int64_t workers) {
    size_ = TilePixels(g) * g.window();
    WEFT_ASSIGN_OR_RETURN(storage_, ctx.AllocateTemp(dtype_of<T>, Shape({workers, size_})));
    return absl::OkStatus();
  }
  T* tile(int64_t worker) { return storage_.template mutable_data<T>() + worker * size_; }

 private:
  int64_t size_ = 0;
  Array storage_;
};

// Multiplications of one tile, as nanoseconds of a core.
double TileCost(const ConvGeometry& g, int64_t pixels) {
  return 0.05 * static_cast<double>(pixels) * static_cast<double>(g.window()) *
         static_cast<double>(g.out_depth);
}

// Output pixels [begin, end).
template <typename T>
void ConvolveTile(const ConvGeometry& g, const T* x, const T* filter, int64_t begin, int64_t end,
                  T* tile, T* y) {
  const int64_t depth = g.group_out_depth();
  for (int64_t group = 0; group < g.groups(); ++group) {
    View<const T> rows = {x + begin * g.in_depth, g.in_depth};
    if (!g.is_pointwise()) {
      GatherWindows(g, x, group, begin, end, tile);
      rows = {tile, g.window()};
    }
    Multiply<T>(false, end - begin, depth, g.window(), rows, {filter + group * depth, g.out_depth},
                {y + begin * g.out_depth + group * depth, g.out_depth}, /*threads=*/1);
  }
}

}  // namespace

template <typename T>
absl::Status Convolve(KernelContext& ctx, const ConvGeometry& g, const T* x, const T* filter,
                      T* y) {
  if (g.pixels() == 0 || g.out_depth == 0) return absl::OkStatus();
  const int64_t step = TilePixels(g), tiles = (g.pixels() + step - 1) / step;
  const int64_t workers = std::min<int64_t>(ctx.num_threads(), tiles);
  TileBuffers<T> buffers;
  if (!g.is_pointwise()) WEFT_RETURN_IF_ERROR(buffers.Allocate(ctx, g, workers));
  const double cost = TileCost(g, std::min(step, g.pixels())) * static_cast<double>(tiles) /
                      static_cast<double>(workers);
  ctx.ParallelFor(workers, cost, [&](int64_t first, int64_t last) {
    for (int64_t w = first; w < last; ++w) {
      T* tile = g.is_pointwise() ? nullptr : buffers.tile(w);
      for (int64_t t = w; t < tiles; t += workers)
        ConvolveTile(g, x, filter, t * step, std::min((t + 1) * step, g.pixels()), tile, y);
    }
  });
  return absl::OkStatus();
}

template <typename T>
absl::Status ConvolveBackInput(KernelContext& ctx, const ConvGeometry& g, const T* filter,
                               const T* dy, T* dx) {
  const int64_t image = g.in_height * g.in_width * g.in_depth, pixels = g.out_height * g.out_width;
  std::fill_n(dx, g.batch * image, T(0));
  if (g.pixels() == 0 || image == 0) return absl::OkStatus();
  // Windows overlap, so an image is one worker's.
  const int64_t step = TilePixels(g), workers = std::min<int64_t>(ctx.num_threads(), g.batch);
  const int threads = workers == 1 ? ctx.num_threads() : 1;
  const int64_t depth = g.group_out_depth();
  TileBuffers<T> buffers;
  WEFT_RETURN_IF_ERROR(buffers.Allocate(ctx, g, workers));
  const auto one_image = [&](int64_t b, T* tile) {
    for (int64_t begin = b * pixels; begin < (b + 1) * pixels; begin += step) {
      const int64_t end = std::min(begin + step, (b + 1) * pixels);
      for (int64_t group = 0; group < g.groups(); ++group) {
        Multiply<T>(true, end - begin, g.window(), depth,
                    {dy + begin * g.out_depth + group * depth, g.out_depth},
                    {filter + group * depth, g.out_depth}, {tile, g.window()}, threads);
        ScatterWindows(g, tile, group, begin, end, dx);
      }
    }
  };
  if (workers == 1) {
    for (int64_t b = 0; b < g.batch; ++b) one_image(b, buffers.tile(0));
    return absl::OkStatus();
  }
  const double cost =
      TileCost(g, pixels) * static_cast<double>(g.batch) / static_cast<double>(workers);
  ctx.ParallelFor(workers, cost, [&](int64_t first, int64_t last) {
    for (int64_t w = first; w < last; ++w) {
      for (int64_t b = w; b < g.batch; b += workers) one_image(b, buffers.tile(w));
    }
  });
  return absl::OkStatus();
}

template <typename T>
absl::Status ConvolveBackFilter(KernelContext& ctx, const ConvGeometry& g, const T* x, const T* dy,
                                T* dfilter) {
  std::fill_n(dfilter, g.window() * g.out_depth, T(0));
  if (g.pixels() == 0 || g.window() == 0) return absl::OkStatus();
  const int64_t step = TilePixels(g), depth = g.group_out_depth();
  TileBuffers<T> buffers;
  if (!g.is_pointwise()) WEFT_RETURN_IF_ERROR(buffers.Allocate(ctx, g, 1));
  for (int64_t begin = 0; begin < g.pixels(); begin += step) {
    const int64_t end = std::min(begin + step, g.pixels());
    for (int64_t group = 0; group < g.groups(); ++group) {
      const T* rows = x + begin * g.in_depth;
      if (!g.is_pointwise()) {
        T* tile = buffers.tile(0);
        ctx.ParallelFor(
            end - begin, 0.3 * static_cast<double>(g.window()), [&](int64_t from, int64_t to) {
              GatherWindows(g, x, group, begin + from, begin + to, tile + from * g.window());
            });
        rows = tile;
      }
      Gemm(true, false, g.window(), depth, end - begin, rows, g.window(),
           dy + begin * g.out_depth + group * depth, g.out_depth, dfilter + group * depth,
           g.out_depth, ctx.num_threads(), /*accumulate=*/true);
    }
  }
  return absl::OkStatus();
}

template absl::Status Convolve(KernelContext&, const ConvGeometry&, const float*, const float*,
                               float*);
template absl::Status Convolve(KernelContext&, const ConvGeometry&, const double*, const double*,
                               double*);
template absl::Status Convolve(KernelContext&, const ConvGeometry&, const int32_t*, const int32_t*,
                               int32_t*);
template absl::Status ConvolveBackInput(KernelContext&, const ConvGeometry&, const float*,
                                        const float*, float*);
template absl::Status ConvolveBackInput(KernelContext&, const ConvGeometry&, const double*,
                                        const double*, double*);
template absl::Status ConvolveBackInput(KernelContext&, const ConvGeometry&, const int32_t*,
                                        const int32_t*, int32_t*);
template absl::Status ConvolveBackFilter(KernelContext&, const ConvGeometry&, const float*,
                                         const float*, float*);
template absl::Status ConvolveBackFilter(KernelContext&, const ConvGeometry&, const double*,
                                         const double*, double*);

}  // namespace weft::cpu
