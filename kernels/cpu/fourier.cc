// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/fourier.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace weft {
namespace {

using Complex = Fourier::Complex;

// A factor p takes p steps for each element: beyond this one Bluestein's way is shorter.
constexpr int64_t kLargestFactor = 31;

// 4 is taken before 2: its butterflies need no products.
std::vector<int64_t> Factors(int64_t n) {
  std::vector<int64_t> factors;
  for (; n % 4 == 0 && n > 0; n /= 4) factors.push_back(4);
  for (int64_t p = 2; p * p <= n; ++p) {
    for (; n % p == 0; n /= p) factors.push_back(p);
  }
  if (n > 1) factors.push_back(n);
  return factors;
}

Complex Root(double turns) {
  const double angle = -2 * std::numbers::pi * turns;
  return {std::cos(angle), std::sin(angle)};
}

// The product as school has it: that of std::complex looks for infinities.
Complex Times(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}
// -i a.
Complex Turned(Complex a) { return {a.imag(), -a.real()}; }

}  // namespace

Fourier::Fourier(int64_t n) : n_(n), factors_(Factors(n)) {
  const bool is_smooth =
      std::all_of(factors_.begin(), factors_.end(), [](int64_t p) { return p <= kLargestFactor; });
  if (is_smooth) {
    roots_.reserve(static_cast<size_t>(n));
    for (int64_t j = 0; j < n; ++j)
      roots_.push_back(Root(static_cast<double>(j) / static_cast<double>(n)));
    return;
  }
  // j k = (j^2 + k^2 - (k - j)^2) / 2 makes a convolution with exp(pi i j^2 / n) of the sum.
  int64_t length = 1;
  while (length < 2 * n - 1) length *= 2;
  outer_ = std::make_unique<Fourier>(length);
  chirp_.reserve(static_cast<size_t>(n));
  // j^2 modulo 2 n, so that the angle keeps its digits.
  int64_t square = 0;
  for (int64_t j = 0; j < n; ++j) {
    chirp_.push_back(Root(static_cast<double>(square) / static_cast<double>(2 * n)));
    square = (square + 2 * j + 1) % (2 * n);
  }
  chirp_spectrum_.assign(static_cast<size_t>(length), Complex());
  for (int64_t j = 0; j < n; ++j) {
    const Complex value = std::conj(chirp_[static_cast<size_t>(j)]);
    chirp_spectrum_[static_cast<size_t>(j)] = value;
    if (j > 0) chirp_spectrum_[static_cast<size_t>(length - j)] = value;
  }
  std::vector<Complex> scratch;
  outer_->Forward(chirp_spectrum_.data(), &scratch);
}

Fourier::~Fourier() = default;

void Fourier::Forward(Complex* x, std::vector<Complex>* scratch) const {
  if (n_ <= 1) return;
  if (outer_ != nullptr) return Bluestein(x, scratch);
  if (scratch->size() < static_cast<size_t>(n_)) scratch->resize(static_cast<size_t>(n_));
  Step(x, 1, scratch->data(), n_, 0);
  std::copy_n(scratch->data(), n_, x);
}

void Fourier::Inverse(Complex* x, std::vector<Complex>* scratch) const {
  for (int64_t j = 0; j < n_; ++j) x[j] = std::conj(x[j]);
  Forward(x, scratch);
  const double scale = 1 / static_cast<double>(n_);
  for (int64_t j = 0; j < n_; ++j) x[j] = std::conj(x[j]) * scale;
}

// out[0, n) = the transform of in[0], in[stride], ...
void Fourier::Step(const Complex* in, int64_t stride, Complex* out, int64_t n, size_t level) const {
  if (n == 1) {
    *out = *in;
    return;
  }
  const int64_t radix = factors_[level], m = n / radix;
  for (int64_t r = 0; r < radix; ++r)
    Step(in + r * stride, stride * radix, out + r * m, m, level + 1);
  Combine(out, n, radix);
}

// Of the transforms of every radix-th element, one behind another, that of all.
void Fourier::Combine(Complex* out, int64_t n, int64_t radix) const {
  const int64_t m = n / radix, step = n_ / n;
  Complex part[kLargestFactor];
  for (int64_t k = 0; k < m; ++k) {
    for (int64_t r = 0; r < radix; ++r)
      part[r] = Times(out[r * m + k], roots_[static_cast<size_t>(r * k * step)]);
    if (radix == 2) {
      out[k] = part[0] + part[1];
      out[m + k] = part[0] - part[1];
    } else if (radix == 4) {
      const Complex even = part[0] + part[2], even_off = part[0] - part[2];
      const Complex odd = part[1] + part[3], odd_off = Turned(part[1] - part[3]);
      out[k] = even + odd;
      out[m + k] = even_off + odd_off;
      out[2 * m + k] = even - odd;
      out[3 * m + k] = even_off - odd_off;
    } else {
      const int64_t turn = n_ / radix;
      for (int64_t q = 0; q < radix; ++q) {
        Complex sum = part[0];
        for (int64_t r = 1; r < radix; ++r)
          sum += Times(part[r], roots_[static_cast<size_t>(q * r % radix * turn)]);
        out[q * m + k] = sum;
      }
    }
  }
}

void Fourier::Bluestein(Complex* x, std::vector<Complex>* scratch) const {
  std::vector<Complex> product(chirp_spectrum_.size());
  for (int64_t j = 0; j < n_; ++j)
    product[static_cast<size_t>(j)] = Times(x[j], chirp_[static_cast<size_t>(j)]);
  outer_->Forward(product.data(), scratch);
  for (size_t j = 0; j < product.size(); ++j) product[j] = Times(product[j], chirp_spectrum_[j]);
  outer_->Inverse(product.data(), scratch);
  for (int64_t k = 0; k < n_; ++k)
    x[k] = Times(product[static_cast<size_t>(k)], chirp_[static_cast<size_t>(k)]);
}

}  // namespace weft
