// SPDX-License-Identifier: Apache-2.0
// Sums, products and quotients of two operands with broadcasting.
#include "kernels/cpu/math_binary.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>

#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/tile_loops.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

template <typename T>
inline constexpr bool kIsHalf = std::is_same_v<T, half> || std::is_same_v<T, bfloat16>;
template <typename T>
inline constexpr bool kIsComplex = std::is_same_v<T, complex64> || std::is_same_v<T, complex128>;

// What arithmetic is done in: float for 16-bit floats, unsigned for integers (they wrap), T itself
// otherwise.
template <typename T>
auto Wide(const T& x) {
  if constexpr (kIsHalf<T>)
    return static_cast<float>(x);
  else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    using Unsigned = std::make_unsigned_t<T>;
    // Types narrower than int would be promoted to (signed) int, whose product may overflow.
    return static_cast<std::conditional_t<sizeof(T) < 4, uint32_t, Unsigned>>(x);
  } else
    return x;
}

struct Plus {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    return static_cast<T>(Wide(x) + Wide(y));
  }
};
struct Minus {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    return static_cast<T>(Wide(x) - Wide(y));
  }
};
struct Times {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    return static_cast<T>(Wide(x) * Wide(y));
  }
};
struct Over {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    if constexpr (std::is_integral_v<T>) {
      // The one quotient that does not fit wraps around.
      if constexpr (std::is_signed_v<T>) {
        if (y == T(-1)) return static_cast<T>(Wide(T(0)) - Wide(x));
      }
      return static_cast<T>(x / y);
    } else {
      return static_cast<T>(Wide(x) / Wide(y));
    }
  }
};
struct OverNoNan {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    return Wide(y) == decltype(Wide(y))(0) ? T(0.0f) : Over()(x, y);
  }
};
struct TimesNoNan {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    return Wide(y) == decltype(Wide(y))(0) ? T(0.0f) : Times()(x, y);
  }
};
struct FloorOver {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    if constexpr (std::is_integral_v<T>) {
      const T q = Over()(x, y);
      if constexpr (std::is_signed_v<T>) {
        if ((x < 0) != (y < 0) && y != T(-1) && static_cast<T>(q * y) != x)
          return static_cast<T>(q - 1);
      }
      return q;
    } else {
      return static_cast<T>(std::floor(Wide(x) / Wide(y)));
    }
  }
};
struct TruncateOver {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    return static_cast<T>(std::trunc(Wide(x) / Wide(y)));
  }
};
struct Rest {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    if constexpr (std::is_integral_v<T>) {
      if constexpr (std::is_signed_v<T>) {
        if (y == T(-1)) return 0;
      }
      return static_cast<T>(x % y);
    } else {
      return static_cast<T>(std::fmod(Wide(x), Wide(y)));
    }
  }
};
struct FloorRest {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    if constexpr (std::is_unsigned_v<T>) {
      return Rest()(x, y);
    } else if constexpr (std::is_integral_v<T>) {
      const T rest = Rest()(x, y);
      return rest != 0 && (y < 0) != (rest < 0) ? static_cast<T>(rest + y) : rest;
    } else {
      const auto rest = std::fmod(Wide(x), Wide(y));
      return static_cast<T>(rest != 0 && (Wide(y) < 0) != (rest < 0) ? rest + Wide(y) : rest);
    }
  }
};
struct DifferenceSquared {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    if constexpr (kIsComplex<T>) {
      const T d = x - y;
      return std::conj(d) * d;
    } else {
      const auto d = Wide(x) - Wide(y);
      return static_cast<T>(d * d);
    }
  }
};
struct Greatest {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    if constexpr (std::is_integral_v<T>)
      return std::max(x, y);
    else
      return Wide(x) != Wide(x) || Wide(x) > Wide(y) ? x : y;
  }
};
struct Least {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    if constexpr (std::is_integral_v<T>)
      return std::min(x, y);
    else
      return Wide(x) != Wide(x) || Wide(x) < Wide(y) ? x : y;
  }
};

// The loop over floats that uses vectors, where there is one.
template <typename F>
struct FloatLoop {};
template <ElementLoop loop>
struct VectorLoop {
  static constexpr ElementLoop kLoop = loop;
};
template <>
struct FloatLoop<Plus> : VectorLoop<AddFloats> {};
template <>
struct FloatLoop<Minus> : VectorLoop<SubtractFloats> {};
template <>
struct FloatLoop<Times> : VectorLoop<MultiplyFloats> {};
template <>
struct FloatLoop<Over> : VectorLoop<DivideFloats> {};
template <>
struct FloatLoop<Greatest> : VectorLoop<MaximumFloats> {};
template <>
struct FloatLoop<Least> : VectorLoop<MinimumFloats> {};
template <>
struct FloatLoop<DifferenceSquared> : VectorLoop<SquaredDifferenceFloats> {};

RowUse BinaryRows(const KernelContext& ctx, int64_t) { return cpu::BroadcastRows(ctx, 0.1); }

template <typename F, typename T>
void AddOp(KernelRegistry& k, std::string_view op) {
  if constexpr (std::is_same_v<T, float> && requires { FloatLoop<F>::kLoop; }) {
    k.Add(op, kCpu, {{"T", kFloat32}}, Elementwise<FloatLoop<F>::kLoop, float(float, float)>,
          {.rows = BinaryRows});
    return;
  }
  k.Add(op, kCpu, {{"T", dtype_of<T>}}, Elementwise<BinaryLoop<T, T, T, F>, T(T, T)>);
}

// Integer division: a divisor of 0 is an error and not a trap.
template <typename F, typename T>
absl::Status IntegerDivision(KernelContext& ctx) {
  const Array& y = ctx.input(1);
  const T* d = y.data<T>();
  if (ctx.input(0).num_elements() > 0 &&
      std::find(d, d + y.num_elements(), T(0)) != d + y.num_elements()) {
    return ctx.InvalidArgument("Integer division by zero");
  }
  static constexpr ElementwiseOp kOp = ElementwiseTypes<T(T, T)>::Op(BinaryLoop<T, T, T, F>, 2);
  return RunElementwise(ctx, kOp);
}
template <typename F, typename T>
void AddIntegerDivision(KernelRegistry& k, std::string_view op) {
  k.Add(op, kCpu, {{"T", dtype_of<T>}}, IntegerDivision<F, T>);
}

struct Join {
  std::string operator()(const std::string& x, const std::string& y) const { return x + y; }
};

}  // namespace

void RegisterMathBinaryKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, complex64, complex128>([&]<typename T>() {
    AddOp<Plus, T>(k, "Add");
    AddOp<Plus, T>(k, "AddV2");
    AddOp<Minus, T>(k, "Sub");
    AddOp<Times, T>(k, "Mul");
  });
  k.Add("Add", kCpu, {{"T", kString}},
        Elementwise<BinaryLoop<std::string, std::string, std::string, Join>,
                    std::string(std::string, std::string), 50>);
  ForTypes<float, double, half, bfloat16, complex64, complex128>([&]<typename T>() {
    AddOp<Over, T>(k, "Div");
    AddOp<Over, T>(k, "RealDiv");
    AddOp<OverNoNan, T>(k, "DivNoNan");
    AddOp<TimesNoNan, T>(k, "MulNoNan");
  });
  ForTypes<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>(
      [&]<typename T>() {
        AddIntegerDivision<Over, T>(k, "Div");
        AddIntegerDivision<Over, T>(k, "TruncateDiv");
        AddIntegerDivision<FloorOver, T>(k, "FloorDiv");
        AddIntegerDivision<FloorRest, T>(k, "FloorMod");
      });
  ForTypes<int32_t, int64_t>([&]<typename T>() {
    AddIntegerDivision<Rest, T>(k, "Mod");
    AddIntegerDivision<Rest, T>(k, "TruncateMod");
  });
  ForTypes<float, double, half, bfloat16>([&]<typename T>() {
    AddOp<TruncateOver, T>(k, "TruncateDiv");
    AddOp<FloorOver, T>(k, "FloorDiv");
    AddOp<FloorRest, T>(k, "FloorMod");
    AddOp<Rest, T>(k, "Mod");
    AddOp<Rest, T>(k, "TruncateMod");
  });
  ForTypes<float, double, half, bfloat16, int32_t, int64_t, complex64, complex128>(
      [&]<typename T>() { AddOp<DifferenceSquared, T>(k, "SquaredDifference"); });
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t>([&]<typename T>() {
    AddOp<Greatest, T>(k, "Maximum");
    AddOp<Least, T>(k, "Minimum");
  });
  RegisterMathPowerKernels(k);
  RegisterMathBinarySpecialKernels(k);
  RegisterManyOperandKernels(k);
}

}  // namespace weft
