// SPDX-License-Identifier: Apache-2.0
// Convolutions in plans.
//
// Those with a constant filter become _FusedConv2D nodes, whose filter is packed once, together
// with what follows them:
//
//   relu(batch_norm(conv(x, w)) + y)      Conv2D, FusedBatchNormV3, AddV2, Relu -> one node
//
// Products and sums with constants, one for each channel (batch normalisation with given
// statistics is both), are folded into filter and bias: other roundings, the same function. The
// rest is done as each element is stored. An activation that is fused makes 0 of NaN, as oneDNN's
// and TensorFlow's own fused convolutions do.
//
// All float convolutions get working memory as an output of their own, so that it has a place in
// the plan's arena. kernels/cpu/nn_conv.cc runs them.
#include <cmath>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/core/strings.h"
#include "src/runtime/plan.h"

namespace weft {
namespace {

using Floats = std::vector<float>;

bool IsFloatOnCpu(const PlanNode& n) {
  const DataType* t = n.FindAttrOf<DataType>("T");
  return !n.is_feed && n.def && n.device && n.device->type() == kCpu && t && *t == kFloat32;
}

const Array* ConstantOf(const PlanEdge& e) {
  if (e.node->op != "Const" || !e.node->control_inputs.empty()) return nullptr;
  return e.node->FindAttrOf<Array>("value");
}

bool IsConvolution(const PlanNode& n) {
  static const auto* const ops =
      new std::unordered_set<std::string>{"Conv2D",
                                          "Conv2DBackpropInput",
                                          "Conv2DBackpropFilter",
                                          "DepthwiseConv2dNative",
                                          "DepthwiseConv2dNativeBackpropInput",
                                          "DepthwiseConv2dNativeBackpropFilter",
                                          "Conv3D",
                                          "Conv3DBackpropInput",
                                          "Conv3DBackpropInputV2",
                                          "Conv3DBackpropFilter",
                                          "Conv3DBackpropFilterV2"};
  return ops->contains(n.op);
}

bool HasFormat(const PlanNode& n, std::string_view wanted) {
  const std::string* format = n.FindAttrOf<std::string>("data_format");
  return !format || *format == wanted;
}

// A constant as one number for each of n channels, the last dimension; nullopt if it isn't.
std::optional<Floats> PerChannel(const PlanEdge& e, int64_t n, int max_rank = 4) {
  const Array* a = ConstantOf(e);
  if (!a || a->dtype() != kFloat32 || a->rank() > max_rank) return std::nullopt;
  const int64_t count = a->num_elements();
  // [n], [1, 1, 1, n], or one number.
  if (count != 1 && (count != n || a->dim(a->rank() - 1) != n)) return std::nullopt;
  Floats values(static_cast<size_t>(n));
  for (size_t c = 0; c < values.size(); ++c) values[c] = a->data<float>()[count == 1 ? 0 : c];
  return values;
}

bool IsAdd(const PlanNode& n) { return n.op == "Add" || n.op == "AddV2"; }

// What becomes of one convolution.
struct Fusion {
  PlanNode* conv = nullptr;
  PlanNode* last = nullptr;  // the node that the fused one stands for
  std::vector<PlanNode*> members;
  int64_t channels = 0;
  std::optional<Floats> scale, shift;  // folded: x * filter * scale + shift
  PlanEdge bias;                       // one that is no constant
  PlanEdge addend;
  std::string activation;
  bool has_bias() const { return shift || bias.node; }
};

class ConvFuser {
 public:
  explicit ConvFuser(PlanGraph* graph) : graph_(*graph) {}

  void Run() {
    Note();
    // Of two convolutions that are added, the later one takes the sum of the earlier one.
    std::vector<PlanNode*> order;
    if (!TopologicalOrder(graph_, &order)) return;
    for (size_t i = order.size(); i-- > 0;) {
      PlanNode* n = order[i];
      if (IsFloatOnCpu(*n) && IsConvolution(*n)) {
        if (CanFuse(*n))
          Replace(Grow(n));
        else
          n->output_types.push_back(kUint8);
      }
    }
  }

 private:
  void Note() {
    for (const auto& n : graph_.nodes) {
      for (const PlanEdge& e : n->inputs) users_[e.node].push_back(n.get());
      for (PlanNode* c : n->control_inputs) fixed_.insert(c);
    }
    for (const PlanEdge& e : graph_.fetches) fixed_.insert(e.node);
    for (PlanNode* t : graph_.targets) fixed_.insert(t);
  }

  static bool CanFuse(const PlanNode& n) {
    if (n.op != "Conv2D" && n.op != "DepthwiseConv2dNative") return false;
    if (!HasFormat(n, "NHWC")) return false;
    const Array* filter = ConstantOf(n.inputs[1]);
    return filter && filter->rank() == 4 && filter->num_elements() > 0;
  }

  // The only user of output 0 of `n`, if nothing else needs the node.
  PlanNode* OnlyUser(const PlanNode* n) const {
    if (fixed_.contains(n)) return nullptr;
    const auto it = users_.find(n);
    if (it == users_.end() || it->second.size() != 1) return nullptr;
    PlanNode* user = it->second[0];
    return IsFloatOnCpu(*user) && user->device == n->device && !taken_.contains(user) ? user
                                                                                      : nullptr;
  }

  Fusion Grow(PlanNode* conv) {
    Fusion f;
    f.conv = f.last = conv;
    f.members = {conv};
    const Array& filter = *ConstantOf(conv->inputs[1]);
    f.channels = filter.dim(3) * (conv->op == "Conv2D" ? 1 : filter.dim(2));
    while (PlanNode* next = OnlyUser(f.last)) {
      if (!Join(next, &f)) break;
      f.last = next;
      f.members.push_back(next);
      if (!f.activation.empty()) break;
    }
    for (PlanNode* n : f.members) taken_.insert(n);
    return f;
  }

  bool Join(PlanNode* n, Fusion* f) const {
    if (n->op == "Relu" || n->op == "Relu6") {
      f->activation = n->op;
      return true;
    }
    if (n->inputs.size() < 2 || n->inputs[0] == n->inputs[1]) return false;
    const bool folds = !f->bias.node && !f->addend.node;
    const bool first = n->inputs[0] == PlanEdge{f->last, 0};
    const PlanEdge other = n->inputs[first ? 1 : 0];
    if (n->op.starts_with("FusedBatchNorm")) return folds && first && JoinBatchNorm(*n, f);
    if (n->op == "BiasAdd") return folds && first && HasFormat(*n, "NHWC") && JoinBias(other, f);
    const std::optional<Floats> constant = PerChannel(other, f->channels);
    if (n->op == "Mul" && constant && folds) return Scale(*constant, f);
    if (IsAdd(*n) && constant && folds) return Shift(*constant, f);
    if (IsAdd(*n) && !constant && !f->addend.node && IsImage(other)) {
      f->addend = other;
      return true;
    }
    return false;
  }

  // Of four dimensions, as far as is known when the graph is built.
  static bool IsImage(const PlanEdge& e) {
    const Node* origin = e.node->origin;
    if (!origin || static_cast<size_t>(e.index) >= origin->output_shapes.size()) return false;
    return origin->output_shapes[static_cast<size_t>(e.index)].rank() == 4;
  }

  static bool Scale(const Floats& by, Fusion* f) {
    if (!f->scale) f->scale = Floats(by.size(), 1.f);
    for (size_t c = 0; c < by.size(); ++c) {
      (*f->scale)[c] *= by[c];
      if (f->shift) (*f->shift)[c] *= by[c];
    }
    return true;
  }
  static bool Shift(const Floats& by, Fusion* f) {
    if (!f->shift) f->shift = Floats(by.size(), 0.f);
    for (size_t c = 0; c < by.size(); ++c) (*f->shift)[c] += by[c];
    return true;
  }

  static bool JoinBias(const PlanEdge& bias, Fusion* f) {
    if (const std::optional<Floats> constant = PerChannel(bias, f->channels, 1)) {
      // One number stands for all channels only where there is one.
      return ConstantOf(bias)->num_elements() == f->channels && Shift(*constant, f);
    }
    if (f->shift || ConstantOf(bias)) return false;
    f->bias = bias;
    return true;
  }

  // (x - mean) / sqrt(variance + epsilon) * scale + offset, of constants.
  bool JoinBatchNorm(const PlanNode& n, Fusion* f) const {
    const bool* training = n.FindAttrOf<bool>("is_training");
    const float* epsilon = n.FindAttrOf<float>("epsilon");
    if (!training || *training || !epsilon || !HasFormat(n, "NHWC") || n.inputs.size() != 5)
      return false;
    // Only the normalised tensor is read.
    for (const PlanNode* user : UsersOf(&n)) {
      for (const PlanEdge& e : user->inputs) {
        if (e.node == &n && e.index != 0) return false;
      }
    }
    for (const PlanEdge& e : graph_.fetches) {
      if (e.node == &n && e.index != 0) return false;
    }
    std::optional<Floats> v[4];
    for (size_t i = 0; i < 4; ++i) {
      v[i] = PerChannel(n.inputs[i + 1], f->channels, 1);
      if (!v[i] || ConstantOf(n.inputs[i + 1])->num_elements() != f->channels) return false;
    }
    const Floats &scale = *v[0], &offset = *v[1], &mean = *v[2], &variance = *v[3];
    Floats factor(scale.size()), shift(scale.size());
    for (size_t c = 0; c < scale.size(); ++c) {
      factor[c] = scale[c] / std::sqrt(variance[c] + *epsilon);
      shift[c] = offset[c] - mean[c] * factor[c];
    }
    return Scale(factor, f) && Shift(shift, f);
  }
  std::vector<PlanNode*> UsersOf(const PlanNode* n) const {
    const auto it = users_.find(n);
    return it == users_.end() ? std::vector<PlanNode*>() : it->second;
  }

  PlanEdge AddConstant(const Fusion& f, const char* what, Array value) {
    PlanNode* c = graph_.Add();
    c->order = f.conv->order;
    c->name = StrCat(f.last->name, "/_folded_", what);
    c->op = "Const";
    c->def = OpRegistry::Global().Find("Const");
    c->device = f.conv->device;
    c->output_types = {kFloat32};
    c->attrs = {{"dtype", kFloat32}, {"value", std::move(value)}};
    return {c, 0};
  }

  void Replace(const Fusion& f) {
    const PlanNode& conv = *f.conv;
    AttrMap attrs = {{"T", kFloat32},
                     {"constant_filter", true},
                     {"depthwise", conv.op != "Conv2D"},
                     {"bias", f.has_bias()},
                     {"add", f.addend.node != nullptr},
                     {"activation", f.activation}};
    for (const char* name :
         {"strides", "padding", "explicit_paddings", "data_format", "dilations"}) {
      if (const auto it = conv.attrs.find(name); it != conv.attrs.end())
        attrs.emplace(name, it->second);
    }
    if (f.scale) {
      // The kernel scales the filter as it packs it: no second copy of the constant.
      Array scale(kFloat32, Shape({f.channels}));
      std::copy(f.scale->begin(), f.scale->end(), scale.mutable_data<float>());
      attrs.emplace("filter_scale", std::move(scale));
    }
    std::vector<PlanEdge> inputs = {conv.inputs[0], conv.inputs[1]};
    if (f.bias.node) inputs.push_back(f.bias);
    if (f.shift) {
      Array bias(kFloat32, Shape({f.channels}));
      std::copy(f.shift->begin(), f.shift->end(), bias.mutable_data<float>());
      inputs.push_back(AddConstant(f, "bias", std::move(bias)));
    }
    if (f.addend.node) inputs.push_back(f.addend);
    std::unordered_set<PlanNode*> control;
    for (const PlanNode* n : f.members)
      control.insert(n->control_inputs.begin(), n->control_inputs.end());
    f.last->op = "_FusedConv2D";
    f.last->attrs = std::move(attrs);
    f.last->input_types.assign(inputs.size(), kFloat32);
    f.last->inputs = std::move(inputs);
    f.last->control_inputs.assign(control.begin(), control.end());
    f.last->output_types = {kFloat32, kUint8};
  }

  PlanGraph& graph_;
  std::unordered_map<const PlanNode*, std::vector<PlanNode*>> users_;
  std::unordered_set<const PlanNode*> fixed_, taken_;
};

}  // namespace

void FuseConvolutions(PlanGraph* graph) { ConvFuser(graph).Run(); }

}  // namespace weft
