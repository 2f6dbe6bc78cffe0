// SPDX-License-Identifier: Apache-2.0
// Complex numbers, and casts between all dtypes.
// kernels: kernels/cpu/complex.cc, kernels/cpu/cast.cc   test: tests/ops/complex_cast_test.cc
#include <cmath>
#include <limits>
#include <numbers>

#include "src/core/strings.h"
#include "src/ops/math_unary.h"
#include "src/ops/op_scope.h"
#include "weft/core/complex.h"
#include "weft/core/error.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/basic.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_unary.h"

namespace weft {
namespace {

DataType PartType(DataType complex) { return complex == kComplex128 ? kFloat64 : kFloat32; }
DataType ComplexType(DataType part) { return part == kFloat64 ? kComplex128 : kComplex64; }

Tensor MakeComplex(NodeAdder& g, Tensor real, Tensor imag) {
  return g.Op("Complex", {real, imag}, {{"Tout", ComplexType(real.dtype())}});
}
Tensor PartOf(NodeAdder& g, const char* op, Tensor z) {
  return g.Op(op, {z}, {{"Tout", PartType(RemoveRef(z.dtype()))}});
}

// x: complex to y: the dtype of its parts.
OpDefBuilder&& PartOfComplex(OpDefBuilder&& op, const char* in, const char* out) {
  return std::move(op)
      .Input(std::string(in) + ": T")
      .Output(std::string(out) + ": Tout")
      .Attr("T: {complex64, complex128} = DT_COMPLEX64")
      .Attr("Tout: {float, double} = DT_FLOAT")
      .Shape(shape::SameAsInput);
}
OpDefBuilder&& InputToOutput(OpDefBuilder&& op) {
  return PartOfComplex(std::move(op), "input", "output");
}

void ComplexGradient(GradientContext& g) {
  const Tensor dz = g.dy(0);
  g.SetBroadcastDx(0, PartOf(g, "Real", dz), 1, PartOf(g, "Imag", dz));
}

// -dy / (imag + i real).
void AngleGradient(GradientContext& g) {
  const Tensor z = g.input(0), dy = g.dy(0);
  const Tensor real = PartOf(g, "Real", z), imag = PartOf(g, "Imag", z);
  const Tensor inverse = g.Op("Reciprocal", {MakeComplex(g, imag, real)});
  const Tensor complex_dy = MakeComplex(g, dy, g.ConstLike(0, dy));
  g.SetDx(0, g.Mul(g.Neg(complex_dy), inverse));
}

// dy z / |z|, 0 at 0.
void ComplexAbsGradient(GradientContext& g) {
  const Tensor dy = g.dy(0), y = g.output(0);
  const Tensor numerator = g.Mul(MakeComplex(g, dy, g.ZerosLike(dy)), g.input(0));
  g.SetDx(0, g.Op("DivNoNan", {numerator, MakeComplex(g, y, g.ZerosLike(y))}, {}, "div_no_nan"));
}

void CastGradient(GradientContext& g) {
  const auto flows = [](DataType t) {
    return t == kFloat16 || t == kFloat32 || t == kFloat64 || t == kBfloat16 || IsComplex(t);
  };
  const DataType from = RemoveRef(g.input(0).dtype());
  if (flows(from) && flows(g.dy(0).dtype())) g.SetDx(0, g.Cast(g.dy(0), from));
}

}  // namespace

void RegisterComplexOps(OpRegistry& ops) {
  ops.Add("Complex")
      .Summary("real + i imag.")
      .Input("real: T")
      .Input("imag: T")
      .Output("out: Tout")
      .Attr("T: {float, double} = DT_FLOAT")
      .Attr("Tout: {complex64, complex128} = DT_COMPLEX64")
      .Shape(shape::Broadcast)
      .Gradient(ComplexGradient);
  ops.Add("ComplexAbs")
      .Summary("The modulus of complex numbers.")
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& {
        return PartOfComplex(std::move(op), "x", "y");
      })
      .Gradient(ComplexAbsGradient);
  ops.Add("Real").Summary("The real part.").Apply(InputToOutput).Gradient([](GradientContext& g) {
    g.SetDx(0, MakeComplex(g, g.dy(0), g.ConstLike(0, g.dy(0))));
  });
  ops.Add("Imag")
      .Summary("The imaginary part.")
      .Apply(InputToOutput)
      .Gradient(
          [](GradientContext& g) { g.SetDx(0, MakeComplex(g, g.ConstLike(0, g.dy(0)), g.dy(0))); });
  ops.Add("Angle")
      .Summary("The argument of complex numbers, in (-pi, pi].")
      .Apply(InputToOutput)
      .Gradient(AngleGradient);
  ops.Add("Conj")
      .Summary("The complex conjugate.")
      .Input("input: T")
      .Output("output: T")
      .Attr("T: {complex64, complex128, variant} = DT_COMPLEX64")
      .Shape(shape::SameAsInput)
      .Gradient([](GradientContext& g) { g.SetDx(0, g.Op("Conj", {g.dy(0)})); });
  ops.Add("Cast")
      .Summary(
          "x in another dtype; see Cast in weft/ops/math_unary.h. Truncate: floats lose their low "
          "bits, unrounded.")
      .Input("x: SrcT")
      .Output("y: DstT")
      .Attr("SrcT: type")
      .Attr("DstT: type")
      .Attr("Truncate: bool = false")
      .Shape(shape::SameAsInput)
      .Gradient(CastGradient);
}

namespace {

Tensor ComplexPart(const char* op, const Input& x, const NameOptions& options) {
  return OpBuilder(op, options).In(x).Attr("Tout", PartType(x.dtype())).Output();
}

struct Limits {
  double lowest = 0, highest = 0;
};
template <typename T>
Limits LimitsOf() {
  return {static_cast<double>(std::numeric_limits<T>::lowest()),
          static_cast<double>(std::numeric_limits<T>::max())};
}
// Rounded to double, which matters for 64-bit integers only.
Limits LimitsOf(DataType t) {
  switch (t) {
    case kFloat16:
      return LimitsOf<half>();
    case kBfloat16:
      return LimitsOf<bfloat16>();
    case kFloat32:
      return LimitsOf<float>();
    case kFloat64:
      return LimitsOf<double>();
    case kInt8:
    case kQint8:
      return LimitsOf<int8_t>();
    case kInt16:
    case kQint16:
      return LimitsOf<int16_t>();
    case kInt32:
    case kQint32:
      return LimitsOf<int32_t>();
    case kInt64:
      return LimitsOf<int64_t>();
    case kUint8:
    case kQuint8:
      return LimitsOf<uint8_t>();
    case kUint16:
    case kQuint16:
      return LimitsOf<uint16_t>();
    case kUint32:
      return LimitsOf<uint32_t>();
    case kUint64:
      return LimitsOf<uint64_t>();
    default:
      ThrowError(Code::kInvalidArgument,
                 StrCat("SaturateCast: ", DTypeName(t), " has no range of real numbers"));
  }
}

// Bits of the significand of a floating dtype.
int Precision(DataType t) {
  return t == kFloat64 ? 53 : t == kFloat32 ? 24 : t == kFloat16 ? 11 : 8;
}

// The largest number of floating dtype `t` that is not above `limit`, an integer of `t`'s range.
double RoundedDown(double limit, DataType t) {
  int exponent;
  const double fraction = std::frexp(limit, &exponent);
  return std::ldexp(std::floor(std::ldexp(fraction, Precision(t))), exponent - Precision(t));
}

// A literal `bound` of the dtype of `value`.
Tensor Bounded(const char* op, Tensor value, double bound) {
  const Input literal =
      IsInteger(value.dtype()) ? Input(static_cast<int64_t>(bound)) : Input(bound);
  return OpBuilder(op, {}).In(value).In(literal).Output();
}

}  // namespace

Tensor Complex(const Input& real, const Input& imag, const NameOptions& options) {
  const DataType part = (real.is_tensor() || !imag.is_tensor() ? real : imag).dtype();
  return OpBuilder("Complex", options).In(real).In(imag).Attr("Tout", ComplexType(part)).Output();
}
Tensor Real(const Input& x, const NameOptions& options) {
  return IsComplex(x.dtype()) ? ComplexPart("Real", x, options) : AsTensor(x);
}
Tensor Imag(const Input& x, const NameOptions& options) {
  return IsComplex(x.dtype()) ? ComplexPart("Imag", x, options) : ZerosLike(x);
}
Tensor Angle(const Input& x, const NameOptions& options) {
  if (IsComplex(x.dtype())) return ComplexPart("Angle", x, options);
  OpScope scope(options.name, "Angle", {&x});
  const Tensor value = AsTensor(x);
  const Tensor negative = Less(value, 0);
  const Tensor pi = OpBuilder("Mul", {}, "mul").In(std::numbers::pi).In(OnesLike(value)).Output();
  return Where(negative, pi, ZerosLike(value));
}
Tensor Conj(const Input& x, const NameOptions& options) {
  return IsComplex(x.dtype()) ? OpBuilder("Conj", options).In(x).Output() : AsTensor(x);
}

Tensor Cast(const Input& x, DataType dtype, const NameOptions& options) {
  const DataType wanted = RemoveRef(dtype);
  if (x.dtype() == wanted) return AsTensor(x);
  return OpBuilder("Cast", options).In(x).Attr("DstT", wanted).Output();
}

Tensor SaturateCast(const Input& x, DataType dtype, const NameOptions& options) {
  OpScope scope(options.name, "saturate_cast", {&x});
  Tensor value = AsTensor(x);
  const DataType from = RemoveRef(value.dtype());
  const Limits have = LimitsOf(from), want = LimitsOf(RemoveRef(dtype));
  if (have.lowest < want.lowest) value = Bounded("Maximum", value, want.lowest);
  if (have.highest > want.highest) {
    const double highest = IsFloating(from) ? RoundedDown(want.highest, from) : want.highest;
    value = Bounded("Minimum", value, highest);
  }
  return Cast(value, dtype, scope.self());
}

}  // namespace weft
