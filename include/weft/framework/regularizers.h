// SPDX-License-Identifier: Apache-2.0
// Penalties on weights, and the collection of losses.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "weft/graph/graph.h"
#include "weft/graph/input.h"

namespace weft {

namespace layers {
// A penalty on weights; an invalid Tensor for none at all.
using Regularizer = std::function<Tensor(const Input& weights)>;
// scale * sum(|w|) and scale * sum(w^2) / 2; none if scale is 0. InvalidArgumentError if scale is
// negative.
Regularizer L1Regularizer(float scale, const std::string& scope = {});
Regularizer L2Regularizer(float scale, const std::string& scope = {});
Regularizer L1L2Regularizer(float scale_l1, float scale_l2, const std::string& scope = {});
// The sum of several penalties; none if all are.
Regularizer SumRegularizer(std::vector<Regularizer> regularizers, const std::string& scope = {});
// The sum of the penalties of all weights (of collection "weights" if none are given), which join
// GraphKeys::kRegularizationLosses; one that is none counts as 0. InvalidArgumentError if there are
// no weights, or if a penalty is no scalar.
Tensor ApplyRegularization(const Regularizer& regularizer, const std::vector<Tensor>& weights = {});
}  // namespace layers

// A regularizer for variables of a scope that should have none.
Tensor NoRegularizer(const Input& weights);

namespace losses {
// A loss that is none (an invalid Tensor) is left out.
void AddLoss(const Tensor& loss, const std::string& collection = GraphKeys::kLosses);
std::vector<Tensor> GetLosses(const std::string& scope = {},
                              const std::string& collection = GraphKeys::kLosses);
// The penalties that regularizers of variables and layers gave, and their sum (0 if there are
// none).
std::vector<Tensor> GetRegularizationLosses(const std::string& scope = {});
Tensor GetRegularizationLoss(const std::string& scope = {},
                             const NameOptions& name = "total_regularization_loss");
}  // namespace losses

// The tensors of a collection, in order (tf.get_collection of tensors).
std::vector<Tensor> GetTensorCollection(const std::string& collection,
                                        const std::string& scope = {},
                                        const Graph& graph = Graph::Default());
void AddToCollection(const std::string& collection, const Tensor& t);

}  // namespace weft
