// SPDX-License-Identifier: Apache-2.0
// FoldBatchNorms.
#include <array>
#include <cmath>
#include <iostream>
#include <unordered_set>
#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/graph_util/node_index.h"
#include "src/graph/proto_convert.h"
#include "weft/core/half.h"
#include "weft/framework/graph_util.h"

namespace weft::graph_util {
namespace {

// Where each op has its inputs, and the name of its epsilon.
struct BatchNormForm {
  std::string_view op;
  int conv, mean, variance, beta, gamma;
  const char* epsilon;
};
constexpr std::array<BatchNormForm, 3> kForms = {{
    {"BatchNormWithGlobalNormalization", 0, 1, 2, 3, 4, "variance_epsilon"},
    {"FusedBatchNorm", 0, 3, 4, 2, 1, "epsilon"},
    {"FusedBatchNormV3", 0, 3, 4, 2, 1, "epsilon"},
}};

const BatchNormForm* FindForm(const std::string& op) {
  for (const BatchNormForm& form : kForms) {
    if (form.op == op) return &form;
  }
  return nullptr;
}

bool IsConvolution(const proto::NodeDef* node) {
  return node && (node->op() == "Conv2D" || node->op() == "DepthwiseConv2dNative");
}
bool IsAddition(const proto::NodeDef& node) {
  return node.op() == "BiasAdd" || node.op() == "Add" || node.op() == "AddV2";
}

// The nearest value of the dtype.
double Rounded(DataType dtype, double value) {
  switch (dtype) {
    case kFloat32:
      return static_cast<float>(value);
    case kFloat16:
      return static_cast<float>(half(static_cast<float>(value)));
    default:
      return value;
  }
}

void SetElement(Array* a, int64_t i, double value) {
  switch (a->dtype()) {
    case kFloat32:
      a->mutable_data<float>()[i] = static_cast<float>(value);
      break;
    case kFloat16:
      a->mutable_data<half>()[i] = half(static_cast<float>(value));
      break;
    default:
      a->mutable_data<double>()[i] = value;
  }
}

void SetConst(const std::string& name, const Array& value, proto::NodeDef* node) {
  node->set_name(name);
  node->set_op("Const");
  (*node->mutable_attr())["dtype"].set_type(static_cast<proto::DataType>(value.dtype()));
  ArrayToProto(value, (*node->mutable_attr())["value"].mutable_tensor());
}

class BatchNormFolder {
 public:
  BatchNormFolder(const proto::GraphDef& def, const NodeIndex& nodes) : def_(def), nodes_(nodes) {}

  absl::StatusOr<proto::GraphDef> Run() {
    CountUses();
    for (const proto::NodeDef& node : def_.node()) {
      if (const BatchNormForm* form = FindForm(node.op())) {
        WEFT_ASSIGN_OR_RETURN(const std::string objection, Fold(node, *form));
        if (!objection.empty()) std::clog << StrCat("WARNING: FoldBatchNorms: ", objection, "\n");
      }
    }
    proto::GraphDef out;
    for (const proto::NodeDef& node : def_.node()) {
      if (gone_.contains(node.name())) continue;
      proto::NodeDef* kept = out.add_node();
      *kept = node;
      kept->clear_input();
      for (const std::string& input : node.input()) {
        if (!input.starts_with('^') || !gone_.contains(input.substr(1))) kept->add_input(input);
      }
    }
    for (proto::NodeDef& node : added_) *out.add_node() = std::move(node);
    if (def_.has_library()) *out.mutable_library() = def_.library();
    if (def_.has_versions()) *out.mutable_versions() = def_.versions();
    return out;
  }

 private:
  struct Pattern {
    const proto::NodeDef* conv = nullptr;
    const proto::NodeDef* addition = nullptr;  // with `bias`, or nullptr
    const proto::NodeDef* bias = nullptr;
  };

  void CountUses() {
    for (const proto::NodeDef& node : def_.node()) {
      for (const std::string& input : node.input()) {
        if (input.starts_with('^')) continue;
        const Source source = ParseSource(input);
        ++uses_[source.node];
        if (source.index > 0) statistics_used_.insert(source.node);
      }
    }
  }

  const proto::NodeDef* InputOf(const proto::NodeDef& node, int i) const {
    return i < node.input_size() ? nodes_.SourceOf(node.input(i)) : nullptr;
  }

  Pattern FindPattern(const proto::NodeDef& norm, const BatchNormForm& form) const {
    Pattern p;
    p.conv = InputOf(norm, form.conv);
    if (!p.conv || !IsAddition(*p.conv)) return p;
    p.addition = p.conv;
    const int first = IsConvolution(InputOf(*p.addition, 0)) ? 0 : 1;
    p.conv = InputOf(*p.addition, first);
    p.bias = InputOf(*p.addition, 1 - first);
    return p;
  }

  // A Const of `channels` floating-point elements.
  absl::StatusOr<std::string> ReadVector(const proto::NodeDef& norm, const char* what, int input,
                                         int64_t channels, Array* value) const {
    const proto::NodeDef* node = InputOf(norm, input);
    if (!node || node->op() != "Const") {
      return StrCat("Didn't find expected ", what, " Constant input to '", norm.name(), "', found ",
                    node ? node->op() : "nothing",
                    " instead. Maybe because freeze_graph wasn't run first?");
    }
    WEFT_ASSIGN_OR_RETURN(*value, ReadConst(*node));
    if (value->shape() != Shape({channels}) || !IsSupported(value->dtype())) {
      return StrCat("Incorrect shape for ", what, ", found ", value->shape().ToString(),
                    ", expected (", channels, ",), for node ", norm.name());
    }
    return std::string();
  }

  static bool IsSupported(DataType t) { return t == kFloat32 || t == kFloat64 || t == kFloat16; }

  static absl::StatusOr<Array> ReadConst(const proto::NodeDef& node) {
    auto it = node.attr().find("value");
    if (it == node.attr().end()) {
      return absl::InvalidArgumentError(StrCat("Const node '", node.name(), "' has no value"));
    }
    return ArrayFromProto(it->second.tensor());
  }

  // Why a pattern stays as it is; empty if it was folded.
  absl::StatusOr<std::string> Fold(const proto::NodeDef& norm, const BatchNormForm& form) {
    const Pattern p = FindPattern(norm, form);
    if (!IsConvolution(p.conv)) {
      return StrCat("Didn't find expected Conv2D or DepthwiseConv2dNative input to '", norm.name(),
                    "'");
    }
    if (p.addition && (!p.bias || p.bias->op() != "Const")) {
      return StrCat("The bias ", p.bias ? p.bias->name() : "", " after the conv ", p.conv->name(),
                    " was not a constant. Maybe because freeze_graph wasn't run first?");
    }
    const proto::NodeDef* weights_node = InputOf(*p.conv, 1);
    if (!weights_node || weights_node->op() != "Const") {
      return StrCat("Didn't find expected conv Constant input to '", p.conv->name(), "', found ",
                    weights_node ? weights_node->op() : "nothing",
                    " instead. Maybe because freeze_graph wasn't run first?");
    }
    // What goes away must have no other users.
    if (uses_[p.conv->name()] > 1 || (p.addition && uses_[p.addition->name()] > 1)) {
      return StrCat("'", p.conv->name(), "' is used by other nodes than '", norm.name(), "'");
    }
    if (statistics_used_.contains(norm.name())) {
      return StrCat("other outputs of '", norm.name(), "' than the first are used");
    }
    if (IsTraining(norm)) return StrCat("'", norm.name(), "' computes its own mean and variance");
    WEFT_ASSIGN_OR_RETURN(Array weights, ReadConst(*weights_node));
    if (weights.rank() != 4 || !IsSupported(weights.dtype())) {
      return StrCat("the weights of '", p.conv->name(), "' have shape ", weights.shape().ToString(),
                    " and dtype ", DTypeName(weights.dtype()));
    }
    const bool depthwise = p.conv->op() == "DepthwiseConv2dNative";
    const int64_t channels = depthwise ? weights.dim(2) * weights.dim(3) : weights.dim(3);
    Array mean, variance, beta, gamma;
    for (auto [what, input, value] :
         {std::tuple("mean", form.mean, &mean), std::tuple("var", form.variance, &variance),
          std::tuple("beta", form.beta, &beta), std::tuple("gamma", form.gamma, &gamma)}) {
      WEFT_ASSIGN_OR_RETURN(std::string objection, ReadVector(norm, what, input, channels, value));
      if (!objection.empty()) return objection;
    }
    Array bias;
    if (p.bias) {
      WEFT_ASSIGN_OR_RETURN(bias, ReadConst(*p.bias));
      if ((bias.num_elements() != 1 && bias.shape() != Shape({channels})) ||
          !IsSupported(bias.dtype())) {
        return StrCat("the bias ", p.bias->name(), " has shape ", bias.shape().ToString());
      }
    }

    auto epsilon = norm.attr().find(form.epsilon);
    const double eps = epsilon == norm.attr().end() ? 1e-4f : epsilon->second.f();
    auto scaled = norm.attr().find("scale_after_normalization");
    const bool use_gamma = scaled == norm.attr().end() || scaled->second.b();
    std::vector<double> scale(static_cast<size_t>(channels));
    Array offset(mean.dtype(), mean.shape());
    for (int64_t c = 0; c < channels; ++c) {
      double& s = scale[static_cast<size_t>(c)];
      s = 1.0 / std::sqrt(Rounded(variance.dtype(), variance.AsDouble(c) + eps));
      if (use_gamma) s *= gamma.AsDouble(c);
      double m = mean.AsDouble(c);
      if (p.bias) {
        m = Rounded(mean.dtype(), m - bias.AsDouble(bias.num_elements() == 1 ? 0 : c));
      }
      SetElement(&offset, c, -m * s + beta.AsDouble(c));
    }
    weights = weights.Clone();
    // The channel is the last index, or the last two together: row-major order repeats them.
    for (int64_t i = 0; i < weights.num_elements(); ++i) {
      SetElement(&weights, i, weights.AsDouble(i) * scale[static_cast<size_t>(i % channels)]);
    }
    Replace(norm, p, *weights_node, weights, offset);
    return std::string();
  }

  static bool IsTraining(const proto::NodeDef& norm) {
    if (norm.op() == "BatchNormWithGlobalNormalization") return false;
    auto it = norm.attr().find("is_training");
    return it == norm.attr().end() || it->second.b();
  }

  void Replace(const proto::NodeDef& norm, const Pattern& p, const proto::NodeDef& weights_node,
               const Array& weights, const Array& offset) {
    gone_.insert(norm.name());
    gone_.insert(p.conv->name());
    if (p.addition) gone_.insert(p.addition->name());
    if (uses_[weights_node.name()] == 1) gone_.insert(weights_node.name());

    const std::string& conv_name = p.conv->name();
    SetConst(conv_name + "_weights", weights, &added_.emplace_back());
    proto::NodeDef conv = *p.conv;
    conv.set_input(1, conv_name + "_weights");
    added_.push_back(std::move(conv));
    SetConst(conv_name + "_bn_offset", offset, &added_.emplace_back());
    proto::NodeDef add;
    add.set_name(norm.name());
    add.set_op("BiasAdd");
    add.add_input(conv_name);
    add.add_input(conv_name + "_bn_offset");
    for (const char* attr : {"T", "data_format"}) {
      auto it = p.conv->attr().find(attr);
      if (it != p.conv->attr().end()) (*add.mutable_attr())[attr] = it->second;
    }
    added_.push_back(std::move(add));
  }

  const proto::GraphDef& def_;
  const NodeIndex& nodes_;
  std::unordered_map<std::string_view, int> uses_;
  std::unordered_set<std::string_view> statistics_used_;  // nodes with users of a later output
  std::unordered_set<std::string> gone_;
  std::vector<proto::NodeDef> added_;
};

absl::StatusOr<proto::GraphDef> Fold(const proto::GraphDef& def) {
  WEFT_ASSIGN_OR_RETURN(const NodeIndex nodes, NodeIndex::Make(def));
  return BatchNormFolder(def, nodes).Run();
}

}  // namespace

GraphDef FoldBatchNorms(const GraphDef& def) { return GraphDef(ValueOrThrow(Fold(def.proto()))); }

}  // namespace weft::graph_util
