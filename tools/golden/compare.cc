// SPDX-License-Identifier: Apache-2.0
#include "tools/golden/compare.h"

#include <cmath>
#include <complex>

#include "src/core/strings.h"
#include "weft/core/complex.h"

namespace weft::golden {
namespace {

using Complex = std::complex<double>;

Complex Element(const Array& a, int64_t i) {
  if (a.dtype() == kComplex64) return Complex(a.data<complex64>()[i]);
  if (a.dtype() == kComplex128) return a.data<complex128>()[i];
  return {a.AsDouble(i), 0};
}

bool ClosePart(double got, double want, double bound) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
  if (std::isinf(want) || std::isinf(got)) return got == want;
  return std::abs(got - want) <= bound;
}

bool Close(Complex got, Complex want, const Tolerance& t) {
  const bool finite = std::isfinite(want.real()) && std::isfinite(want.imag()) &&
                      std::isfinite(got.real()) && std::isfinite(got.imag());
  if (finite) return std::abs(got - want) <= t.atol + t.rtol * std::abs(want);
  return ClosePart(got.real(), want.real(), t.atol + t.rtol * std::abs(want.real())) &&
         ClosePart(got.imag(), want.imag(), t.atol + t.rtol * std::abs(want.imag()));
}

// Index of the first element that differs, -1 if none does.
int64_t FirstDifference(const Array& got, const Array& want, const Tolerance& t, int64_t* count) {
  int64_t first = -1;
  const bool inexact = IsFloating(want.dtype()) || IsComplex(want.dtype());
  for (int64_t i = 0; i < want.num_elements(); ++i) {
    bool same = false;
    if (want.dtype() == kString)
      same = got.data<std::string>()[i] == want.data<std::string>()[i];
    else if (inexact)
      same = Close(Element(got, i), Element(want, i), t);
    else if (want.dtype() == kUint64)
      same = got.data<uint64_t>()[i] == want.data<uint64_t>()[i];
    else
      same = t.atol >= 1
                 ? std::abs(got.AsInt64(i) - want.AsInt64(i)) <= static_cast<int64_t>(t.atol)
                 : got.AsInt64(i) == want.AsInt64(i);
    if (same) continue;
    if (first < 0) first = i;
    ++*count;
  }
  return first;
}

std::string ElementText(const Array& a, int64_t i) {
  if (a.dtype() == kString) return "'" + a.data<std::string>()[i] + "'";
  if (IsComplex(a.dtype())) return StrCat(Element(a, i).real(), "+", Element(a, i).imag(), "j");
  if (IsFloating(a.dtype())) return StrCat(a.AsDouble(i));
  return StrCat(a.AsInt64(i));
}

}  // namespace

std::string Compare(const Array& got, const Array& want, const Tolerance& tolerance) {
  if (!got.valid()) return "no value";
  if (got.dtype() != want.dtype())
    return StrCat("dtype is ", DTypeName(got.dtype()), ", expected ", DTypeName(want.dtype()));
  if (!(got.shape() == want.shape()))
    return StrCat("shape is ", got.shape().ToString(), ", expected ", want.shape().ToString());
  if (!IsPlain(want.dtype()) && want.dtype() != kString) return "";
  int64_t count = 0;
  const int64_t i = FirstDifference(got, want, tolerance, &count);
  if (i < 0) return "";
  return StrCat("element ", i, " is ", ElementText(got, i), ", expected ", ElementText(want, i),
                " (", count, " of ", want.num_elements(), " differ; rtol ", tolerance.rtol,
                ", atol ", tolerance.atol, ")");
}

}  // namespace weft::golden
