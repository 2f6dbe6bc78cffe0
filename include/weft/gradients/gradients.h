// SPDX-License-Identifier: Apache-2.0
// Reverse-mode differentiation of the graph (tf.gradients).
//
//   std::vector<wf::Grad> g = wf::Gradients({loss}, {w, b});
//
// Adds nodes that compute the derivatives of the sum of all ys with respect to each x; nothing runs
// before Session::Run. Gradients may be differentiated again. Node names are TensorFlow's:
// "gradients/MatMul_grad/MatMul".
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "weft/graph/grad.h"
#include "weft/graph/tensor.h"

namespace weft {

// How several contributions to one gradient are added up.
enum class AggregationMethod {
  kAddN,              // one AddN when all are there (TensorFlow's default)
  kExperimentalTree,  // pairwise, with AddN: less memory is held at once
};

// What stands for the gradient of an x that no y depends on.
enum class UnconnectedGradients { kNone, kZero };

struct GradientOptions {
  // Gradients that the ys begin with; an invalid Tensor (or none at all) stands for ones. Of the
  // dtype of y and of its shape, or one that broadcasts to it where y's op takes that.
  std::vector<Tensor> grad_ys = {};
  std::string name = "gradients";
  bool colocate_gradients_with_ops = false;
  // Wait for all gradients of an op before any of them is used.
  bool gate_gradients = false;
  AggregationMethod aggregation_method = AggregationMethod::kAddN;
  std::vector<Tensor> stop_gradients = {};  // taken as constants
  UnconnectedGradients unconnected_gradients = UnconnectedGradients::kNone;
};

// One Grad for each x. xs may be any tensors, references of variables and handles of resource
// variables. Throws NotFoundError if an op on the way has no gradient rule, InvalidArgumentError if
// grad_ys don't fit.
std::vector<Grad> Gradients(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                            const GradientOptions& options = {});

// The second derivatives of the sum of all ys by each x (tf.hessians): for an x of shape S a tensor
// of shape [S, S], zeros where nothing depends on x. The shape of x must be known statically, and
// each of its elements adds nodes: meant for small xs. `unconnected_gradients` is not used.
std::vector<Tensor> Hessians(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                             const GradientOptions& options = {});

// The gradient as one tensor: IndexedSlices are added up into a dense one. Throws
// InvalidArgumentError if it is none.
Tensor DenseGradient(const Grad& g);

// A function with a gradient of its own (tf.custom_gradient): `forward` computes outputs from
// inputs and says how the gradients of the outputs give those of the inputs (an invalid Tensor:
// none). Gradients flow to `inputs` alone: a variable that `forward` uses must be one of them.
struct CustomGradientResult {
  std::vector<Tensor> outputs;
  std::function<std::vector<Tensor>(const std::vector<Tensor>& output_gradients)> gradient;
};
std::vector<Tensor> CustomGradient(
    const std::function<CustomGradientResult(const std::vector<Tensor>& inputs)>& forward,
    const std::vector<Tensor>& inputs);

}  // namespace weft
