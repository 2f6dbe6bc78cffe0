// SPDX-License-Identifier: Apache-2.0
// Discrete Fourier transforms of any length, in double.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <vector>

namespace weft {

// The transform of one length: X[k] = sum over j of x[j] exp(-2 pi i j k / n). Cooley and Tukey's
// algorithm for lengths of small prime factors, Bluestein's for others: O(n log n) for all. After
// it is made it may be used by many threads at once, each with scratch memory of its own.
class Fourier {
 public:
  using Complex = std::complex<double>;
  explicit Fourier(int64_t n);
  ~Fourier();

  int64_t size() const { return n_; }
  // In place. `scratch` is made as large as needed.
  void Forward(Complex* x, std::vector<Complex>* scratch) const;
  // With exp(+...), and divided by n.
  void Inverse(Complex* x, std::vector<Complex>* scratch) const;

 private:
  void Step(const Complex* in, int64_t stride, Complex* out, int64_t n, size_t level) const;
  void Combine(Complex* out, int64_t n, int64_t radix) const;
  void Bluestein(Complex* x, std::vector<Complex>* scratch) const;

  const int64_t n_;
  std::vector<int64_t> factors_;    // n is their product
  std::vector<Complex> roots_;      // exp(-2 pi i j / n)
  std::unique_ptr<Fourier> outer_;  // of Bluestein's convolution; null if factors are small
  std::vector<Complex> chirp_, chirp_spectrum_;
};

}  // namespace weft
