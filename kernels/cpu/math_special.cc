// SPDX-License-Identifier: Apache-2.0
// Special functions: computed in double and rounded, but for erf of floats.
#include <cmath>

#include "kernels/common/special_functions.h"
#include "kernels/cpu/map.h"
#include "kernels/cpu/math_unary.h"

namespace weft {
namespace {

using DoubleFn = double (*)(double);

template <DoubleFn kFn, typename T>
void RoundedLoop(const void* x, void* y, int64_t n) {
  const T* in = static_cast<const T*>(x);
  T* out = static_cast<T*>(y);
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(kFn(static_cast<double>(in[i])));
}

template <DoubleFn kFn, typename... T>
void Add(KernelRegistry& kernels, std::string_view op) {
  ForTypes<T...>([&]<typename U>() {
    kernels.Add(op, kCpu, {{"T", dtype_of<U>}}, MapKernel<RoundedLoop<kFn, U>, 40>);
  });
}

}  // namespace

void RegisterMathSpecialKernels(KernelRegistry& k) {
  Add<special::Lgamma, half, bfloat16, float, double>(k, "Lgamma");
  Add<special::Digamma, half, bfloat16, float, double>(k, "Digamma");
  AddVectorMap<&VectorMath::erf>(k, "Erf");
  Add<std::erf, double>(k, "Erf");
  Add<std::erfc, half, bfloat16, float, double>(k, "Erfc");
  Add<special::Erfinv, half, bfloat16, float, double>(k, "Erfinv");
  Add<special::Ndtri, half, bfloat16, float, double>(k, "Ndtri");
  Add<special::BesselI0, half, bfloat16, float, double>(k, "BesselI0");
  Add<special::BesselI0e, half, bfloat16, float, double>(k, "BesselI0e");
  Add<special::BesselI1, half, bfloat16, float, double>(k, "BesselI1");
  Add<special::BesselI1e, half, bfloat16, float, double>(k, "BesselI1e");
  Add<special::BesselK0, half, bfloat16, float, double>(k, "BesselK0");
  Add<special::BesselK0e, half, bfloat16, float, double>(k, "BesselK0e");
  Add<special::BesselK1, half, bfloat16, float, double>(k, "BesselK1");
  Add<special::BesselK1e, half, bfloat16, float, double>(k, "BesselK1e");
  Add<special::BesselJ0, half, bfloat16, float, double>(k, "BesselJ0");
  Add<special::BesselJ1, half, bfloat16, float, double>(k, "BesselJ1");
  Add<special::BesselY0, half, bfloat16, float, double>(k, "BesselY0");
  Add<special::BesselY1, half, bfloat16, float, double>(k, "BesselY1");
  Add<special::Dawsn, half, bfloat16, float, double>(k, "Dawsn");
  Add<special::Expint, half, bfloat16, float, double>(k, "Expint");
  Add<special::FresnelCos, half, bfloat16, float, double>(k, "FresnelCos");
  Add<special::FresnelSin, half, bfloat16, float, double>(k, "FresnelSin");
  Add<special::Spence, half, bfloat16, float, double>(k, "Spence");
}

}  // namespace weft
