// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <complex>

#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/map.h"
#include "kernels/cpu/math_unary.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

template <typename T>
struct MakeComplex {
  std::complex<T> operator()(T real, T imag) const { return {real, imag}; }
};

template <auto kF, typename T>
void AddPart(KernelRegistry& kernels, std::string_view op) {
  using Complex = std::complex<T>;
  kernels.Add(op, kCpu, {{"T", dtype_of<Complex>}, {"Tout", dtype_of<T>}},
              MapKernel<LoopOf<kF, Complex, T>, 2>);
}

template <typename T>
void AddForParts(KernelRegistry& k) {
  using Complex = std::complex<T>;
  k.Add("Complex", kCpu, {{"T", dtype_of<T>}, {"Tout", dtype_of<Complex>}},
        Elementwise<BinaryLoop<T, T, Complex, MakeComplex<T>>, Complex(T, T)>);
  AddPart<[](auto z) { return z.real(); }, T>(k, "Real");
  AddPart<[](auto z) { return z.imag(); }, T>(k, "Imag");
  AddPart<[](auto z) { return std::arg(z); }, T>(k, "Angle");
  AddPart<[](auto z) { return std::abs(z); }, T>(k, "ComplexAbs");
}

}  // namespace

void RegisterComplexKernels(KernelRegistry& k) {
  AddForParts<float>(k);
  AddForParts<double>(k);
  AddMap<[](auto z) { return std::conj(z); }, complex64, complex128>(k, "Conj");
}

}  // namespace weft
