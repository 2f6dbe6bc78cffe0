// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/signal.h"

namespace weft::signal {
namespace {

Tensor Transformed(const char* op, const Input& input, const NameOptions& o) {
  return OpBuilder(op, o)
      .In(input)
      .Attr("Tcomplex", input.dtype() == kComplex128 ? kComplex128 : kComplex64)
      .Output();
}

// The signal's sizes along the last `rank` dimensions; backwards the last one is 2 (n - 1).
Tensor OwnLength(const Tensor& x, int rank, bool is_inverse) {
  const PartialShape& s = x.shape();
  if (s.known_rank() && s.rank() >= rank) {
    std::vector<int32_t> sizes;
    bool all_known = true;
    for (int d = s.rank() - rank; d < s.rank(); ++d) {
      all_known &= s.dim(d) >= 0;
      const bool is_half = is_inverse && d + 1 == s.rank();
      const int64_t size = is_half ? std::max<int64_t>(0, 2 * (s.dim(d) - 1)) : s.dim(d);
      sizes.push_back(static_cast<int32_t>(size));
    }
    if (all_known) return Constant(Array::FromVector(sizes), "fft_length");
  }
  const Tensor sizes = internal::SliceOf(ShapeOf(x), {-rank}, {0}, "end_mask");
  if (!is_inverse) return sizes;
  std::vector<int32_t> factors(static_cast<size_t>(rank), 1), terms(static_cast<size_t>(rank), 0);
  factors.back() = 2;
  terms.back() = 2;
  const Tensor lengths =
      internal::Minus(internal::Times(sizes, Array::FromVector(factors)), Array::FromVector(terms));
  return Maximum(lengths, 0);
}

Tensor RealTransform(const char* op, const char* scope_name, const Input& input, int rank,
                     const RealFftOptions& o) {
  const OpScope scope(o.name, scope_name, {&input});
  const bool is_inverse = op[0] == 'I';
  const Tensor x = AsTensor(input);
  const DataType dtype = RemoveRef(x.dtype());
  const bool is_double = dtype == kFloat64 || dtype == kComplex128;
  const Tensor length = o.fft_length ? AsTensor(o.fft_length->AsInput("fft_length"), kInt32)
                                     : OwnLength(x, rank, is_inverse);
  return OpBuilder(op, scope.self())
      .In(x)
      .In(length)
      .Attr("Treal", is_double ? kFloat64 : kFloat32)
      .Attr("Tcomplex", is_double ? kComplex128 : kComplex64)
      .Output();
}

// a - b cos(2 pi i / n).
Tensor RaisedCosine(const char* name, double a, double b, int64_t length, const WindowOptions& o) {
  if (length < 1) {
    ThrowError(Code::kInvalidArgument, StrCat("window_length must be positive, not ", length));
  }
  const OpScope scope(o.name, name, Graph::Default());
  const int64_t even = length % 2 == 0 ? 1 : 0;
  const int64_t n = length + (o.periodic ? even : 0) - 1;
  std::vector<double> values;
  for (int64_t i = 0; i < length; ++i) {
    const double angle =
        n == 0 ? 0 : 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n);
    values.push_back(length == 1 ? 1 : a - b * std::cos(angle));
  }
  const Tensor window = Constant(Array::FromVector(values), "window");
  return o.dtype == kFloat64 ? window : Cast(window, o.dtype);
}

}  // namespace

Tensor Fft(const Input& x, const NameOptions& o) { return Transformed("FFT", x, o); }
Tensor Ifft(const Input& x, const NameOptions& o) { return Transformed("IFFT", x, o); }
Tensor Fft2d(const Input& x, const NameOptions& o) { return Transformed("FFT2D", x, o); }
Tensor Ifft2d(const Input& x, const NameOptions& o) { return Transformed("IFFT2D", x, o); }
Tensor Fft3d(const Input& x, const NameOptions& o) { return Transformed("FFT3D", x, o); }
Tensor Ifft3d(const Input& x, const NameOptions& o) { return Transformed("IFFT3D", x, o); }

Tensor Rfft(const Input& x, const RealFftOptions& o) {
  return RealTransform("RFFT", "rfft", x, 1, o);
}
Tensor Irfft(const Input& x, const RealFftOptions& o) {
  return RealTransform("IRFFT", "irfft", x, 1, o);
}
Tensor Rfft2d(const Input& x, const RealFftOptions& o) {
  return RealTransform("RFFT2D", "rfft2d", x, 2, o);
}
Tensor Irfft2d(const Input& x, const RealFftOptions& o) {
  return RealTransform("IRFFT2D", "irfft2d", x, 2, o);
}

Tensor HannWindow(int64_t window_length, const WindowOptions& o) {
  return RaisedCosine("hann_window", 0.5, 0.5, window_length, o);
}
Tensor HammingWindow(int64_t window_length, const WindowOptions& o) {
  return RaisedCosine("hamming_window", 0.54, 0.46, window_length, o);
}

Tensor Frame(const Input& signal, int64_t frame_length, int64_t frame_step, const FrameOptions& o) {
  if (frame_length < 1 || frame_step < 1) {
    ThrowError(Code::kInvalidArgument, StrCat("frame_length and frame_step must be positive, not ",
                                              frame_length, " and ", frame_step));
  }
  const OpScope scope(o.name, "frame", {&signal});
  Tensor x = AsTensor(signal);
  const PartialShape& shape = x.shape();
  if (!shape.known_rank() || shape.rank() < 1) {
    ThrowError(Code::kInvalidArgument, "the rank of the signal must be known, and 1 or more");
  }
  const int last = shape.rank() - 1;
  const int32_t length = static_cast<int32_t>(frame_length),
                step = static_cast<int32_t>(frame_step);
  const Tensor samples = internal::SliceOf(ShapeOf(x), {-1}, {0}, "shrink_axis_mask");
  Tensor frames;
  if (o.pad_end) {
    frames = FloorDiv(internal::Plus(samples, step - 1), step);
    const Tensor needed =
        internal::Plus(internal::Times(Maximum(internal::Minus(frames, 1), 0), step), length);
    const Tensor missing = Maximum(internal::Minus(needed, samples), 0);
    const Tensor row = ExpandDims(Stack({Input(0), missing}), 0);
    const Tensor paddings = last == 0 ? row : Concat({Zeros({last, 2}, kInt32), row}, 0);
    x = Pad(x, paddings, {.constant_values = AsTensor(o.pad_value, RemoveRef(x.dtype()))});
  } else {
    frames = Maximum(internal::Plus(FloorDiv(internal::Minus(samples, length), step), 1), 0);
  }
  const Tensor starts = ExpandDims(internal::Times(Range(0, frames, 1), step), 1);
  const Tensor offsets = ExpandDims(Range(0, length, 1), 0);
  const Tensor framed = Gather(x, internal::Plus(starts, offsets), {.axis = last});
  PartialShape known = shape;
  int64_t count = kUnknownDim;
  if (shape.dim(last) >= 0) {
    count = o.pad_end
                ? (shape.dim(last) + step - 1) / step
                : std::max<int64_t>(
                      0, shape.dim(last) < length ? 0 : (shape.dim(last) - length) / step + 1);
  }
  known.set_dim(last, count);
  known.AddDim(frame_length);
  return EnsureShape(framed, known);
}

Tensor Stft(const Input& signals, int64_t frame_length, int64_t frame_step, const StftOptions& o) {
  const OpScope scope(o.name, "stft", {&signals});
  int64_t fft_length = o.fft_length;
  if (fft_length == 0) {
    fft_length = 1;
    while (fft_length < frame_length) fft_length *= 2;
  }
  Tensor framed = Frame(signals, frame_length, frame_step, {.pad_end = o.pad_end});
  if (o.window) framed = Multiply(framed, o.window(frame_length, RemoveRef(framed.dtype())));
  return Rfft(framed, {.fft_length = IntList{fft_length}});
}

}  // namespace weft::signal
