// SPDX-License-Identifier: Apache-2.0
// Fourier transforms over the last one, two or three dimensions, and spectra of sounds.
// kernels: kernels/cpu/signal.cc, signal_audio.cc   test: tests/ops/signal_test.cc
#include <string>
#include <utility>
#include <vector>

#include "src/core/strings.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

// ---- shapes ----

absl::Status ComplexShape(ShapeContext& c, int rank) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.WithRankAtLeast(c.input(0), rank));
  c.set_output(0, in);
  return absl::OkStatus();
}

// The last `rank` sizes are the lengths; the last one of a forward transform is half.
absl::Status RealShape(ShapeContext& c, int rank, bool forward) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.WithRankAtLeast(c.input(0), rank));
  WEFT_ASSIGN_OR_RETURN(const PartialShape lengths, c.InputWithRank(1, 1));
  WEFT_RETURN_IF_ERROR(c.MergeDim(lengths.dim(0), rank).status());
  if (!out.known_rank()) return shape::Unknown(c);
  const Array* known = c.input_constant(1);
  for (int d = 0; d < rank; ++d) {
    int64_t size = known == nullptr ? kUnknownDim : known->AsInt64(d);
    if (known != nullptr && size < 0) {
      return absl::InvalidArgumentError(StrCat("fft_length[", d, "] must be >= 0, but is ", size));
    }
    if (forward && d + 1 == rank && size > 0) size = size / 2 + 1;
    out.set_dim(d - rank, size);
  }
  c.set_output(0, out);
  return absl::OkStatus();
}

absl::Status SpectrogramShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.InputWithRank(0, 2));
  const int64_t window = c.Attr<int64_t>("window_size"), stride = c.Attr<int64_t>("stride");
  if (window < 2 || window > int64_t{1} << 28 || stride < 1) {
    return absl::InvalidArgumentError(
        StrCat("window size ", window, " and stride ", stride, " are no spectrogram's"));
  }
  int64_t length = 1;
  while (length < window) length *= 2;
  int64_t slices = in.dim(0);
  if (slices >= 0) slices = slices < window ? 0 : 1 + (slices - window) / stride;
  c.set_output(0, PartialShape({in.dim(1), slices, 1 + length / 2}));
  return absl::OkStatus();
}

absl::Status MfccShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.InputWithRank(0, 3));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  const int64_t coefficients = c.Attr<int64_t>("dct_coefficient_count");
  if (coefficients < 1) {
    return absl::InvalidArgumentError(
        StrCat("dct_coefficient_count must be positive, not ", coefficients));
  }
  c.set_output(0, PartialShape({in.dim(0), in.dim(1), coefficients}));
  return absl::OkStatus();
}

// ---- gradients ----

int RankOf(const std::string& op) {
  if (op.ends_with("2D")) return 2;
  return op.ends_with("3D") ? 3 : 1;
}

// The number of elements that are transformed together, as a complex number.
Tensor SizeOfBlock(GradientContext& g, Tensor x, int rank) {
  const Tensor sizes =
      g.Op("StridedSlice", {g.Shape(x), g.ConstInts({-rank}), g.ConstInts({0}), g.ConstInts({1})},
           {{"end_mask", int64_t{1}}}, "strided_slice");
  return g.Op("Prod", {sizes, g.ConstInts({0})}, {{"keep_dims", false}});
}

// The transform's matrix is symmetric: its adjoint is the other transform, but for the scale.
void ForwardGradient(GradientContext& g) {
  const Tensor dy = g.dy(0), size = g.Cast(SizeOfBlock(g, dy, RankOf(g.op().type())), dy.dtype());
  g.SetDx(0, g.Mul(g.Op("I" + g.op().type(), {dy}), size));
}
void InverseGradient(GradientContext& g) {
  const std::string forward = g.op().type().substr(1);
  const Tensor dy = g.dy(0), size = g.Cast(SizeOfBlock(g, dy, RankOf(forward)), dy.dtype());
  g.SetDx(0, g.Div(g.Op(forward, {dy}), size));
}

// For each element of the half spectrum of a real signal: `alone` where it has no twin in the other
// half (the first, and the last one of an even length), else `paired`.
Tensor TwinWeights(GradientContext& g, Tensor lengths, double alone, double paired, DataType real) {
  const Tensor n =
      g.Op("StridedSlice", {lengths, g.ConstInts({-1}), g.ConstInts({0}), g.ConstInts({1})},
           {{"shrink_axis_mask", int64_t{1}}}, "strided_slice");
  const Tensor count = g.Add(g.Op("FloorDiv", {n, g.ConstInt(2)}, {}, "floordiv"), g.ConstInt(1));
  const Tensor k = g.Op("Range", {g.ConstInt(0), count, g.ConstInt(1)}, {}, "range");
  const Tensor rest = g.Op("FloorMod", {g.Mul(k, g.ConstInt(2)), n}, {}, "floormod");
  const Tensor is_alone = g.Op("Equal", {rest, g.ConstInt(0)});
  const Tensor dims = g.Shape(k);
  return g.Op("Select", {is_alone, g.Op("Fill", {dims, g.ConstOf(real, alone)}),
                         g.Op("Fill", {dims, g.ConstOf(real, paired)})});
}

// d with zeros behind it: as large as x, of which the op took only the first elements.
Tensor PadTo(GradientContext& g, Tensor d, Tensor x) {
  const PartialShape have = d.shape(), want = x.shape();
  if (have.IsFullyKnown() && want.IsFullyKnown() && have == want) return d;
  const Tensor missing = g.Sub(g.Shape(x), g.Shape(d));
  const Tensor paddings =
      g.Op("Pack", {g.ZerosLike(missing), missing}, {{"axis", int64_t{1}}}, "stack");
  return g.Op("Pad", {d, paddings});
}

DataType RealOf(DataType complex) { return complex == kComplex64 ? kFloat32 : kFloat64; }

Tensor CountOf(GradientContext& g, Tensor lengths, DataType dtype) {
  return g.Cast(g.Op("Prod", {lengths, g.ConstInts({0})}, {{"keep_dims", false}}), dtype);
}

// dx[j] = Re sum of dy[k] exp(2 pi i j k / n) over the half spectrum. The inverse transform counts
// each pair of twins twice, and divides by n.
void RealForwardGradient(GradientContext& g) {
  const Tensor dy = g.dy(0), lengths = g.input(1);
  const DataType real = RealOf(dy.dtype());
  const Tensor weights = g.Cast(TwinWeights(g, lengths, 1, 0.5, real), dy.dtype());
  const Tensor sum = g.Op("I" + g.op().type(), {g.Mul(dy, weights), lengths}, {{"Treal", real}});
  g.SetDx(0, PadTo(g, g.Mul(sum, CountOf(g, lengths, real)), g.input(0)));
}

void RealInverseGradient(GradientContext& g) {
  const Tensor dy = g.dy(0), lengths = g.input(1);
  const DataType complex = g.input(0).dtype(), real = RealOf(complex);
  const Tensor spectrum = g.Op(g.op().type().substr(1), {dy, lengths}, {{"Tcomplex", complex}});
  const Tensor weights = g.Div(TwinWeights(g, lengths, 1, 2, real), CountOf(g, lengths, real));
  g.SetDx(0, PadTo(g, g.Mul(spectrum, g.Cast(weights, complex)), g.input(0)));
}

// ---- schemas ----

void RegisterTransforms(OpRegistry& ops, int rank, const std::string& digits,
                        const std::string& over) {
  const auto complex_transform = [&](OpDefBuilder&& op) -> OpDefBuilder&& {
    return std::move(op)
        .Input("input: Tcomplex")
        .Output("output: Tcomplex")
        .Attr("Tcomplex: {complex64, complex128} = DT_COMPLEX64")
        .Shape([rank](ShapeContext& c) { return ComplexShape(c, rank); });
  };
  const auto real_transform = [](OpDefBuilder&& op) -> OpDefBuilder&& {
    return std::move(op)
        .Attr("Treal: {float, double} = DT_FLOAT")
        .Attr("Tcomplex: {complex64, complex128} = DT_COMPLEX64");
  };
  ops.Add("FFT" + digits)
      .Summary("The discrete Fourier transform over the last " + over + ".")
      .Apply(complex_transform)
      .Gradient(ForwardGradient);
  ops.Add("IFFT" + digits)
      .Summary("The inverse discrete Fourier transform over the last " + over + ".")
      .Apply(complex_transform)
      .Gradient(InverseGradient);
  ops.Add("RFFT" + digits)
      .Summary("The non-negative frequencies of a real signal over the last " + over + ".")
      .Input("input: Treal")
      .Input("fft_length: int32")
      .Output("output: Tcomplex")
      .Apply(real_transform)
      .Shape([rank](ShapeContext& c) { return RealShape(c, rank, true); })
      .Gradient(RealForwardGradient);
  ops.Add("IRFFT" + digits)
      .Summary("The real signal over the last " + over + " of its non-negative frequencies.")
      .Input("input: Tcomplex")
      .Input("fft_length: int32")
      .Output("output: Treal")
      .Apply(real_transform)
      .Shape([rank](ShapeContext& c) { return RealShape(c, rank, false); })
      .Gradient(RealInverseGradient);
}

}  // namespace

void RegisterSignalOps(OpRegistry& ops) {
  RegisterTransforms(ops, 1, "", "dimension");
  RegisterTransforms(ops, 2, "2D", "two dimensions");
  RegisterTransforms(ops, 3, "3D", "three dimensions");
  ops.Add("AudioSpectrogram")
      .Summary("Magnitudes of the frequencies of windows of a sound, for each channel.")
      .Input("input: float")
      .Output("spectrogram: float")
      .Attr("window_size: int")
      .Attr("stride: int")
      .Attr("magnitude_squared: bool = false")
      .Shape(SpectrogramShape);
  ops.Add("Mfcc")
      .Summary("Mel frequency cepstral coefficients of spectrograms of squared magnitudes.")
      .Input("spectrogram: float")
      .Input("sample_rate: int32")
      .Output("output: float")
      .Attr("upper_frequency_limit: float = 4000")
      .Attr("lower_frequency_limit: float = 20")
      .Attr("filterbank_channel_count: int = 40")
      .Attr("dct_coefficient_count: int = 13")
      .Shape(MfccShape);
}

}  // namespace weft
