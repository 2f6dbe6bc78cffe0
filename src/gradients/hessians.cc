// SPDX-License-Identifier: Apache-2.0
#include "src/core/status.h"
#include "src/core/strings.h"
#include "weft/gradients/gradients.h"
#include "weft/graph/graph.h"
#include "weft/ops/array.h"

namespace weft {
namespace {

// [n, n] for an x of n elements: row j has the derivatives of dy/dx[j].
Tensor HessianRows(const Tensor& gradient, const Tensor& x, int64_t n,
                   const GradientOptions& options) {
  const Tensor flat = Reshape(gradient, {-1});
  GradientOptions again = options;
  again.grad_ys.clear();
  again.unconnected_gradients = UnconnectedGradients::kZero;
  std::vector<Input> rows;
  for (int64_t j = 0; j < n; ++j) {
    const Tensor element = At(flat, {j});
    rows.emplace_back(Reshape(DenseGradient(Gradients({element}, {x}, again)[0]), {-1}));
  }
  return Stack(rows);
}

}  // namespace

std::vector<Tensor> Hessians(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                             const GradientOptions& options) {
  GradientOptions first = options;
  first.unconnected_gradients = UnconnectedGradients::kNone;
  const std::vector<Grad> gradients = Gradients(ys, xs, first);
  std::vector<Tensor> hessians;
  for (size_t i = 0; i < xs.size(); ++i) {
    const Tensor& x = xs[i];
    const int64_t n = x.shape().num_elements();
    if (n < 0) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Hessians: the shape of x '", x.name(), "' is ", x.shape().ToString(),
                        "; it must be known: each element takes nodes of its own"));
    }
    GraphScope use(x.graph());
    std::vector<int64_t> dims = x.shape().ToShape().ToVector();
    dims.insert(dims.end(), x.shape().dims().begin(), x.shape().dims().end());
    const bool linear = gradients[i].none() || n == 0;
    hessians.push_back(
        linear ? Zeros(dims, RemoveRef(x.dtype()))
               : Reshape(HessianRows(DenseGradient(gradients[i]), x, n, options), dims));
  }
  return hessians;
}

}  // namespace weft
