// SPDX-License-Identifier: Apache-2.0
// What can be said of a tensor's value while the graph is built: whole constants, and vectors of
// sizes of which only some elements are known (from Shape of a partly known shape, Pack, slices,
// simple arithmetic).
#include <algorithm>
#include <optional>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/graph_impl.h"

namespace weft {
namespace {

// Values larger than this are of no use to shape functions and cost memory.
constexpr int64_t kMaxElements = 1 << 16;
constexpr int kMaxFoldDepth = 100;

using Elements = std::vector<std::optional<int64_t>>;

const PartialShape& ShapeOf(const Tensor& t) {
  return t.node()->output_shapes[static_cast<size_t>(t.index())];
}

const Array* Remember(const Tensor& t, Array value) {
  GraphImpl& graph = *t.node()->graph;
  return &graph.constants.insert_or_assign(t, std::move(value)).first->second;
}

const Array* Evaluate(const Tensor& t, int depth);

// Shape, Size and Rank of fully known shapes are constants although their input is not.
std::optional<Array> FromStaticShape(const Tensor& t) {
  const Node& node = *t.node();
  if (node.inputs.empty() || !node.inputs[0].valid()) return std::nullopt;
  const std::string& type = node.type();
  const size_t input = type == "ShapeN" ? static_cast<size_t>(t.index()) : 0;
  if (type != "Shape" && type != "ShapeN" && type != "Size" && type != "Rank") return std::nullopt;
  const PartialShape& shape = ShapeOf(node.inputs[input]);
  if (type == "Rank")
    return shape.known_rank() ? std::optional<Array>(Array(static_cast<int32_t>(shape.rank())))
                              : std::nullopt;
  if (!shape.IsFullyKnown()) return std::nullopt;
  const bool wide = RemoveRef(t.dtype()) == kInt64;
  if (type == "Size") {
    const int64_t n = shape.num_elements();
    if (n < 0) return std::nullopt;
    return wide ? Array(n) : Array(static_cast<int32_t>(n));
  }
  if (wide)
    return Array::FromVector(std::vector<int64_t>(shape.dims().begin(), shape.dims().end()));
  return Array::FromVector(std::vector<int32_t>(shape.dims().begin(), shape.dims().end()));
}

const Array* EvaluateUncached(const Tensor& t, int depth) {
  const Node& node = *t.node();
  if (node.type() == "Const") return node.FindAttrOf<Array>("value");
  if (depth > kMaxFoldDepth || node.def->is_stateful() || node.inputs.empty()) return nullptr;
  if (std::optional<Array> a = FromStaticShape(t)) return Remember(t, *std::move(a));
  // Ops whose meaning is not just a function of their inputs' values.
  static const auto* const excluded = new std::set<std::string, std::less<>>{
      "Placeholder", "PlaceholderWithDefault", "Switch",  "Merge", "Enter",
      "Exit",        "NextIteration",          "LoopCond"};
  if (excluded->contains(node.type())) return nullptr;
  const PartialShape& shape = ShapeOf(t);
  if (shape.IsFullyKnown() && shape.num_elements() > kMaxElements) return nullptr;
  std::vector<Array> inputs, outputs;
  for (const Tensor& in : node.inputs) {
    if (!in.valid() || IsRef(in.dtype())) return nullptr;
    const Array* a = Evaluate(in, depth + 1);
    if (!a || a->num_elements() > kMaxElements) return nullptr;
    inputs.push_back(*a);
  }
  if (!EvaluateNode(node, inputs, &outputs)) return nullptr;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].valid()) Remember(Tensor(t.node(), static_cast<int>(i)), outputs[i]);
  }
  auto it = node.graph->constants.find(t);
  return it == node.graph->constants.end() ? nullptr : &it->second;
}

const Array* Evaluate(const Tensor& t, int depth) {
  GraphImpl& graph = *t.node()->graph;
  if (auto it = graph.constants.find(t); it != graph.constants.end()) return &it->second;
  if (graph.not_constants.contains(t)) return nullptr;
  const Array* value = EvaluateUncached(t, depth);
  // A value cut off by the depth limit may be found from a nearer start.
  if (!value && depth < kMaxFoldDepth / 2) graph.not_constants.insert(t);
  return value;
}

std::optional<Elements> Partial(const Tensor& t, int depth);

Elements FromArray(const Array& a) {
  Elements e;
  for (int64_t i = 0; i < a.num_elements(); ++i) e.push_back(a.AsInt64(i));
  return e;
}

std::optional<Elements> PartialOfShape(const PartialShape& shape) {
  if (!shape.known_rank()) return std::nullopt;
  Elements e;
  for (int64_t d : shape.dims()) e.push_back(d < 0 ? std::nullopt : std::optional<int64_t>(d));
  return e;
}

// Concatenates the elements of inputs [first, last); unknown parts of known length are unknown
// elements.
std::optional<Elements> PartialConcat(const Node& node, size_t first, size_t last, int depth) {
  Elements all;
  for (size_t i = first; i < last; ++i) {
    std::optional<Elements> part = Partial(node.inputs[i], depth);
    if (!part) {
      const PartialShape& s = ShapeOf(node.inputs[i]);
      if (!s.IsFullyKnown() || s.num_elements() > kMaxRank) return std::nullopt;
      part = Elements(static_cast<size_t>(s.num_elements()));
    }
    all.insert(all.end(), part->begin(), part->end());
    if (all.size() > static_cast<size_t>(kMaxElements)) return std::nullopt;
  }
  return all;
}

// x[begin:end:stride] and x[i] of a vector; other forms are left unknown.
std::optional<Elements> PartialStridedSlice(const Node& node, int depth) {
  const std::optional<Elements> x = Partial(node.inputs[0], depth);
  if (!x || ShapeOf(node.inputs[0]).rank() != 1) return std::nullopt;
  int64_t spec[3];
  for (size_t i = 0; i < 3; ++i) {
    const Array* a = Evaluate(node.inputs[i + 1], depth);
    if (!a || a->num_elements() != 1) return std::nullopt;
    spec[i] = a->AsInt64(0);
  }
  auto mask = [&](const char* name) {
    const int64_t* m = node.FindAttrOf<int64_t>(name);
    return m ? *m : 0;
  };
  if (mask("ellipsis_mask") || mask("new_axis_mask")) return std::nullopt;
  const int64_t n = static_cast<int64_t>(x->size());
  auto [begin, end, stride] = spec;
  if (mask("shrink_axis_mask") & 1) {
    const int64_t i = begin < 0 ? begin + n : begin;
    if (i < 0 || i >= n) return std::nullopt;
    return Elements{(*x)[static_cast<size_t>(i)]};
  }
  if (stride == 0) return std::nullopt;
  const int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? n : n - 1;
  auto clamp = [&](int64_t i) { return std::clamp(i < 0 ? i + n : i, low, high); };
  begin = mask("begin_mask") & 1 ? (stride > 0 ? low : high) : clamp(begin);
  end = mask("end_mask") & 1 ? (stride > 0 ? high : low) : clamp(end);
  Elements e;
  for (int64_t i = begin; stride > 0 ? i < end : i > end; i += stride)
    e.push_back((*x)[static_cast<size_t>(i)]);
  return e;
}

std::optional<Elements> PartialSlice(const Node& node, int depth) {
  const std::optional<Elements> x = Partial(node.inputs[0], depth);
  const Array* begin = Evaluate(node.inputs[1], depth);
  const Array* size = Evaluate(node.inputs[2], depth);
  if (!x || !begin || !size || begin->num_elements() != 1 || size->num_elements() != 1)
    return std::nullopt;
  const int64_t n = static_cast<int64_t>(x->size()), b = begin->AsInt64(0);
  if (b < 0 || b > n) return std::nullopt;
  const int64_t s = size->AsInt64(0) < 0 ? n - b : size->AsInt64(0);
  if (s > n - b) return std::nullopt;
  return Elements(x->begin() + b, x->begin() + b + s);
}

std::optional<Elements> PartialGather(const Node& node, int depth) {
  const std::optional<Elements> x = Partial(node.inputs[0], depth);
  const Array* indices = Evaluate(node.inputs[1], depth);
  if (!x || !indices || ShapeOf(node.inputs[0]).rank() != 1) return std::nullopt;
  Elements e;
  for (int64_t i = 0; i < indices->num_elements(); ++i) {
    const int64_t at = indices->AsInt64(i);
    if (at < 0 || at >= static_cast<int64_t>(x->size())) return std::nullopt;
    e.push_back((*x)[static_cast<size_t>(at)]);
  }
  return e;
}

std::optional<int64_t> Apply(const std::string& op, int64_t a, int64_t b) {
  int64_t r = 0;
  if (op == "Mul")
    return __builtin_mul_overflow(a, b, &r) ? std::nullopt : std::optional<int64_t>(r);
  if (op == "Sub")
    return __builtin_sub_overflow(a, b, &r) ? std::nullopt : std::optional<int64_t>(r);
  if (op == "Maximum") return std::max(a, b);
  if (op == "Minimum") return std::min(a, b);
  if (op == "FloorDiv") {
    if (b <= 0) return std::nullopt;
    return a / b - (a % b < 0);
  }
  return __builtin_add_overflow(a, b, &r) ? std::nullopt : std::optional<int64_t>(r);
}

std::optional<Elements> PartialBinary(const Node& node, int depth) {
  const std::optional<Elements> a = Partial(node.inputs[0], depth),
                                b = Partial(node.inputs[1], depth);
  if (!a || !b || a->empty() || b->empty()) return std::nullopt;
  if (a->size() != b->size() && a->size() != 1 && b->size() != 1) return std::nullopt;
  Elements e(std::max(a->size(), b->size()));
  for (size_t i = 0; i < e.size(); ++i) {
    const std::optional<int64_t>& x = (*a)[a->size() == 1 ? 0 : i];
    const std::optional<int64_t>& y = (*b)[b->size() == 1 ? 0 : i];
    if (x && y) e[i] = Apply(node.type(), *x, *y);
  }
  return e;
}

// The elements of an integer scalar or vector, as far as they are known.
std::optional<Elements> Partial(const Tensor& t, int depth) {
  if (!t.valid() || ++depth > kMaxFoldDepth || !IsInteger(t.dtype())) return std::nullopt;
  if (const Array* a = Evaluate(t, depth))
    return a->num_elements() <= kMaxElements ? std::optional<Elements>(FromArray(*a))
                                             : std::nullopt;
  const Node& node = *t.node();
  const std::string& type = node.type();
  if (node.inputs.empty()) return std::nullopt;
  if (type == "Shape" || type == "ShapeN")
    return PartialOfShape(
        ShapeOf(node.inputs[type == "Shape" ? 0 : static_cast<size_t>(t.index())]));
  if (type == "Pack" && ShapeOf(t).rank() == 1)
    return PartialConcat(node, 0, node.inputs.size(), depth);
  if (type == "ConcatV2") return PartialConcat(node, 0, node.inputs.size() - 1, depth);
  if (type == "Concat") return PartialConcat(node, 1, node.inputs.size(), depth);
  if (type == "StridedSlice") return PartialStridedSlice(node, depth);
  if (type == "Slice") return PartialSlice(node, depth);
  if (type == "Gather" || type == "GatherV2") return PartialGather(node, depth);
  if (type == "Cast" || type == "Identity" || type == "Snapshot" || type == "StopGradient" ||
      type == "PreventGradient")
    return Partial(node.inputs[0], depth);
  if ((type == "Reshape" || type == "Squeeze" || type == "ExpandDims") && ShapeOf(t).rank() <= 1 &&
      ShapeOf(t).known_rank())
    return Partial(node.inputs[0], depth);
  if (type == "Mul" || type == "Add" || type == "AddV2" || type == "Sub" || type == "FloorDiv" ||
      type == "Maximum" || type == "Minimum")
    return PartialBinary(node, depth);
  return std::nullopt;
}

}  // namespace

const Array* ConstantValue(const Tensor& t) {
  std::lock_guard lock(t.node()->graph->mu());
  return Evaluate(t, 0);
}

absl::StatusOr<PartialShape> ConstantValueAsShape(const Tensor& t) {
  std::lock_guard lock(t.node()->graph->mu());
  const PartialShape& own = ShapeOf(t);
  if (own.known_rank() && own.rank() > 1)
    return absl::InvalidArgumentError(
        StrCat("Input tensor must be rank 1 (or a scalar -1), but was rank ", own.rank()));
  const std::optional<Elements> elements = Partial(t, 0);
  if (own.rank() == 0) {
    // A scalar stands for an unknown shape, and must then be -1.
    if (elements && (*elements)[0] && *(*elements)[0] != -1) {
      return absl::InvalidArgumentError(
          StrCat("Input tensor must be rank 1, or if its rank 0 it must have value -1 "
                 "(representing an unknown shape).  Saw value: ",
                 *(*elements)[0]));
    }
    return PartialShape::Unknown();
  }
  if (!elements) {
    const int64_t n = own.dim(0);
    return own.known_rank() && n >= 0 && n <= kMaxRank
               ? PartialShape::UnknownOfRank(static_cast<int>(n))
               : PartialShape::Unknown();
  }
  if (elements->size() > static_cast<size_t>(kMaxRank)) {
    return absl::InvalidArgumentError(
        StrCat("a shape of ", elements->size(), " dimensions; at most ", kMaxRank, " are allowed"));
  }
  PartialShape shape = PartialShape::Scalar();
  for (const std::optional<int64_t>& e : *elements) {
    if (e && *e < -1)
      return absl::InvalidArgumentError(StrCat("Invalid value in tensor used for shape: ", *e));
    shape.AddDim(e ? *e : kUnknownDim);
  }
  Shape valid;
  std::string why;
  if (shape.IsFullyKnown() && !Shape::Make(shape.dims(), &valid, &why))
    return absl::InvalidArgumentError(why);
  return shape;
}

}  // namespace weft
