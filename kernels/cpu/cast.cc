// SPDX-License-Identifier: Apache-2.0
// Cast between all pairs of plain dtypes: one loop a pair.
#include <bit>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/cpu/map.h"
#include "kernels/cpu/math_unary.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

template <typename T>
inline constexpr bool kIsComplex = false;
template <typename T>
inline constexpr bool kIsComplex<std::complex<T>> = true;

// Fractions are cut off. What does not fit in 32 (for wide types 64) bits, and NaN, becomes the
// most negative number, as x86's conversions have it; narrower types take the low bits of that.
template <typename To, typename From>
To IntegerOf(From x) {
  if constexpr (std::is_same_v<To, uint64_t>) {
    if (x >= From(0x1p63) && x < From(0x1p64)) return static_cast<uint64_t>(x);
    return static_cast<uint64_t>(IntegerOf<int64_t>(x));
  } else if constexpr (std::is_same_v<To, uint32_t>) {
    return static_cast<uint32_t>(IntegerOf<int64_t>(x));
  } else {
    using Wide = std::conditional_t<sizeof(To) == 8, int64_t, int32_t>;
    constexpr From kLowest = static_cast<From>(std::numeric_limits<Wide>::min());
    const From in_range = x >= kLowest && x < -kLowest ? x : kLowest;
    return static_cast<To>(static_cast<Wide>(in_range));
  }
}

template <typename To, typename From>
To Convert(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (kIsComplex<To> && kIsComplex<From>) {
    using Part = typename To::value_type;
    return To(static_cast<Part>(x.real()), static_cast<Part>(x.imag()));
  } else if constexpr (kIsComplex<From>) {
    return Convert<To>(x.real());
  } else if constexpr (kIsComplex<To>) {
    return To(Convert<typename To::value_type>(x), 0);
  } else if constexpr (kIsNarrow<From>) {
    return Convert<To>(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (kIsNarrow<To>) {
    return To(static_cast<float>(x));
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    return IntegerOf<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

// Bits of the significand.
template <typename T>
inline constexpr int kPrecision = std::numeric_limits<T>::digits;
template <>
inline constexpr int kPrecision<half> = 11;
template <>
inline constexpr int kPrecision<bfloat16> = 8;
template <typename T>
inline constexpr int kPrecision<std::complex<T>> = kPrecision<T>;

// x without the bits that To has no room for, so that conversion does not round up. NaN stays.
template <typename To, typename From>
From CutOff(From x) {
  if constexpr (kIsComplex<From>) {
    return From(CutOff<To>(x.real()), CutOff<To>(x.imag()));
  } else {
    using Bits = std::conditional_t<sizeof(From) == 8, uint64_t, uint32_t>;
    constexpr Bits kKept = ~Bits{0} << (kPrecision<From> - kPrecision<To>);
    constexpr Bits kInfinity = std::bit_cast<Bits>(std::numeric_limits<From>::infinity());
    // Told by its bits: from isnan() GCC 12 concludes at -O1 that the others stay as they are, too.
    const Bits bits = std::bit_cast<Bits>(x);
    const bool is_nan = (bits & (~Bits{0} >> 1)) > kInfinity;
    return std::bit_cast<From>(is_nan ? bits : bits & kKept);
  }
}

template <typename From, typename To>
void CastLoop(const void* x, void* y, int64_t n) {
  const From* in = static_cast<const From*>(x);
  To* out = static_cast<To*>(y);
  if constexpr (kIsNarrow<From> && std::is_same_v<To, float>) {
    Widen(in, out, n);
  } else if constexpr (kIsNarrow<To> && std::is_same_v<From, float>) {
    Narrow(in, out, n);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = Convert<To>(in[i]);
  }
}
template <typename From, typename To>
void CutOffLoop(const void* x, void* y, int64_t n) {
  const From* in = static_cast<const From*>(x);
  To* out = static_cast<To*>(y);
  for (int64_t i = 0; i < n; ++i) out[i] = Convert<To>(CutOff<To>(in[i]));
}

template <typename From, typename To>
MapLoop LoopFor(bool truncate) {
  constexpr bool kFromReal = std::is_floating_point_v<From> || kIsComplex<From>;
  constexpr bool kToReal = std::is_floating_point_v<To> || kIsNarrow<To> || kIsComplex<To>;
  if constexpr (kFromReal && kToReal && kPrecision<To> < kPrecision<From>) {
    if (truncate) return CutOffLoop<From, To>;
  }
  return CastLoop<From, To>;
}

// A quantized integer is cast as the integer that it is stored as.
DataType Stored(DataType t) {
  switch (t) {
    case kQint8:
      return kInt8;
    case kQuint8:
      return kUint8;
    case kQint16:
      return kInt16;
    case kQuint16:
      return kUint16;
    case kQint32:
      return kInt32;
    default:
      return t;
  }
}

// f.operator()<T>() for the type of a dtype that can be cast; nullptr for others.
template <typename F>
MapLoop WithCastable(DataType t, F f) {
  switch (t) {
    case kBool:
      return f.template operator()<bool>();
    case kUint8:
      return f.template operator()<uint8_t>();
    case kUint16:
      return f.template operator()<uint16_t>();
    case kUint32:
      return f.template operator()<uint32_t>();
    case kUint64:
      return f.template operator()<uint64_t>();
    case kInt8:
      return f.template operator()<int8_t>();
    case kInt16:
      return f.template operator()<int16_t>();
    case kInt32:
      return f.template operator()<int32_t>();
    case kInt64:
      return f.template operator()<int64_t>();
    case kFloat16:
      return f.template operator()<half>();
    case kBfloat16:
      return f.template operator()<bfloat16>();
    case kFloat32:
      return f.template operator()<float>();
    case kFloat64:
      return f.template operator()<double>();
    case kComplex64:
      return f.template operator()<complex64>();
    case kComplex128:
      return f.template operator()<complex128>();
    default:
      return nullptr;
  }
}

class CastKernel : public Kernel {
 public:
  explicit CastKernel(KernelConstruction& c) {
    const DataType from = c.Attr<DataType>("SrcT"), to = c.Attr<DataType>("DstT");
    same_ = from == to;
    if (same_) return;
    const bool truncate = c.AttrOr<bool>("Truncate", false);
    loop_ = WithCastable(Stored(from), [&]<typename From>() {
      return WithCastable(Stored(to), [&]<typename To>() { return LoopFor<From, To>(truncate); });
    });
    if (!loop_ && c.status().ok()) {
      c.Fail(absl::UnimplementedError(
          StrCat("Cast ", DTypeOpName(from), " to ", DTypeOpName(to), " is not supported")));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    if (!same_) return RunMap(ctx, loop_, 1);
    ctx.set_output(0, ctx.input(0));
    return absl::OkStatus();
  }

 private:
  bool same_ = false;
  MapLoop loop_ = nullptr;
};

}  // namespace

void RegisterCastKernels(KernelRegistry& kernels) { kernels.Add<CastKernel>("Cast", kCpu, {}); }

}  // namespace weft
