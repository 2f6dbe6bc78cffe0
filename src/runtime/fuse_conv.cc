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
// A depthwise convolution by 3 x 3 filters and the 1 x 1 convolution that alone reads it become one
// _SeparableConv2D node: what lies between them stays in the caches.
//
// Float convolutions but these get working memory as an output of their own, so that it has a place
// in the plan's arena. kernels/cpu/nn_conv.cc and nn_conv_separable.cc run them.
#include <algorithm>
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
        if (CanFuse(*n)) {
          const Fusion f = Grow(n);
          if (!Precede(f)) Replace(f);
        } else {
          n->output_types.push_back(kUint8);
        }
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

  // All but the input image: filter, then bias.
  std::vector<PlanEdge> Operands(const Fusion& f) {
    std::vector<PlanEdge> operands = {f.conv->inputs[1]};
    if (f.bias.node) operands.push_back(f.bias);
    if (f.shift) {
      Array bias(kFloat32, Shape({f.channels}));
      std::copy(f.shift->begin(), f.shift->end(), bias.mutable_data<float>());
      operands.push_back(AddConstant(f, "bias", std::move(bias)));
    }
    return operands;
  }

  // The kernel scales the filter as it packs it: no second copy of the constant.
  static Array ScaleOf(const Fusion& f) {
    Array scale(kFloat32, Shape({f.channels}));
    std::copy(f.scale->begin(), f.scale->end(), scale.mutable_data<float>());
    return scale;
  }

  static void AddControl(const Fusion& f, PlanNode* n) {
    std::unordered_set<PlanNode*> control(n->control_inputs.begin(), n->control_inputs.end());
    for (const PlanNode* member : f.members)
      control.insert(member->control_inputs.begin(), member->control_inputs.end());
    n->control_inputs.assign(control.begin(), control.end());
  }

  void Replace(const Fusion& f) {
    const PlanNode& conv = *f.conv;
    if (IsPointwise(f)) pointwise_.emplace(&conv, f.last);
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
    if (f.scale) attrs.emplace("filter_scale", ScaleOf(f));
    std::vector<PlanEdge> inputs = Operands(f);
    inputs.insert(inputs.begin(), conv.inputs[0]);
    if (f.addend.node) inputs.push_back(f.addend);
    AddControl(f, f.last);
    f.last->op = "_FusedConv2D";
    f.last->attrs = std::move(attrs);
    f.last->input_types.assign(inputs.size(), kFloat32);
    f.last->inputs = std::move(inputs);
    f.last->output_types = {kFloat32, kUint8};
  }

  // ---- a depthwise convolution and a 1 x 1 convolution ------------------------------------------

  static bool HasOnes(const PlanNode& n, std::string_view attr) {
    const auto* const list = n.FindAttrOf<std::vector<int64_t>>(attr);
    return !list || std::all_of(list->begin(), list->end(), [](int64_t v) { return v == 1; });
  }

  static bool IsPointwise(const Fusion& f) {
    const Array& filter = *ConstantOf(f.conv->inputs[1]);
    const std::string* const padding = f.conv->FindAttrOf<std::string>("padding");
    return f.conv->op == "Conv2D" && filter.dim(0) == 1 && filter.dim(1) == 1 &&
           HasOnes(*f.conv, "strides") && padding && *padding != "EXPLICIT" && !f.addend.node;
  }

  // What kernels/cpu/depthwise.h takes.
  static bool IsSmallDepthwise(const Fusion& f) {
    const PlanNode& n = *f.conv;
    const Array& filter = *ConstantOf(n.inputs[1]);
    const auto* const strides = n.FindAttrOf<std::vector<int64_t>>("strides");
    return n.op == "DepthwiseConv2dNative" && filter.dim(0) == 3 && filter.dim(1) == 3 &&
           filter.dim(3) == 1 && strides && strides->size() == 4 && (*strides)[0] == 1 &&
           (*strides)[3] == 1 && (*strides)[1] == (*strides)[2] && (*strides)[1] >= 1 &&
           (*strides)[1] <= 2 && HasOnes(n, "dilations") && !f.addend.node;
  }

  // Makes the 1 x 1 convolution that alone reads the depthwise one of `f` compute that too. The
  // later one has been replaced already.
  bool Precede(const Fusion& f) {
    if (!IsSmallDepthwise(f) || fixed_.contains(f.last)) return false;
    const std::vector<PlanNode*> users = UsersOf(f.last);
    if (users.size() != 1) return false;
    const auto found = pointwise_.find(users[0]);
    if (found == pointwise_.end()) return false;
    PlanNode* const n = found->second;
    if (n->device != f.conv->device || !(n->inputs[0] == PlanEdge{f.last, 0})) return false;
    if (ConstantOf(n->inputs[1])->dim(2) != f.channels) return false;
    AttrMap attrs = {
        {"T", kFloat32}, {"depthwise_bias", f.has_bias()}, {"depthwise_activation", f.activation}};
    for (const char* name : {"bias", "activation", "filter_scale"}) {
      if (const auto it = n->attrs.find(name); it != n->attrs.end()) attrs.emplace(*it);
    }
    for (const char* name : {"strides", "padding", "explicit_paddings"}) {
      if (const auto it = f.conv->attrs.find(name); it != f.conv->attrs.end()) attrs.emplace(*it);
    }
    if (f.scale) attrs.emplace("depthwise_filter_scale", ScaleOf(f));
    // x, both filters, both biases.
    std::vector<PlanEdge> inputs = Operands(f);
    inputs.insert(inputs.begin(), f.conv->inputs[0]);
    inputs.insert(inputs.begin() + 2, n->inputs[1]);
    inputs.insert(inputs.end(), n->inputs.begin() + 2, n->inputs.end());
    n->op = "_SeparableConv2D";
    n->attrs = std::move(attrs);
    n->input_types.assign(inputs.size(), kFloat32);
    n->inputs = std::move(inputs);
    n->output_types = {kFloat32};
    AddControl(f, n);
    return true;
  }

  PlanGraph& graph_;
  std::unordered_map<const PlanNode*, std::vector<PlanNode*>> users_;
  std::unordered_set<const PlanNode*> fixed_, taken_;
  std::unordered_map<const PlanNode*, PlanNode*> pointwise_;  // what became of 1 x 1 convolutions
};

}  // namespace

void FuseConvolutions(PlanGraph* graph) { ConvFuser(graph).Run(); }

}  // namespace weft
