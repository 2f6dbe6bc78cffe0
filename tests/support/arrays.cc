// SPDX-License-Identifier: Apache-2.0
#include "tests/support/arrays.h"
#include "weft/core/complex.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <sstream>

namespace weft {
namespace {

std::string ElementText(const Array& a, int64_t i) {
  return a.Reshaped(Shape({a.num_elements()})).SliceRows(i, i + 1).Summarize(1);
}

std::complex<double> Value(const Array& a, int64_t i) {
  if (a.dtype() == kComplex64) return std::complex<double>(a.data<complex64>()[i]);
  if (a.dtype() == kComplex128) return a.data<complex128>()[i];
  return a.AsDouble(i);
}

// By how much `got` is outside of the tolerance, as a factor; > 1 fails.
double Excess(double got, double want, Tolerance tolerance) {
  if (got == want || (std::isnan(got) && std::isnan(want))) return 0;
  if (!std::isfinite(got) || !std::isfinite(want)) return HUGE_VAL;
  const double allowed = tolerance.absolute + tolerance.relative * std::abs(want);
  return allowed > 0 ? std::abs(got - want) / allowed : HUGE_VAL;
}

double Excess(const Array& got, const Array& want, int64_t i, Tolerance tolerance) {
  if (IsFloating(want.dtype()) || IsComplex(want.dtype())) {
    const std::complex<double> g = Value(got, i), w = Value(want, i);
    return std::max(Excess(g.real(), w.real(), tolerance), Excess(g.imag(), w.imag(), tolerance));
  }
  const Array a = got.Reshaped(Shape({got.num_elements()})).SliceRows(i, i + 1);
  const Array b = want.Reshaped(Shape({want.num_elements()})).SliceRows(i, i + 1);
  return a == b ? 0 : HUGE_VAL;
}

template <typename T>
void CastInto(const Array& from, Array* to) {
  for (int64_t i = 0; i < from.num_elements(); ++i) {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
      to->mutable_data<T>()[i] = static_cast<T>(from.AsInt64(i));
    else if constexpr (std::is_same_v<T, bool>)
      to->mutable_data<T>()[i] = from.AsDouble(i) != 0;
    else
      to->mutable_data<T>()[i] = T(from.AsDouble(i));
  }
}

}  // namespace

Tolerance DefaultTolerance(DataType dtype) {
  switch (dtype) {
    case kFloat64:
    case kComplex128:
      return {1e-12, 1e-13};
    case kFloat32:
    case kComplex64:
      return {1e-5, 1e-6};
    case kFloat16:
      return {2e-3, 1e-3};
    case kBfloat16:
      return {1e-2, 1e-2};
    default:
      return {};
  }
}

std::string IndexText(const Shape& shape, int64_t i) {
  std::string text;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    text = std::to_string(i % shape.dim(d)) + (text.empty() ? "" : ",") + text;
    i /= shape.dim(d);
  }
  return "[" + text + "]";
}

testing::AssertionResult ArraysNear(const Array& got, const Array& want, Tolerance tolerance) {
  if (!got.valid() || !want.valid()) {
    if (got.valid() == want.valid()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << (got.valid() ? "a value" : "no value") << ", wanted "
                                       << (want.valid() ? want.ToString() : "none");
  }
  if (got.dtype() != want.dtype() || !(got.shape() == want.shape())) {
    return testing::AssertionFailure()
           << DTypeName(got.dtype()) << got.shape().ToString() << ", wanted "
           << DTypeName(want.dtype()) << want.shape().ToString() << "\ngot\n"
           << got << "\nwanted\n"
           << want;
  }
  int64_t worst = -1, bad = 0;
  double most = 1;
  for (int64_t i = 0; i < want.num_elements(); ++i) {
    const double excess = Excess(got, want, i, tolerance);
    if (!(excess > 1)) continue;
    ++bad;
    if (worst >= 0 && !(excess > most)) continue;
    worst = i;
    most = excess;
  }
  if (worst < 0) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << bad << " of " << want.num_elements() << " elements differ; worst at "
         << IndexText(want.shape(), worst) << ": got " << ElementText(got, worst) << ", wanted "
         << ElementText(want, worst) << "\ngot\n"
         << got << "\nwanted\n"
         << want;
}

testing::AssertionResult ArraysEqual(const Array& got, const Array& want) {
  return ArraysNear(got, want, {});
}

Array CastArray(const Array& from, DataType to) {
  Array result(to, from.shape());
  switch (to) {
    case kFloat32:
      CastInto<float>(from, &result);
      break;
    case kFloat64:
      CastInto<double>(from, &result);
      break;
    case kFloat16:
      CastInto<half>(from, &result);
      break;
    case kBfloat16:
      CastInto<bfloat16>(from, &result);
      break;
    case kInt8:
      CastInto<int8_t>(from, &result);
      break;
    case kInt16:
      CastInto<int16_t>(from, &result);
      break;
    case kInt32:
      CastInto<int32_t>(from, &result);
      break;
    case kInt64:
      CastInto<int64_t>(from, &result);
      break;
    case kUint8:
      CastInto<uint8_t>(from, &result);
      break;
    case kUint16:
      CastInto<uint16_t>(from, &result);
      break;
    case kUint32:
      CastInto<uint32_t>(from, &result);
      break;
    case kUint64:
      CastInto<uint64_t>(from, &result);
      break;
    case kBool:
      CastInto<bool>(from, &result);
      break;
    case kComplex64:
      for (int64_t i = 0; i < from.num_elements(); ++i)
        result.mutable_data<complex64>()[i] = static_cast<float>(from.AsDouble(i));
      break;
    case kComplex128:
      for (int64_t i = 0; i < from.num_elements(); ++i)
        result.mutable_data<complex128>()[i] = from.AsDouble(i);
      break;
    default:
      ADD_FAILURE() << "CastArray to " << DTypeName(to);
  }
  return result;
}

}  // namespace weft
