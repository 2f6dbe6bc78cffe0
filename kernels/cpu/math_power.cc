// SPDX-License-Identifier: Apache-2.0
// Powers, and products and quotients that are 0 where x is.
#include <algorithm>
#include <cmath>
#include <complex>
#include <type_traits>

#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/math_binary.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

template <typename T>
auto Wide(const T& x) {
  if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>)
    return static_cast<float>(x);
  else
    return x;
}

struct Power {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    if constexpr (std::is_integral_v<T>) {
      // By squaring, modulo 2^bits: overflow wraps. y is not negative here.
      uint64_t result = 1, base = static_cast<uint64_t>(static_cast<int64_t>(x));
      for (uint64_t e = static_cast<uint64_t>(y); e != 0; e >>= 1, base *= base) {
        if (e & 1) result *= base;
      }
      return static_cast<T>(result);
    } else {
      return static_cast<T>(std::pow(Wide(x), Wide(y)));
    }
  }
};
struct Angle2 {
  template <typename T>
  T operator()(const T& y, const T& x) const {
    return static_cast<T>(std::atan2(Wide(y), Wide(x)));
  }
};
struct XOverY {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    return Wide(x) == decltype(Wide(x))(0) ? T(0.0f) : static_cast<T>(Wide(x) / Wide(y));
  }
};
struct XLogY {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    return Wide(x) == decltype(Wide(x))(0) ? T(0.0f) : static_cast<T>(Wide(x) * std::log(Wide(y)));
  }
};
template <typename T>
auto Log1p(const T& y) {
  if constexpr (std::is_same_v<T, complex64> || std::is_same_v<T, complex128>) {
    // log|1 + y| without loss near 0.
    const auto re = y.real(), im = y.imag();
    using Real = typename T::value_type;
    return T(Real(0.5) * std::log1p(re * (re + Real(2)) + im * im), std::atan2(im, Real(1) + re));
  } else {
    return std::log1p(y);
  }
}
struct XLog1pY {
  template <typename T>
  T operator()(const T& x, const T& y) const {
    return Wide(x) == decltype(Wide(x))(0) ? T(0.0f) : static_cast<T>(Wide(x) * Log1p(Wide(y)));
  }
};

template <typename F, typename T>
void AddOp(KernelRegistry& k, std::string_view op) {
  k.Add(op, kCpu, {{"T", dtype_of<T>}}, Elementwise<BinaryLoop<T, T, T, F>, T(T, T), 20>);
}

template <typename T>
absl::Status IntegerPower(KernelContext& ctx) {
  const Array& y = ctx.input(1);
  const T* e = y.data<T>();
  if (ctx.input(0).num_elements() > 0 &&
      std::any_of(e, e + y.num_elements(), [](T v) { return v < 0; })) {
    return ctx.InvalidArgument("Integers to negative integer powers are not allowed");
  }
  static constexpr ElementwiseOp kOp = ElementwiseTypes<T(T, T)>::Op(BinaryLoop<T, T, T, Power>, 5);
  return RunElementwise(ctx, kOp);
}

}  // namespace

void RegisterMathPowerKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16, complex64, complex128>([&]<typename T>() {
    AddOp<Power, T>(k, "Pow");
    AddOp<XOverY, T>(k, "Xdivy");
    AddOp<XLogY, T>(k, "Xlogy");
    AddOp<XLog1pY, T>(k, "Xlog1py");
  });
  ForTypes<float, double, half, bfloat16>([&]<typename T>() { AddOp<Angle2, T>(k, "Atan2"); });
  ForTypes<int8_t, int16_t, int32_t, int64_t>([&]<typename T>() {
    k.Add("Pow", kCpu, {{"T", dtype_of<T>}}, IntegerPower<T>);
  });
}

}  // namespace weft
