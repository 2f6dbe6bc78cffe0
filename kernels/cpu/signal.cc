// SPDX-License-Identifier: Apache-2.0
// Fourier transforms over the last one, two or three dimensions: FFT, IFFT, RFFT, IRFFT and so on.
#include "kernels/cpu/signal.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cpu/fourier.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

using Complex = Fourier::Complex;

// A block of the dimensions that are transformed, its last one fastest.
class Block {
 public:
  explicit Block(const std::vector<int64_t>& sizes) : sizes_(sizes) {
    for (const int64_t n : sizes) plans_.push_back(std::make_unique<Fourier>(n));
  }

  int64_t num_elements() const {
    int64_t n = 1;
    for (const int64_t size : sizes_) n *= size;
    return n;
  }

  // Along dimension d of x, whose last dimension has `last` elements.
  void Transform(size_t d, bool inverse, int64_t last, Complex* x,
                 std::vector<Complex>* scratch) const {
    int64_t before = 1, behind = 1;
    for (size_t k = 0; k < sizes_.size(); ++k) {
      const int64_t size = k + 1 == sizes_.size() ? last : sizes_[k];
      if (k < d) before *= size;
      if (k > d) behind *= size;
    }
    const Fourier& plan = *plans_[d];
    const int64_t n = plan.size();
    const auto run = [&](Complex* line) {
      if (inverse) {
        plan.Inverse(line, scratch);
      } else {
        plan.Forward(line, scratch);
      }
    };
    if (behind == 1) {
      for (int64_t b = 0; b < before; ++b) run(x + b * n);
      return;
    }
    std::vector<Complex> line(static_cast<size_t>(n));
    for (int64_t b = 0; b < before; ++b) {
      for (int64_t c = 0; c < behind; ++c) {
        Complex* first = x + b * n * behind + c;
        for (int64_t j = 0; j < n; ++j) line[static_cast<size_t>(j)] = first[j * behind];
        run(line.data());
        for (int64_t j = 0; j < n; ++j) first[j * behind] = line[static_cast<size_t>(j)];
      }
    }
  }

 private:
  const std::vector<int64_t> sizes_;
  std::vector<std::unique_ptr<Fourier>> plans_;
};

// Copies the corner of `from` [from_sizes...] that is as large as `to` [sizes...].
template <typename From, typename To>
void CopyCorner(const From* from, const std::vector<int64_t>& from_sizes, To* to,
                const std::vector<int64_t>& sizes) {
  const size_t rank = sizes.size();
  int64_t rows = 1;
  for (size_t d = 0; d + 1 < rank; ++d) rows *= sizes[d];
  const int64_t width = sizes[rank - 1];
  for (int64_t row = 0; row < rows; ++row) {
    int64_t place = 0, rest = row, stride = from_sizes[rank - 1];
    for (size_t d = rank - 1; d-- > 0;) {
      place += rest % sizes[d] * stride;
      rest /= sizes[d];
      stride *= from_sizes[d];
    }
    for (int64_t j = 0; j < width; ++j) to[row * width + j] = To(from[place + j]);
  }
}

// Rank 1 to 3 by the digit in the op's name.
int RankOf(const std::string& op) {
  if (op.ends_with("2D")) return 2;
  return op.ends_with("3D") ? 3 : 1;
}

std::vector<int64_t> LastDims(const Shape& s, int rank) {
  return {s.dims().end() - rank, s.dims().end()};
}

absl::Status CheckRank(KernelContext& ctx, int rank) {
  const Shape& s = ctx.input(0).shape();
  if (s.rank() >= rank) return absl::OkStatus();
  return ctx.InvalidArgument(
      StrCat("Input must have rank of at least ", rank, " but got: ", s.ToString()));
}

// A rough cost of a transform of n elements in nanoseconds.
double Cost(int64_t n) { return 100.0 + 30.0 * static_cast<double>(n); }

template <typename T>
class ComplexTransform final : public Kernel {
 public:
  explicit ComplexTransform(KernelConstruction& c)
      : rank_(RankOf(c.op())), inverse_(c.op().starts_with("I")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_RETURN_IF_ERROR(CheckRank(ctx, rank_));
    const Array& in = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, in.shape()));
    if (in.num_elements() == 0) return absl::OkStatus();
    const Block block(LastDims(in.shape(), rank_));
    const int64_t size = block.num_elements(), last = in.dim(in.rank() - 1);
    const T* from = in.data<T>();
    T* to = out->mutable_data<T>();
    ctx.ParallelFor(in.num_elements() / size, Cost(size), [&](int64_t begin, int64_t end) {
      std::vector<Complex> x(static_cast<size_t>(size)), scratch;
      for (int64_t i = begin; i < end; ++i) {
        for (int64_t j = 0; j < size; ++j) x[static_cast<size_t>(j)] = Complex(from[i * size + j]);
        for (size_t d = 0; d < static_cast<size_t>(rank_); ++d)
          block.Transform(d, inverse_, last, x.data(), &scratch);
        for (int64_t j = 0; j < size; ++j) to[i * size + j] = T(x[static_cast<size_t>(j)]);
      }
    });
    return absl::OkStatus();
  }

 private:
  const int rank_;
  const bool inverse_;
};

// Lengths, and what follows from them, of a real transform.
struct RealSizes {
  std::vector<int64_t> lengths;  // of the real side
  std::vector<int64_t> halves;   // of the complex side: the last one is half
  std::vector<int64_t> given;    // of the input, which may be larger
  Shape output;
};

absl::StatusOr<RealSizes> ReadSizes(KernelContext& ctx, int rank, bool forward) {
  WEFT_RETURN_IF_ERROR(CheckRank(ctx, rank));
  const Array &in = ctx.input(0), &lengths = ctx.input(1);
  if (lengths.rank() != 1 || lengths.dim(0) != rank)
    return ctx.InvalidArgument(StrCat("fft_length must have shape [", rank, "]"));
  RealSizes s;
  s.given = LastDims(in.shape(), rank);
  for (int d = 0; d < rank; ++d) {
    const int64_t n = lengths.data<int32_t>()[d];
    if (n < 0) return ctx.InvalidArgument(StrCat("fft_length[", d, "] must >= 0, but got: ", n));
    s.lengths.push_back(n);
    s.halves.push_back(d + 1 == rank && n > 0 ? n / 2 + 1 : n);
    const int64_t least = forward ? n : s.halves.back(), size = s.given[static_cast<size_t>(d)];
    if (size != 0 && size < least) {
      return ctx.InvalidArgument(StrCat("Input dimension ", in.rank() - rank + d,
                                        " must have length of at least ", least,
                                        " but got: ", size));
    }
  }
  std::vector<int64_t> dims(in.shape().dims().begin(), in.shape().dims().end() - rank);
  const std::vector<int64_t>& made = forward ? s.halves : s.lengths;
  dims.insert(dims.end(), made.begin(), made.end());
  std::string why;
  if (!Shape::Make(dims, &s.output, &why)) return ctx.InvalidArgument(why);
  return s;
}

int64_t Product(const std::vector<int64_t>& sizes) {
  int64_t n = 1;
  for (const int64_t size : sizes) n *= size;
  return n;
}

template <typename R, typename C>
class RealForward final : public Kernel {
 public:
  explicit RealForward(KernelConstruction& c) : rank_(RankOf(c.op())) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const RealSizes s, ReadSizes(ctx, rank_, true));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, s.output));
    const Array& in = ctx.input(0);
    C* to = out->mutable_data<C>();
    if (in.num_elements() == 0 || out->num_elements() == 0) {
      std::fill_n(to, out->num_elements(), C(0));
      return absl::OkStatus();
    }
    const Block block(s.lengths);
    const int64_t size = block.num_elements(), given = Product(s.given), made = Product(s.halves);
    const R* from = in.data<R>();
    ctx.ParallelFor(in.num_elements() / given, Cost(size), [&](int64_t begin, int64_t end) {
      std::vector<Complex> x(static_cast<size_t>(size)), half(static_cast<size_t>(made)), scratch;
      for (int64_t i = begin; i < end; ++i) {
        CopyCorner(from + i * given, s.given, x.data(), s.lengths);
        // The last dimension first: of the others only half is needed.
        block.Transform(s.lengths.size() - 1, false, s.lengths.back(), x.data(), &scratch);
        CopyCorner(x.data(), s.lengths, half.data(), s.halves);
        for (size_t d = s.lengths.size() - 1; d-- > 0;)
          block.Transform(d, false, s.halves.back(), half.data(), &scratch);
        std::transform(half.begin(), half.end(), to + i * made, [](Complex v) { return C(v); });
      }
    });
    return absl::OkStatus();
  }

 private:
  const int rank_;
};

template <typename R, typename C>
class RealInverse final : public Kernel {
 public:
  explicit RealInverse(KernelConstruction& c) : rank_(RankOf(c.op())) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const RealSizes s, ReadSizes(ctx, rank_, false));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, s.output));
    const Array& in = ctx.input(0);
    R* to = out->mutable_data<R>();
    if (in.num_elements() == 0 || out->num_elements() == 0) {
      std::fill_n(to, out->num_elements(), R(0));
      return absl::OkStatus();
    }
    const Block block(s.lengths);
    const int64_t size = block.num_elements(), given = Product(s.given), used = Product(s.halves);
    const C* from = in.data<C>();
    ctx.ParallelFor(in.num_elements() / given, Cost(size), [&](int64_t begin, int64_t end) {
      std::vector<Complex> half(static_cast<size_t>(used)), x(static_cast<size_t>(size)), scratch;
      for (int64_t i = begin; i < end; ++i) {
        CopyCorner(from + i * given, s.given, half.data(), s.halves);
        for (size_t d = 0; d + 1 < s.lengths.size(); ++d)
          block.Transform(d, true, s.halves.back(), half.data(), &scratch);
        Mirror(half, s, x.data());
        block.Transform(s.lengths.size() - 1, true, s.lengths.back(), x.data(), &scratch);
        std::transform(x.begin(), x.end(), to + i * size,
                       [](Complex v) { return static_cast<R>(v.real()); });
      }
    });
    return absl::OkStatus();
  }

 private:
  // The other half of each line is the conjugate of the one that is given.
  static void Mirror(const std::vector<Complex>& half, const RealSizes& s, Complex* x) {
    const int64_t n = s.lengths.back(), h = s.halves.back();
    const int64_t lines = static_cast<int64_t>(half.size()) / h;
    for (int64_t line = 0; line < lines; ++line) {
      const Complex* from = half.data() + line * h;
      Complex* to = x + line * n;
      std::copy_n(from, h, to);
      for (int64_t k = h; k < n; ++k) to[k] = std::conj(from[n - k]);
    }
  }

  const int rank_;
};

}  // namespace

void RegisterSignalKernels(KernelRegistry& kernels) {
  for (const char* op : {"FFT", "FFT2D", "FFT3D", "IFFT", "IFFT2D", "IFFT3D"}) {
    ForTypes<complex64, complex128>([&]<typename T>() {
      kernels.Add<ComplexTransform<T>>(op, kCpu, {{"Tcomplex", dtype_of<T>}});
    });
  }
  const KernelConstraints narrow = {{"Treal", kFloat32}, {"Tcomplex", kComplex64}};
  const KernelConstraints wide = {{"Treal", kFloat64}, {"Tcomplex", kComplex128}};
  for (const char* op : {"RFFT", "RFFT2D", "RFFT3D"}) {
    kernels.Add<RealForward<float, complex64>>(op, kCpu, narrow);
    kernels.Add<RealForward<double, complex128>>(op, kCpu, wide);
  }
  for (const char* op : {"IRFFT", "IRFFT2D", "IRFFT3D"}) {
    kernels.Add<RealInverse<float, complex64>>(op, kCpu, narrow);
    kernels.Add<RealInverse<double, complex128>>(op, kCpu, wide);
  }
  RegisterAudioKernels(kernels);
}

}  // namespace weft
