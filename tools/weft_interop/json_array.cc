// SPDX-License-Identifier: Apache-2.0
#include "tools/weft_interop/json_array.h"

#include <cmath>
#include <complex>
#include <cstdint>
#include <cstdio>
#include <limits>

#include "absl/strings/escaping.h"
#include "src/core/strings.h"
#include "src/io/crc32c.h"
#include "tools/golden/container.h"
#include "weft/core/complex.h"

namespace weft::interop {
namespace {

using golden::Mismatch;

double Number(const Json& v) {
  if (v.is_number()) return v.get<double>();
  const std::string text = v.is_string() ? v.get<std::string>() : "";
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  throw Mismatch(StrCat("no number: ", v.dump()));
}

std::string Bytes(const Json& v) {
  if (v.is_string()) return v.get<std::string>();
  std::string bytes;
  if (!absl::Base64Unescape(Text(v, "base64"), &bytes)) throw Mismatch("bad base64");
  return bytes;
}

// -0 and 0 are different values here.
bool SameDouble(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b && std::signbit(a) == std::signbit(b);
}

std::complex<double> ComplexElement(const Array& a, int64_t i) {
  return a.dtype() == kComplex64 ? std::complex<double>(a.data<complex64>()[i])
                                 : a.data<complex128>()[i];
}

bool SameElement(const Array& got, int64_t i, const Json& want) {
  const DataType t = got.dtype();
  if (t == kString) return got.data<std::string>()[i] == Bytes(want);
  if (t == kBool) return got.data<bool>()[i] == want.get<bool>();
  if (t == kUint64) return got.data<uint64_t>()[i] == want.get<uint64_t>();
  if (IsComplex(t)) {
    const std::complex<double> z = ComplexElement(got, i);
    return SameDouble(z.real(), Number(want.at(0))) && SameDouble(z.imag(), Number(want.at(1)));
  }
  if (IsFloating(t)) return SameDouble(got.AsDouble(i), Number(want));
  return got.AsInt64(i) == want.get<int64_t>();
}

std::string Checksum(const Array& a) {
  uint32_t crc = 0;
  if (a.dtype() == kString) {
    for (int64_t i = 0; i < a.num_elements(); ++i) {
      const std::string& s = a.data<std::string>()[i];
      const uint64_t size = s.size();
      crc = io::Crc32cExtend(crc, &size, sizeof(size));
      crc = io::Crc32cExtend(crc, s.data(), s.size());
    }
  } else {
    crc = io::Crc32c(a.raw_data(), a.num_bytes());
  }
  char text[16];
  std::snprintf(text, sizeof(text), "%08x", crc);
  return text;
}

void CheckElements(const std::string& name, const Array& got, int64_t first, const Json& want) {
  for (size_t i = 0; i < want.size(); ++i) {
    if (!SameElement(got, first + static_cast<int64_t>(i), want[i]))
      throw Mismatch(StrCat(name, ": element ", first + static_cast<int64_t>(i), " should be ",
                            want[i].dump()));
  }
}

}  // namespace

void CheckArray(const std::string& name, const Array& got, const Json& want) {
  if (DTypeName(got.dtype()) != Text(want, "dtype"))
    throw Mismatch(
        StrCat(name, ": dtype is ", DTypeName(got.dtype()), ", expected ", Text(want, "dtype")));
  const auto dims = want.at("shape").get<std::vector<int64_t>>();
  if (!(got.shape() == Shape(dims)))
    throw Mismatch(
        StrCat(name, ": shape is ", got.shape().ToString(), ", expected ", Shape(dims).ToString()));
  if (const auto values = want.find("values"); values != want.end()) {
    if (static_cast<int64_t>(values->size()) != got.num_elements())
      throw Mismatch(StrCat(name, ": the number of elements differs"));
    CheckElements(name, got, 0, *values);
    return;
  }
  CheckElements(name, got, 0, want.at("first"));
  const Json& last = want.at("last");
  CheckElements(name, got, got.num_elements() - static_cast<int64_t>(last.size()), last);
  for (const char* key :
       {"crc32c_of_raw_little_endian_bytes", "crc32c_of_u64le_length_then_bytes"}) {
    const std::string crc = Text(want, key);
    if (!crc.empty() && crc != Checksum(got))
      throw Mismatch(
          StrCat(name, ": the checksum of all elements is ", Checksum(got), ", expected ", crc));
  }
}

}  // namespace weft::interop
