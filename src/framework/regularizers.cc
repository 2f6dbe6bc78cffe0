// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/regularizers.h"

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/nodes.h"

namespace weft {

using internal::Op;

namespace layers {
namespace {
void CheckScale(float scale) {
  if (!(scale >= 0))
    ThrowError(Code::kInvalidArgument,
               StrCat("Setting a scale less than 0 on a regularizer: ", scale));
}
}  // namespace

Regularizer L1Regularizer(float scale, const std::string& name) {
  CheckScale(scale);
  return [scale, name](const Input& weights) {
    NameScope scope(name.empty() ? "l1_regularizer" : name);
    const Tensor w = AsTensor(weights);
    const Tensor my_scale = AsTensor(Input(scale), w.dtype(), "scale");
    const Tensor magnitude = Op("Abs", {w});
    std::vector<int32_t> axes(static_cast<size_t>(w.shape().known_rank() ? w.shape().rank() : 0));
    for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int32_t>(i);
    const Tensor all = w.shape().known_rank() ? AsTensor(Array::FromVector(axes), kInt32, "Const")
                                              : Op("Range", {0, Op("Rank", {w}), 1}, "range");
    return Op("Mul", {my_scale, Op("Sum", {magnitude, all})}, scope.name());
  };
}

Regularizer L2Regularizer(float scale, const std::string& name) {
  CheckScale(scale);
  return [scale, name](const Input& weights) {
    NameScope scope(name.empty() ? "l2_regularizer" : name);
    const Tensor w = AsTensor(weights);
    const Tensor my_scale = AsTensor(Input(scale), w.dtype(), "scale");
    return Op("Mul", {my_scale, Op("L2Loss", {w})}, scope.name());
  };
}

Regularizer L1L2Regularizer(float scale_l1, float scale_l2, const std::string& name) {
  const Regularizer l1 = L1Regularizer(scale_l1), l2 = L2Regularizer(scale_l2);
  return [l1, l2, name](const Input& weights) {
    NameScope scope(name.empty() ? "l1_l2_regularizer" : name);
    const Tensor w = AsTensor(weights);
    return OpBuilder("AddN", scope.name()).InList({l1(w), l2(w)}).Output();
  };
}

}  // namespace layers

void AddToCollection(const std::string& collection, const Tensor& t) {
  t.graph().AddToCollection(collection, {t});
}

std::vector<Tensor> GetTensorCollection(const std::string& collection, const std::string& scope,
                                        const Graph& graph) {
  std::vector<Tensor> tensors;
  for (const CollectionItem& item : graph.GetCollection(collection, scope)) {
    if (const Tensor* t = std::get_if<Tensor>(&item.value)) tensors.push_back(*t);
  }
  return tensors;
}

namespace losses {
void AddLoss(const Tensor& loss, const std::string& collection) {
  if (!collection.empty()) AddToCollection(collection, loss);
}
std::vector<Tensor> GetLosses(const std::string& scope, const std::string& collection) {
  return GetTensorCollection(collection, scope);
}
}  // namespace losses

}  // namespace weft
