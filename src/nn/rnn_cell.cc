// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/rnn_cell.h"

#include <cctype>
#include <limits>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/nn/rnn_layer_cell.h"
#include "src/ops/op_scope.h"
#include "weft/ops/activation.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/matmul.h"
#include "weft/ops/nn.h"

namespace weft::nn::rnn_cell {
namespace {

std::string Describe(const RnnStateSize& size) {
  if (size.is_leaf()) return size.leaf().ToString();
  std::string text = "(";
  for (size_t i = 0; i < size.size(); ++i) StrAppend(&text, i ? ", " : "", Describe(size[i]));
  return text + ")";
}

VarScope OpenOnce(const std::string& name, const Graph& graph) {
  const VariableScope scope(name, {}, graph);
  return scope.scope();
}
VarScope OpenUnique(const std::string& name, const Graph& graph) {
  const VariableScope scope = VariableScope::Unique(name, {}, graph);
  return scope.scope();
}

}  // namespace

LSTMStateTuple::LSTMStateTuple(const RnnState& state) {
  if (state.size() != 2) {
    ThrowError(Code::kInvalidArgument,
               StrCat("the state of an LSTM is a pair (c, h), not a structure of ", state.size(),
                      " parts"));
  }
  c = state[0].leaf();
  h = state[1].leaf();
}

CellImpl& RNNCell::impl() const {
  if (!impl_) ThrowError(Code::kInvalidArgument, "this RNNCell refers to no cell");
  return *impl_;
}

CellResult RNNCell::operator()(const Input& inputs, const RnnState& state,
                               const std::string& scope) const {
  const RnnStateSize size = impl().state_size();
  if (!state.SameStructure(size)) {
    ThrowError(Code::kInvalidArgument,
               StrCat(impl().class_name(), ": the state must be of the structure ", Describe(size),
                      state.none() ? "; there is none" : ""));
  }
  const Tensor x = AsTensor(inputs, kInvalidType, "inputs");
  const GraphScope use(x.graph());
  return impl().Step(x, state, scope);
}

// ---- Zero states
// ---------------------------------------------------------------------------------

int64_t StaticSize(const Input& batch_size) {
  if (batch_size.is_tensor()) return kUnknownDim;
  return batch_size.array().valid() && batch_size.array().num_elements() == 1
             ? batch_size.array().AsInt64()
             : kUnknownDim;
}

namespace {

Tensor SizesOf(const Shape& shape) {
  std::vector<int32_t> sizes;
  for (const int64_t d : shape.dims()) {
    if (d > std::numeric_limits<int32_t>::max())
      ThrowError(Code::kInvalidArgument, StrCat("a state of size ", d, " is too large"));
    sizes.push_back(static_cast<int32_t>(d));
  }
  return Constant(Array::FromVector(sizes));
}

Tensor BatchVector(const Input& batch_size) {
  if (batch_size.is_tensor()) return ExpandDims(batch_size, 0);
  const int64_t n = StaticSize(batch_size);
  if (n < 0 || n > std::numeric_limits<int32_t>::max())
    ThrowError(Code::kInvalidArgument, StrCat("batch_size is ", n, ", which must be >= 0"));
  return SizesOf(Shape({n}));
}

}  // namespace

Tensor WithBatch(const Input& batch_size, const Shape& shape) {
  const Tensor batch = BatchVector(batch_size);
  const Tensor sizes = SizesOf(shape);
  return Concat({batch, sizes}, 0);
}

PartialShape StaticWithBatch(const Input& batch_size, const Shape& shape) {
  if (batch_size.is_tensor() || StaticSize(batch_size) >= 0) BatchVector(batch_size);
  SizesOf(shape);
  return PartialShape::Vector(StaticSize(batch_size)).Concatenate(PartialShape(shape));
}

RnnState CellImpl::ZeroState(const Input& batch_size, DataType dtype) const {
  const OpScope scope("", class_name() + "ZeroState", {&batch_size});
  const RnnStateSize size = state_size();
  std::vector<Tensor> zeros;
  for (const Shape& shape : size.Flatten()) {
    const Tensor sizes = WithBatch(batch_size, shape);
    zeros.push_back(Zeros(sizes, dtype));
    zeros.back().set_shape(StaticWithBatch(batch_size, shape));
  }
  return size.Pack(zeros);
}

int64_t TotalSize(const RnnStateSize& size) {
  int64_t total = 0;
  for (const Shape& shape : size.Flatten()) total += shape.num_elements();
  return total;
}

// ---- Layers
// --------------------------------------------------------------------------------------

// Words begin at an upper-case letter before a lower-case one, and after a lower-case one: the
// letters of LSTM and RNN are one word.
std::string SnakeCase(std::string_view name) {
  const auto is_upper = [](char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; };
  const auto is_lower = [](char c) { return std::islower(static_cast<unsigned char>(c)) != 0; };
  std::string snake;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool begins_word =
        is_upper(name[i]) && i > 0 &&
        (!is_upper(name[i - 1]) || (i + 1 < name.size() && is_lower(name[i + 1])));
    if (begins_word) snake.push_back('_');
    snake.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(name[i]))));
  }
  return snake;
}

LayerCell::LayerCell(Kind kind, std::string class_name, const std::string& name, bool reuse)
    : kind_(kind),
      class_name_(std::move(class_name)),
      base_name_(name.empty() ? SnakeCase(class_name_) : name),
      reuse_(reuse) {}

void LayerCell::FindScope(const std::string& scope, const Graph& graph) {
  if (found_) return;
  if (!scope.empty())
    scope_ = OpenOnce(scope, graph);
  else
    scope_ = reuse_ ? OpenOnce(base_name_, graph) : OpenUnique(base_name_, graph);
  found_ = true;
}

CellResult LayerCell::Step(const Tensor& inputs, const RnnState& state, const std::string& scope) {
  const Graph graph = inputs.graph();
  std::optional<VariableScope> around;
  if (kind_ == Kind::kRnnCell && scope.empty())
    around.emplace(VariableScope::Current(graph), VariableScopeOptions{}, graph);
  FindScope(scope, graph);
  VariableScopeOptions options;
  if (built_ || reuse_) options.reuse = Reuse::kTrue;
  options.auxiliary_name_scope = false;
  const VariableScope inside(scope_, options, graph);
  const NameScope names(scope_.original_name_scope(), graph);
  if (!built_) Build(inputs);
  // Only now: a cell whose variables can't be made is none.
  CellResult result = Call(inputs, state);
  built_ = true;
  return result;
}

int64_t InputSize(const CellImpl& cell, const Tensor& inputs) {
  const DataType dtype = InputDtype(inputs);
  if (!IsFloating(dtype) && !IsComplex(dtype)) {
    ThrowError(Code::kInvalidArgument,
               StrCat(cell.class_name(),
                      ": RNN cell only supports floating point inputs, but received dtype: ",
                      DTypeName(dtype)));
  }
  const PartialShape& shape = inputs.shape();
  if (shape.known_rank() && shape.rank() != 2) {
    ThrowError(Code::kInvalidArgument, StrCat(cell.class_name(), ": inputs must be of rank 2; '",
                                              inputs.name(), "' is of shape ", shape.ToString()));
  }
  if (!shape.known_rank() || shape.dim(1) < 0) {
    ThrowError(Code::kInvalidArgument,
               StrCat(cell.class_name(),
                      ": Expected inputs.shape[-1] to be known, received shape: ", shape.ToString(),
                      " of '", inputs.name(), "'"));
  }
  return shape.dim(1);
}

Variable Weight(std::string_view name, const Shape& shape, DataType dtype,
                const Initializer& initializer) {
  GetVariableOptions options;
  options.dtype = dtype;
  options.initializer = initializer;
  return GetVariable(name, shape, options);
}

Tensor LinearOf(const std::vector<Input>& args, const Variable& kernel, const Variable& bias) {
  const Tensor joined =
      args.size() == 1 ? AsTensor(args[0], kInvalidType, "inputs") : Concat(args, 1);
  const Tensor product = MatMul(joined, kernel);
  return bias.valid() ? BiasAdd(product, bias) : product;
}

Tensor Activate(const Activation& activation, const Tensor& x) {
  return activation ? activation(x) : Tanh(x);
}

Tensor Columns(const Tensor& x, int64_t begin, int64_t size) {
  return Slice(x, {0, begin}, {-1, size});
}

}  // namespace weft::nn::rnn_cell
