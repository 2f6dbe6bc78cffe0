// SPDX-License-Identifier: Apache-2.0
// Initial values made of orthogonal matrices.
#include <array>
#include <memory>
#include <mutex>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/initializer_checks.h"
#include "src/framework/nodes.h"
#include "weft/framework/initializers.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/linalg.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/matmul.h"
#include "weft/ops/random.h"

namespace weft {
namespace {

using internal::CastTo;
using internal::CheckFloating;
using Seed = std::optional<int64_t>;

[[noreturn]] void BadShape(const std::string& rule, const Shape& shape) {
  ThrowError(Code::kInvalidArgument,
             StrCat("The tensor to initialize, specified by argument `shape` must be ", rule,
                    ". Received shape=[", StrJoin(shape.dims(), ", "), "]"));
}

void CheckFilters(const Shape& shape) {
  const int64_t in = shape.dim(shape.rank() - 2), out = shape.dim(shape.rank() - 1);
  if (in <= out) return;
  ThrowError(Code::kInvalidArgument,
             StrCat("In_filters, specified by shape[-2]=", in,
                    " cannot be greater than out_filters, specified by shape[-1]=", out, "."));
}

// q of a random normal [rows, columns] matrix. The signs of r's diagonal, which a factorisation may
// choose freely, go into q: it is then uniform among matrices with orthonormal columns.
Tensor RandomOrthogonal(int64_t rows, int64_t columns, DataType dtype, const Seed& seed) {
  const Tensor a = RandomNormal({rows, columns}, {.dtype = dtype, .seed = seed});
  const QrFactors qr = Qr(a);
  const Tensor d = DiagPart(qr.r);
  return qr.q * Sign(d);
}

Tensor Transposed(const Tensor& matrix) {
  const NameScope scope("matrix_transpose", matrix.graph());
  return Transpose(matrix, IntList({1, 0}));
}

// ---- kernels whose every window element is a matrix ---------------------------------------------

constexpr int kMaxDims = 3;
using Index = std::array<int64_t, kMaxDims>;

// [n, n] matrices at the places of a window of `size` in each of `dims` dimensions, row-major.
struct Kernel {
  int dims;
  int64_t size;
  std::vector<Tensor> at;

  size_t Offset(const Index& index) const {
    int64_t offset = 0;
    for (int d = 0; d < dims; ++d) offset = offset * size + index[static_cast<size_t>(d)];
    return static_cast<size_t>(offset);
  }
};

// Calls f for each index below `ends`, row-major.
template <typename F>
void ForEachIndex(int dims, const Index& ends, F&& f) {
  Index index{};
  for (int d = 0; d < dims; ++d) {
    if (ends[static_cast<size_t>(d)] <= 0) return;
  }
  while (true) {
    f(index);
    int d = dims - 1;
    while (d >= 0 && ++index[static_cast<size_t>(d)] == ends[static_cast<size_t>(d)])
      index[static_cast<size_t>(d--)] = 0;
    if (d < 0) return;
  }
}
Index Cube(int64_t size) { return {size, size, size}; }

// Makes the parts of one kernel; draws its random matrices with seed, seed + 1, ...
class KernelMaker {
 public:
  KernelMaker(int dims, DataType dtype, Seed* seed) : dims_(dims), dtype_(dtype), seed_(seed) {}

  // The kernel of window k from `in` to `out` channels.
  Tensor Make(int64_t k, int64_t in, int64_t out) {
    const Tensor first = Orthogonal(out);
    const Tensor orthogonal = At(first, {Between(0, in), All});
    if (k == 1) {
      Tensor kernel = orthogonal;
      for (int d = 0; d < dims_; ++d) kernel = ExpandDims(kernel, 0);
      return kernel;
    }
    Kernel kernel = Block(out);
    for (int64_t i = 0; i < k - 2; ++i) kernel = Convolved(kernel, Block(out));
    for (Tensor& matrix : kernel.at) matrix = MatMul(orthogonal, matrix);
    size_t next = 0;
    return Stacked(kernel, 0, &next);
  }

 private:
  Seed NextSeed() {
    const Seed seed = *seed_;
    if (seed && *seed != 0) *seed_ = *seed + 1;
    return seed;
  }
  Tensor Orthogonal(int64_t n) { return RandomOrthogonal(n, n, dtype_, NextSeed()); }

  // q m q^T with a diagonal m of zeros and ones at random.
  Tensor Projection(int64_t n) {
    const Tensor q = Orthogonal(n);
    const Tensor normal = RandomNormal({n}, {.seed = NextSeed()});
    const Tensor mask = CastTo(Greater(normal, 0), dtype_);
    const Tensor columns = Multiply(q, mask);
    return MatMul(columns, Transposed(columns));
  }

  // A window of 2: at each place the product of one p, or 1 - p, a dimension.
  Kernel Block(int64_t n) {
    std::vector<Tensor> p;
    for (int d = 0; d < dims_; ++d) p.push_back(Projection(n));
    const Tensor eye = Eye(n, {.dtype = dtype_});
    Kernel kernel{dims_, 2, {}};
    if (dims_ == 1) {
      kernel.at = {p[0], eye - p[0]};
      return kernel;
    }
    ForEachIndex(dims_, Cube(2), [&](const Index& index) {
      std::vector<Tensor> factors;
      for (size_t d = 0; d < p.size(); ++d)
        factors.push_back(dims_ == 2 ? (index[d] == 0 ? p[d] : eye - p[d])
                                     : Chosen(static_cast<float>(index[d]), p[d], eye));
      Tensor product = MatMul(factors[0], factors[1]);
      if (dims_ == 3) product = MatMul(product, factors[2]);
      kernel.at.push_back(product);
    });
    return kernel;
  }
  // p for i = 1, eye - p for i = 0, in the nodes of the three-dimensional rule.
  static Tensor Chosen(float i, const Tensor& p, const Tensor& eye) {
    const Tensor with = i * p;
    const Tensor off = eye - p;
    return with + (1 - i) * off;
  }

  Kernel Convolved(const Kernel& a, const Kernel& b) {
    const int64_t n = a.at[0].shape().dim(0);
    Kernel c{dims_, a.size + b.size - 1, {}};
    ForEachIndex(dims_, Cube(c.size), [&](const Index& at) {
      Tensor sum = Zeros({n, n}, dtype_);
      Index ends;
      for (size_t d = 0; d < kMaxDims; ++d) ends[d] = std::min(a.size, at[d] + 1);
      ForEachIndex(dims_, ends, [&](const Index& in_a) {
        Index in_b{};
        for (size_t d = 0; d < static_cast<size_t>(dims_); ++d) {
          in_b[d] = at[d] - in_a[d];
          if (in_b[d] >= b.size) return;
        }
        const Tensor product = MatMul(a.at[a.Offset(in_a)], b.at[b.Offset(in_b)]);
        sum = sum + product;
      });
      c.at.push_back(sum);
    });
    return c;
  }

  Tensor Stacked(const Kernel& kernel, int dim, size_t* next) {
    if (dim == dims_) return kernel.at[(*next)++];
    std::vector<Input> rows;
    for (int64_t i = 0; i < kernel.size; ++i) rows.push_back(Stacked(kernel, dim + 1, next));
    return Stack(rows);
  }

  int dims_;
  DataType dtype_;
  Seed* seed_;
};

Initializer ConvolutionalOrthogonal(int dims, const char* rank_in_words,
                                    const OrthogonalInitializerOptions& o) {
  struct State {
    std::mutex mu;
    Seed seed;
  };
  auto state = std::make_shared<State>();
  state->seed = o.seed;
  return [=](const Shape& shape, DataType dtype) {
    CheckFloating("ConvolutionalOrthogonal", dtype);
    if (shape.rank() != dims + 2) BadShape(StrCat(rank_in_words, "-dimensional"), shape);
    CheckFilters(shape);
    for (int d = 1; d < dims; ++d) {
      if (shape.dim(d) == shape.dim(0)) continue;
      ThrowError(Code::kInvalidArgument,
                 StrCat("Kernel sizes, specified by shape[0]=", shape.dim(0), " and shape[", d,
                        "]=", shape.dim(d), " must be equal."));
    }
    if (shape.dim(0) < 1) BadShape("of a kernel size of 1 or more", shape);
    const std::lock_guard lock(state->mu);
    const Tensor kernel = KernelMaker(dims, dtype, &state->seed)
                              .Make(shape.dim(0), shape.dim(dims), shape.dim(dims + 1));
    return kernel * CastTo(o.gain, dtype);
  };
}

}  // namespace

Initializer OrthogonalInitializer(const OrthogonalInitializerOptions& o) {
  return [o](const Shape& shape, DataType dtype) {
    CheckFloating("OrthogonalInitializer", dtype);
    if (shape.rank() < 2) BadShape("at least two-dimensional", shape);
    int64_t rows = 1;
    for (int i = 0; i + 1 < shape.rank(); ++i) rows *= shape.dim(i);
    const int64_t columns = shape.dim(shape.rank() - 1);
    Tensor q = RandomOrthogonal(std::max(rows, columns), std::min(rows, columns), dtype, o.seed);
    if (rows < columns) q = Transposed(q);
    const Tensor reshaped = Reshape(q, shape);
    return o.gain * reshaped;
  };
}

Initializer ConvolutionalDeltaOrthogonal(const OrthogonalInitializerOptions& o) {
  return [o](const Shape& shape, DataType dtype) {
    CheckFloating("ConvolutionalDeltaOrthogonal", dtype);
    if (shape.rank() < 3 || shape.rank() > 5)
      BadShape("at least three-dimensional and at most five-dimensional", shape);
    CheckFilters(shape);
    const int window_dims = shape.rank() - 2;
    const int64_t in = shape.dim(window_dims), out = shape.dim(window_dims + 1);
    const Tensor square = RandomOrthogonal(out, out, dtype, o.seed);
    const Tensor q = At(square, {Between({}, in), All});
    const Tensor scaled = q * CastTo(o.gain, dtype);
    std::vector<int32_t> centre;
    for (int d = 0; d < window_dims; ++d)
      centre.push_back(static_cast<int32_t>((shape.dim(d) - 1) / 2));
    const Tensor updates = ExpandDims(scaled, 0);
    return ScatterNd(Array::FromVector(centre, Shape({1, window_dims})), updates, shape);
  };
}

Initializer ConvolutionalOrthogonal1d(const OrthogonalInitializerOptions& o) {
  return ConvolutionalOrthogonal(1, "three", o);
}
Initializer ConvolutionalOrthogonal2d(const OrthogonalInitializerOptions& o) {
  return ConvolutionalOrthogonal(2, "four", o);
}
Initializer ConvolutionalOrthogonal3d(const OrthogonalInitializerOptions& o) {
  return ConvolutionalOrthogonal(3, "five", o);
}

}  // namespace weft
