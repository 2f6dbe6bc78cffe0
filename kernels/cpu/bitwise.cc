// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <limits>
#include <type_traits>

#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/map.h"
#include "kernels/cpu/math_unary.h"

namespace weft {
namespace {

struct And {
  template <typename T>
  T operator()(T x, T y) const {
    return static_cast<T>(x & y);
  }
};
struct Or {
  template <typename T>
  T operator()(T x, T y) const {
    return static_cast<T>(x | y);
  }
};
struct Xor {
  template <typename T>
  T operator()(T x, T y) const {
    return static_cast<T>(x ^ y);
  }
};

// A shift by fewer than 0 bits is none, one by too many is by all bits but one.
template <typename T>
int ClampedShift(T bits) {
  constexpr int kMost = static_cast<int>(sizeof(T) * 8 - 1);
  if (bits < 0) return 0;
  return bits > static_cast<T>(kMost) ? kMost : static_cast<int>(bits);
}
struct ShiftLeft {
  template <typename T>
  T operator()(T x, T bits) const {
    return static_cast<T>(static_cast<std::make_unsigned_t<T>>(x) << ClampedShift(bits));
  }
};
struct ShiftRight {
  template <typename T>
  T operator()(T x, T bits) const {
    return static_cast<T>(x >> ClampedShift(bits));
  }
};

template <typename F, typename T>
void AddBinary(KernelRegistry& kernels, std::string_view op) {
  kernels.Add(op, kCpu, {{"T", dtype_of<T>}}, Elementwise<BinaryLoop<T, T, T, F>, T(T, T)>);
}

}  // namespace

void RegisterBitwiseKernels(KernelRegistry& k) {
  ForTypes<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>(
      [&]<typename T>() {
        AddBinary<And, T>(k, "BitwiseAnd");
        AddBinary<Or, T>(k, "BitwiseOr");
        AddBinary<Xor, T>(k, "BitwiseXor");
        AddBinary<ShiftLeft, T>(k, "LeftShift");
        AddBinary<ShiftRight, T>(k, "RightShift");
        AddMap<[](auto x) { return static_cast<decltype(x)>(~x); }, T>(k, "Invert");
        AddMapTo<[](auto x) {
          return static_cast<uint8_t>(
              std::popcount(static_cast<std::make_unsigned_t<decltype(x)>>(x)));
        },
                 uint8_t, T>(k, "PopulationCount");
      });
}

}  // namespace weft
