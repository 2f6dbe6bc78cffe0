// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/convolve.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/simd.h"
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
  int64_t image;
  std::array<int64_t, 3> at;
};
Pixel PixelAt(const ConvGeometry& g, int64_t p) {
  Pixel pixel{};
  for (size_t d = 3; d-- > 0; p /= g.space[d].out) pixel.at[d] = p % g.space[d].out;
  pixel.image = p;
  return pixel;
}
void Advance(const ConvGeometry& g, Pixel* p) {
  for (size_t d = 3; d-- > 0;) {
    if (++p->at[d] < g.space[d].out) return;
    p->at[d] = 0;
  }
  ++p->image;
}

// Where tap k of window o lies; -1 if outside of the input.
int64_t TapAt(const SlideDim& d, int64_t o, int64_t k) {
  const int64_t i = o * d.stride - d.before + k * d.dilation;
  return i >= 0 && i < d.in ? i : -1;
}

// Calls inside(offset in the images, offset in the window, elements) for each run of channels of a
// window that lies inside the image, and outside(offset in the window, elements) for the rest.
template <typename Inside, typename Outside>
void ForWindow(const ConvGeometry& g, const Pixel& p, int64_t group, Inside inside,
               Outside outside) {
  const SlideDim &planes = g.space[0], &rows = g.space[1], &columns = g.space[2];
  const int64_t line = columns.size * g.filter_channels;
  int64_t to = 0;
  for (int64_t kz = 0; kz < planes.size; ++kz) {
    const int64_t z = TapAt(planes, p.at[0], kz);
    for (int64_t ky = 0; ky < rows.size; ++ky, to += line) {
      const int64_t y = TapAt(rows, p.at[1], ky);
      if (z < 0 || y < 0) {
        outside(to, line);
        continue;
      }
      const int64_t row = ((p.image * planes.in + z) * rows.in + y) * columns.in;
      if (columns.dilation == 1 && g.filter_channels == g.in_channels) {
        // Neighbouring pixels are one run.
        const int64_t x0 = p.at[2] * columns.stride - columns.before;
        const int64_t first = std::clamp<int64_t>(-x0, 0, columns.size);
        const int64_t last = std::clamp<int64_t>(columns.in - x0, first, columns.size);
        const int64_t depth = g.in_channels;
        if (first > 0) outside(to, first * depth);
        if (last > first)
          inside((row + x0 + first) * depth, to + first * depth, (last - first) * depth);
        if (last < columns.size) outside(to + last * depth, (columns.size - last) * depth);
        continue;
      }
      for (int64_t kx = 0; kx < columns.size; ++kx) {
        const int64_t x = TapAt(columns, p.at[2], kx), at = to + kx * g.filter_channels;
        if (x < 0)
          outside(at, g.filter_channels);
        else
          inside((row + x) * g.in_channels + group * g.filter_channels, at, g.filter_channels);
      }
    }
  }
}

// Calls visit(offset of the pixel's channels, number of the tap) for each tap that lies inside.
template <typename Visit>
void ForTaps(const ConvGeometry& g, const Pixel& p, Visit visit) {
  const SlideDim &planes = g.space[0], &rows = g.space[1], &columns = g.space[2];
  int64_t tap = 0;
  for (int64_t kz = 0; kz < planes.size; ++kz) {
    const int64_t z = TapAt(planes, p.at[0], kz);
    for (int64_t ky = 0; ky < rows.size; ++ky) {
      const int64_t y = TapAt(rows, p.at[1], ky);
      for (int64_t kx = 0; kx < columns.size; ++kx, ++tap) {
        const int64_t x = TapAt(columns, p.at[2], kx);
        if (z < 0 || y < 0 || x < 0) continue;
        visit((((p.image * planes.in + z) * rows.in + y) * columns.in + x) * g.in_channels, tap);
      }
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
         static_cast<double>(g.out_channels);
}

// Output pixels [begin, end).
template <typename T>
void ConvolveTile(const ConvGeometry& g, const T* x, const T* filter, int64_t begin, int64_t end,
                  T* tile, T* y) {
  const int64_t depth = g.group_out_channels();
  for (int64_t group = 0; group < g.groups(); ++group) {
    View<const T> rows = {x + begin * g.in_channels, g.in_channels};
    if (!g.is_pointwise()) {
      GatherWindows(g, x, group, begin, end, tile);
      rows = {tile, g.window()};
    }
    Multiply<T>(false, end - begin, depth, g.window(), rows,
                {filter + group * depth, g.out_channels},
                {y + begin * g.out_channels + group * depth, g.out_channels}, /*threads=*/1);
  }
}

// ---- depthwise: channel c makes output channels [c * m, c * m + m)
// -------------------------------

template <typename T>
inline void MultiplyAddLoop(const T* a, const T* b, int64_t n, T* sum) {
  for (int64_t i = 0; i < n; ++i)
    sum[i] = arithmetic::Add(sum[i], arithmetic::Multiply(a[i], b[i]));
}
template <typename T>
void MultiplyAdd(const T* a, const T* b, int64_t n, T* sum) {
  MultiplyAddLoop(a, b, n, sum);
}
WEFT_SIMD void MultiplyAdd(const float* a, const float* b, int64_t n, float* sum) {
  MultiplyAddLoop(a, b, n, sum);
}
WEFT_SIMD void MultiplyAdd(const double* a, const double* b, int64_t n, double* sum) {
  MultiplyAddLoop(a, b, n, sum);
}

double DepthwiseCost(const ConvGeometry& g) {
  return 0.3 * static_cast<double>(g.taps()) * static_cast<double>(g.out_channels);
}

template <typename T>
void DepthwisePixel(const ConvGeometry& g, const Pixel& p, const T* x, const T* filter, T* y) {
  const int64_t m = g.group_out_channels();
  std::fill_n(y, g.out_channels, T(0));
  ForTaps(g, p, [&](int64_t from, int64_t tap) {
    const T* taps = filter + tap * g.out_channels;
    if (m == 1) return MultiplyAdd(x + from, taps, g.out_channels, y);
    for (int64_t c = 0; c < g.in_channels; ++c) {
      const T value = x[from + c];
      for (int64_t q = c * m; q < (c + 1) * m; ++q)
        y[q] = arithmetic::Add(y[q], arithmetic::Multiply(value, taps[q]));
    }
  });
}

template <typename T>
void Depthwise(KernelContext& ctx, const ConvGeometry& g, const T* x, const T* filter, T* y) {
  ctx.ParallelFor(g.pixels(), DepthwiseCost(g), [&](int64_t begin, int64_t end) {
    Pixel p = PixelAt(g, begin);
    for (int64_t i = begin; i < end; ++i, Advance(g, &p))
      DepthwisePixel(g, p, x, filter, y + i * g.out_channels);
  });
}

template <typename T>
void DepthwiseBackInput(KernelContext& ctx, const ConvGeometry& g, const T* filter, const T* dy,
                        T* dx) {
  const int64_t m = g.group_out_channels(), pixels = g.out_pixels_of_image();
  // Windows overlap, so an image is one thread's.
  ctx.ParallelFor(g.batch, DepthwiseCost(g) * static_cast<double>(pixels),
                  [&](int64_t begin, int64_t end) {
                    Pixel p = PixelAt(g, begin * pixels);
                    for (int64_t i = begin * pixels; i < end * pixels; ++i, Advance(g, &p)) {
                      const T* out = dy + i * g.out_channels;
                      ForTaps(g, p, [&](int64_t to, int64_t tap) {
                        const T* taps = filter + tap * g.out_channels;
                        if (m == 1) return MultiplyAdd(out, taps, g.out_channels, dx + to);
                        for (int64_t c = 0; c < g.in_channels; ++c) {
                          T sum = dx[to + c];
                          for (int64_t q = c * m; q < (c + 1) * m; ++q)
                            sum = arithmetic::Add(sum, arithmetic::Multiply(out[q], taps[q]));
                          dx[to + c] = sum;
                        }
                      });
                    }
                  });
}

// Workers take images in turn and add up filters of their own.
template <typename T>
absl::Status DepthwiseBackFilter(KernelContext& ctx, const ConvGeometry& g, const T* x, const T* dy,
                                 T* dfilter) {
  const int64_t m = g.group_out_channels(), pixels = g.out_pixels_of_image();
  const int64_t workers = std::min<int64_t>(ctx.num_threads(), g.batch);
  const int64_t elements = g.taps() * g.out_channels;
  WEFT_ASSIGN_OR_RETURN(Array partial, ctx.AllocateTemp(dtype_of<T>, Shape({workers, elements})));
  T* const sums = partial.template mutable_data<T>();
  std::fill_n(sums, workers * elements, T(0));
  const double cost = DepthwiseCost(g) * static_cast<double>(pixels) *
                      static_cast<double>(g.batch) / static_cast<double>(workers);
  ctx.ParallelFor(workers, cost, [&](int64_t first, int64_t last) {
    for (int64_t w = first; w < last; ++w) {
      for (int64_t b = w; b < g.batch; b += workers) {
        Pixel p = PixelAt(g, b * pixels);
        for (int64_t i = b * pixels; i < (b + 1) * pixels; ++i, Advance(g, &p)) {
          const T* out = dy + i * g.out_channels;
          ForTaps(g, p, [&](int64_t from, int64_t tap) {
            T* to = sums + w * elements + tap * g.out_channels;
            if (m == 1) return MultiplyAdd(x + from, out, g.out_channels, to);
            for (int64_t c = 0; c < g.in_channels; ++c) {
              for (int64_t q = c * m; q < (c + 1) * m; ++q) to[q] += x[from + c] * out[q];
            }
          });
        }
      }
    }
  });
  for (int64_t w = 0; w < workers; ++w) {
    for (int64_t i = 0; i < elements; ++i) dfilter[i] += sums[w * elements + i];
  }
  return absl::OkStatus();
}

}  // namespace

template <typename T>
absl::Status Convolve(KernelContext& ctx, const ConvGeometry& g, const T* x, const T* filter,
                      T* y) {
  if (g.pixels() == 0 || g.out_channels == 0) return absl::OkStatus();
  if (g.is_depthwise()) {
    Depthwise(ctx, g, x, filter, y);
    return absl::OkStatus();
  }
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
  const int64_t image = g.image_elements(), pixels = g.out_pixels_of_image();
  std::fill_n(dx, g.batch * image, T(0));
  if (g.pixels() == 0 || image == 0 || g.out_channels == 0) return absl::OkStatus();
  if (g.is_depthwise()) {
    DepthwiseBackInput(ctx, g, filter, dy, dx);
    return absl::OkStatus();
  }
  // Windows overlap, so an image is one worker's.
  const int64_t step = TilePixels(g), workers = std::min<int64_t>(ctx.num_threads(), g.batch);
  const int threads = workers == 1 ? ctx.num_threads() : 1;
  const int64_t depth = g.group_out_channels();
  TileBuffers<T> buffers;
  WEFT_RETURN_IF_ERROR(buffers.Allocate(ctx, g, workers));
  const auto one_image = [&](int64_t b, T* tile) {
    for (int64_t begin = b * pixels; begin < (b + 1) * pixels; begin += step) {
      const int64_t end = std::min(begin + step, (b + 1) * pixels);
      for (int64_t group = 0; group < g.groups(); ++group) {
        Multiply<T>(true, end - begin, g.window(), depth,
                    {dy + begin * g.out_channels + group * depth, g.out_channels},
                    {filter + group * depth, g.out_channels}, {tile, g.window()}, threads);
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
  std::fill_n(dfilter, g.window() * g.out_channels, T(0));
  if (g.pixels() == 0 || g.window() == 0 || g.out_channels == 0) return absl::OkStatus();
  if (g.is_depthwise()) return DepthwiseBackFilter(ctx, g, x, dy, dfilter);
  const int64_t step = TilePixels(g), depth = g.group_out_channels();
  TileBuffers<T> buffers;
  if (!g.is_pointwise()) WEFT_RETURN_IF_ERROR(buffers.Allocate(ctx, g, 1));
  for (int64_t begin = 0; begin < g.pixels(); begin += step) {
    const int64_t end = std::min(begin + step, g.pixels());
    for (int64_t group = 0; group < g.groups(); ++group) {
      const T* rows = x + begin * g.in_channels;
      if (!g.is_pointwise()) {
        T* tile = buffers.tile(0);
        ctx.ParallelFor(
            end - begin, 0.3 * static_cast<double>(g.window()), [&](int64_t from, int64_t to) {
              GatherWindows(g, x, group, begin + from, begin + to, tile + from * g.window());
            });
        rows = tile;
      }
      Gemm(true, false, g.window(), depth, end - begin, rows, g.window(),
           dy + begin * g.out_channels + group * depth, g.out_channels, dfilter + group * depth,
           g.out_channels, ctx.num_threads(), /*accumulate=*/true);
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
