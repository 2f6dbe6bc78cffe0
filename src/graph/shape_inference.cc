// SPDX-License-Identifier: Apache-2.0
// Runs shape functions.
#include "src/core/strings.h"
#include "src/graph/graph_impl.h"

namespace weft {
namespace {

class NodeShapeContext final : public ShapeContext {
 public:
  explicit NodeShapeContext(Node* node) : node_(*node), outputs_(node->output_types.size()) {}

  const Node& node() const override { return node_; }
  int num_inputs() const override { return static_cast<int>(node_.inputs.size()); }
  int num_outputs() const override { return static_cast<int>(outputs_.size()); }
  const PartialShape& input(int i) const override {
    static const auto* const unknown = new PartialShape();
    const Tensor& t = node_.inputs[static_cast<size_t>(i)];
    return t.valid() ? t.node()->output_shapes[static_cast<size_t>(t.index())] : *unknown;
  }
  DataType input_dtype(int i) const override {
    return RemoveRef(node_.input_types[static_cast<size_t>(i)]);
  }
  const Array* input_constant(int i) override {
    const Tensor& t = node_.inputs[static_cast<size_t>(i)];
    return t.valid() ? ConstantValue(t) : nullptr;
  }
  absl::StatusOr<PartialShape> input_as_shape(int i) override {
    const Tensor& t = node_.inputs[static_cast<size_t>(i)];
    if (!t.valid()) return PartialShape::Unknown();
    return ConstantValueAsShape(t);
  }
  const std::vector<HandleData>* input_handle_data(int i) const override {
    const Tensor& t = node_.inputs[static_cast<size_t>(i)];
    return t.valid() ? t.node()->HandlesOf(t.index()) : nullptr;
  }
  void set_output(int i, PartialShape shape) override {
    outputs_[static_cast<size_t>(i)] = std::move(shape);
  }
  void set_output_handle_data(int i, std::vector<HandleData> data) override {
    handles_.resize(outputs_.size());
    handles_[static_cast<size_t>(i)] = std::move(data);
  }
  const AttrValue* FindAttr(std::string_view name) const override { return node_.FindAttr(name); }
  std::pair<int, int> input_range(std::string_view arg) const override {
    return InputRange(node_, arg);
  }

  void Store() {
    node_.output_shapes = std::move(outputs_);
    node_.output_handles = std::move(handles_);
  }

 private:
  Node& node_;
  std::vector<PartialShape> outputs_;
  std::vector<std::vector<HandleData>> handles_;  // empty while none are set
};

}  // namespace

absl::Status InferShapes(Node* node) {
  NodeShapeContext context(node);
  absl::Status status;
  if (node->def->shape_fn()) status = node->def->shape_fn()(context);
  if (status.ok()) {
    context.Store();
    return status;
  }
  const std::string shapes = StrJoin(node->inputs, ", ", [](std::string* s, const Tensor& t) {
    StrAppend(s,
              t.valid() ? t.node()->output_shapes[static_cast<size_t>(t.index())].ToString() : "?");
  });
  return absl::Status(status.code(), StrCat(status.message(), " for '", node->name, "' (op: '",
                                            node->type(), "') with input shapes: ", shapes, "."));
}

absl::StatusOr<PartialShape> ShapeContext::WithRank(const PartialShape& s, int rank) const {
  if (!s.known_rank()) return PartialShape::UnknownOfRank(rank);
  if (s.rank() == rank) return s;
  return absl::InvalidArgumentError(StrCat("Shape must be rank ", rank, " but is rank ", s.rank()));
}
absl::StatusOr<PartialShape> ShapeContext::WithRankAtLeast(const PartialShape& s, int rank) const {
  if (!s.known_rank() || s.rank() >= rank) return s;
  return absl::InvalidArgumentError(
      StrCat("Shape must be at least rank ", rank, " but is rank ", s.rank()));
}
absl::StatusOr<PartialShape> ShapeContext::WithRankAtMost(const PartialShape& s, int rank) const {
  if (!s.known_rank() || s.rank() <= rank) return s;
  return absl::InvalidArgumentError(
      StrCat("Shape must be at most rank ", rank, " but is rank ", s.rank()));
}
absl::StatusOr<PartialShape> ShapeContext::Merge(const PartialShape& a,
                                                 const PartialShape& b) const {
  PartialShape merged;
  if (PartialShape::Merge(a, b, &merged)) return merged;
  if (a.rank() != b.rank())
    return absl::InvalidArgumentError(
        StrCat("Shapes must be equal rank, but are ", a.rank(), " and ", b.rank()));
  for (int i = 0; i < a.rank(); ++i) {
    if (a.dim(i) >= 0 && b.dim(i) >= 0 && a.dim(i) != b.dim(i)) {
      return absl::InvalidArgumentError(
          StrCat("Dimension ", i, " in both shapes must be equal, but are ", a.dim(i), " and ",
                 b.dim(i), ". Shapes are ", a.ToString(), " and ", b.ToString(), "."));
    }
  }
  return absl::InternalError("shapes don't merge");
}
absl::StatusOr<int64_t> ShapeContext::MergeDim(int64_t a, int64_t b) const {
  if (a < 0) return b;
  if (b < 0 || a == b) return a;
  return absl::InvalidArgumentError(StrCat("Dimensions must be equal, but are ", a, " and ", b));
}

namespace shape {

absl::Status SameAsInput(ShapeContext& c) {
  for (int i = 0; i < c.num_outputs(); ++i) {
    c.set_output(i, c.input(0));
    if (const auto* data = c.input_handle_data(0)) c.set_output_handle_data(i, *data);
  }
  return absl::OkStatus();
}

absl::Status MergeOfInputs(ShapeContext& c) {
  PartialShape merged = c.num_inputs() > 0 ? c.input(c.num_inputs() - 1) : PartialShape::Unknown();
  for (int i = c.num_inputs() - 2; i >= 0; --i) {
    WEFT_ASSIGN_OR_RETURN(merged, c.Merge(c.input(i), merged));
  }
  c.set_output(0, merged);
  return absl::OkStatus();
}

absl::Status Scalar(ShapeContext& c) {
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, PartialShape::Scalar());
  return absl::OkStatus();
}
absl::Status Unknown(ShapeContext&) { return absl::OkStatus(); }
absl::Status NoOutputs(ShapeContext&) { return absl::OkStatus(); }

absl::Status Broadcast(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, BroadcastShapes(c.input(0), c.input(1)));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::StatusOr<PartialShape> BroadcastShapes(const PartialShape& a, const PartialShape& b) {
  if (!a.known_rank() || !b.known_rank()) return PartialShape::Unknown();
  const int rank = std::max(a.rank(), b.rank());
  PartialShape out = PartialShape::UnknownOfRank(rank);
  for (int i = 1; i <= rank; ++i) {
    const int64_t x = i <= a.rank() ? a.dim(a.rank() - i) : 1;
    const int64_t y = i <= b.rank() ? b.dim(b.rank() - i) : 1;
    int64_t d = kUnknownDim;
    if (x == 1)
      d = y;
    else if (y == 1)
      d = x;
    else if (x < 0)
      d = y;  // y is > 1, 0 or unknown: x must be 1 or the same
    else if (y < 0)
      d = x;
    else if (x == y)
      d = x;
    else
      return absl::InvalidArgumentError(StrCat("Dimensions must be equal, but are ", x, " and ", y,
                                               ": shapes ", a.ToString(), " and ", b.ToString(),
                                               " don't broadcast"));
    out.set_dim(rank - i, d);
  }
  return out;
}

absl::Status Reduction(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape axes_shape, c.WithRankAtMost(c.input(1), 1));
  const PartialShape& in = c.input(0);
  const bool keep_dims = c.Attr<bool>("keep_dims");
  const Array* axes = c.input_constant(1);
  if (!axes) {
    if (keep_dims && in.known_rank()) c.set_output(0, PartialShape::UnknownOfRank(in.rank()));
    // With a known number of distinct axes the rank would follow, but they may repeat.
    return absl::OkStatus();
  }
  if (!in.known_rank()) return absl::OkStatus();
  std::vector<bool> reduced(static_cast<size_t>(in.rank()), false);
  for (int64_t i = 0; i < axes->num_elements(); ++i) {
    const int64_t axis = axes->AsInt64(i);
    if (axis < -in.rank() || axis >= in.rank()) {
      return absl::InvalidArgumentError(StrCat("Invalid reduction dimension ", axis,
                                               " for input with ", in.rank(), " dimensions"));
    }
    reduced[static_cast<size_t>(axis < 0 ? axis + in.rank() : axis)] = true;
  }
  PartialShape out = PartialShape::Scalar();
  for (int i = 0; i < in.rank(); ++i) {
    if (!reduced[static_cast<size_t>(i)])
      out.AddDim(in.dim(i));
    else if (keep_dims)
      out.AddDim(1);
  }
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status FromAttr(ShapeContext& c) {
  const PartialShape s = c.Attr<PartialShape>("shape");
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, s);
  return absl::OkStatus();
}

absl::StatusOr<int> NormalizeAxis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    return absl::InvalidArgumentError(
        StrCat("axis ", axis, " must be in range [", -rank, ", ", rank, ")"));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

namespace {
template <typename Op>
absl::StatusOr<int64_t> Arithmetic(int64_t a, int64_t b, const char* sign, Op&& op) {
  if (a < 0 || b < 0) return kUnknownDim;
  int64_t r = 0;
  if (op(a, b, &r) || r < 0)
    return absl::InvalidArgumentError(
        StrCat("dimension size ", a, " ", sign, " ", b, " is out of range"));
  return r;
}
}  // namespace

absl::StatusOr<int64_t> AddDims(int64_t a, int64_t b) {
  return Arithmetic(
      a, b, "+", [](int64_t x, int64_t y, int64_t* r) { return __builtin_add_overflow(x, y, r); });
}
absl::StatusOr<int64_t> SubDims(int64_t a, int64_t b) {
  return Arithmetic(
      a, b, "-", [](int64_t x, int64_t y, int64_t* r) { return __builtin_sub_overflow(x, y, r); });
}
absl::StatusOr<int64_t> MulDims(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  return Arithmetic(
      a, b, "*", [](int64_t x, int64_t y, int64_t* r) { return __builtin_mul_overflow(x, y, r); });
}

}  // namespace shape
}  // namespace weft
