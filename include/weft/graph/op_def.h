// SPDX-License-Identifier: Apache-2.0
// The schema of op types: OpDef, the registry they live in, and what shape functions and gradient
// rules are given.
//
// For authors of ops (inside the library and outside); programs that only use ops don't need this
// header.
//
//   void RegisterMyOps(weft::OpRegistry& ops) {
//     ops.Add("Scale")
//         .Summary("x * factor")
//         .Attr("T: {float, double}").Attr("factor: float = 1.0")
//         .Input("x: T").Output("y: T")
//         .Shape(weft::shape::SameAsInput)
//         .Gradient([](weft::GradientContext& g) { g.SetDx(0, g.Op("Scale", {g.dy(0)}, {{"factor",
//         g.attr("factor")}})); });
//   }
//   RegisterMyOps(weft::OpRegistry::Global());
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/core/status_macros.h"
#include "weft/graph/attr_value.h"
#include "weft/graph/grad.h"
#include "weft/graph/tensor.h"

namespace weft {

class ShapeContext;
class GradientContext;
class OpRegistry;

using ShapeFn = std::function<absl::Status(ShapeContext&)>;
using GradientFn = std::function<void(GradientContext&)>;

// One attribute of an op type.
struct AttrDef {
  std::string name;
  std::string type;  // "type", "int", "list(shape)", ...
  std::optional<AttrValue> default_value;
  std::optional<int64_t> minimum;            // of an int, or of the length of a list
  std::vector<DataType> allowed_types;       // empty: all
  std::vector<std::string> allowed_strings;  // empty: all
  bool is_list() const { return type.starts_with("list("); }
};

// One input or output argument, which may stand for several tensors.
struct ArgDef {
  std::string name;
  DataType type = kInvalidType;  // fixed, or
  std::string type_attr;         // by an attribute of type "type", or
  std::string type_list_attr;    // one tensor for each element of a "list(type)" attribute
  std::string number_attr;       // that many tensors of one type
  bool is_ref = false;
};

class OpDef {
 public:
  const std::string& name() const { return name_; }
  const std::string& summary() const { return summary_; }
  const std::vector<ArgDef>& inputs() const { return inputs_; }
  const std::vector<ArgDef>& outputs() const { return outputs_; }
  const std::vector<AttrDef>& attrs() const { return attrs_; }
  const AttrDef* FindAttr(std::string_view name) const;
  // Has a state or an effect: never folded, merged with a twin or dropped when a run asks for it.
  bool is_stateful() const { return stateful_; }
  bool is_commutative() const { return commutative_; }
  bool is_aggregate() const { return aggregate_; }
  bool allows_uninitialized_input() const { return allows_uninitialized_input_; }
  // GraphDefs whose producer is at least this version may not use the op; 0: never deprecated.
  int deprecated_at() const { return deprecated_at_; }
  const std::string& deprecation() const { return deprecation_; }
  const ShapeFn& shape_fn() const { return shape_fn_; }
  // Null: see no_gradient().
  const GradientFn& gradient() const { return gradient_; }
  // The op is known to have no gradient: it counts as a constant. Empty: nobody said so, and asking
  // for the gradient is an error.
  const std::string& no_gradient() const { return no_gradient_; }
  const std::source_location& where() const { return where_; }

 private:
  friend class OpDefBuilder;
  friend class OpRegistry;
  std::string name_, summary_, no_gradient_, deprecation_;
  std::vector<ArgDef> inputs_, outputs_;
  std::vector<AttrDef> attrs_;
  bool stateful_ = false, commutative_ = false, aggregate_ = false,
       allows_uninitialized_input_ = false;
  int deprecated_at_ = 0;
  ShapeFn shape_fn_;
  GradientFn gradient_;
  std::source_location where_;
};

// Made by OpRegistry::Add; the op is in the registry when the full expression ends. Texts are those
// of TensorFlow's REGISTER_OP. A text that doesn't parse, or an op that is there already, ends the
// program: it is a mistake in the library's or the user's source.
class OpDefBuilder {
 public:
  // Cold, as the functions that call it thereby become: registration runs once, and lies together.
  [[gnu::cold]] OpDefBuilder(OpRegistry* registry, std::string_view name,
                             std::source_location where);
  OpDefBuilder(OpDefBuilder&&) = default;
  ~OpDefBuilder();
  OpDefBuilder&& Summary(std::string_view text) &&;
  // "T: {float, double} = DT_FLOAT", "N: int >= 1", "keep: bool = false", "dtypes: list(type) >= 0
  // = []", "padding: {'SAME', 'VALID'}", "T: numbertype", "realnumbertype", "quantizedtype".
  OpDefBuilder&& Attr(std::string_view spec) &&;
  // "x: T", "xs: N * T", "values: dtypes" (a list(type) attribute), "ref: Ref(T)", "shape: int32".
  OpDefBuilder&& Input(std::string_view spec) &&;
  OpDefBuilder&& Output(std::string_view spec) &&;
  OpDefBuilder&& Shape(ShapeFn fn) &&;
  OpDefBuilder&& Gradient(GradientFn fn) &&;
  OpDefBuilder&& NoGradient(std::string_view why) &&;
  OpDefBuilder&& Stateful() &&;
  OpDefBuilder&& Commutative() &&;
  OpDefBuilder&& Aggregate() &&;
  OpDefBuilder&& AllowsUninitializedInput() &&;
  OpDefBuilder&& Deprecated(int version, std::string_view text) &&;
  // For schemas that several ops share: ops.Add("Abs").Apply(UnaryReal).Gradient(...).
  template <typename F>
  OpDefBuilder&& Apply(F&& f) && {
    return std::forward<F>(f)(std::move(*this));
  }

 private:
  OpRegistry* registry_;
  std::unique_ptr<OpDef> def_;
};

// Thread-safe. Registered ops are never removed.
class OpRegistry {
 public:
  // All of the library's ops, and what users add.
  static OpRegistry& Global();

  OpDefBuilder Add(std::string_view name,
                   std::source_location where = std::source_location::current()) {
    return OpDefBuilder(this, name, where);
  }
  // nullptr if unknown.
  const OpDef* Find(std::string_view name) const;
  // Sorted by name.
  std::vector<const OpDef*> List() const;
  // A gradient rule under a name of its own: for gradient override maps ("_gradient_op_type") and
  // custom gradients.
  [[gnu::cold]] void AddGradient(std::string name, GradientFn fn);
  const GradientFn* FindGradient(std::string_view name) const;

 private:
  friend class OpDefBuilder;
  void Insert(std::unique_ptr<OpDef> def);
  mutable std::shared_mutex mu_;
  std::map<std::string, std::unique_ptr<OpDef>, std::less<>> ops_;
  std::map<std::string, GradientFn, std::less<>> gradients_;
};

// The table of the library's op families (defined in src/ops/register.cc).
void RegisterAllOps(OpRegistry& ops);

// ---------------------------------------------------------------------------------------------------------------------------------

// What lies behind a resource output, as far as is known when the graph is built.
struct HandleData {
  DataType dtype = kInvalidType;
  PartialShape shape;
};

// What a shape function sees of one node. Input shapes may be partly unknown. Outputs not set have
// an unknown shape.
class ShapeContext {
 public:
  virtual ~ShapeContext() = default;
  virtual const Node& node() const = 0;
  virtual int num_inputs() const = 0;
  virtual int num_outputs() const = 0;
  virtual const PartialShape& input(int i) const = 0;
  virtual DataType input_dtype(int i) const = 0;
  // The value of input i if it is constant (or computable from constants), else nullptr.
  virtual const Array* input_constant(int i) = 0;
  // Input i is a vector (or scalar) of sizes: what is known of it as a shape, e.g. from Shape,
  // Pack, ConcatV2, StridedSlice. Elements of -1 and unknown elements are unknown dims. Unknown
  // rank if nothing is known. An error if it is constant and invalid (a size < -1).
  virtual absl::StatusOr<PartialShape> input_as_shape(int i) = 0;
  virtual const std::vector<HandleData>* input_handle_data(int i) const = 0;
  virtual void set_output(int i, PartialShape shape) = 0;
  virtual void set_output_handle_data(int i, std::vector<HandleData> data) = 0;
  // nullptr if the node has no such attribute.
  virtual const AttrValue* FindAttr(std::string_view name) const = 0;
  // Input / output numbers [first, second) of the argument of this name; {0, 0} if there is none.
  virtual std::pair<int, int> input_range(std::string_view arg) const = 0;

  // The attribute; a default-constructed T if it is absent or of another kind (schemas exclude
  // that).
  template <typename T>
  T Attr(std::string_view name) const {
    const AttrValue* v = FindAttr(name);
    if (v == nullptr) return T();
    const T* typed = v->Get<T>();
    return typed ? *typed : T();
  }

  // Rank checks: the shape with that rank, or InvalidArgument "Shape must be rank 2 but is rank 1
  // for input 0 ...".
  absl::StatusOr<PartialShape> WithRank(const PartialShape& s, int rank) const;
  absl::StatusOr<PartialShape> WithRankAtLeast(const PartialShape& s, int rank) const;
  absl::StatusOr<PartialShape> WithRankAtMost(const PartialShape& s, int rank) const;
  // WithRank(input(i), rank).
  absl::StatusOr<PartialShape> InputWithRank(int i, int rank) const {
    return WithRank(input(i), rank);
  }
  absl::StatusOr<PartialShape> Merge(const PartialShape& a, const PartialShape& b) const;
  // "Dimensions must be equal, but are 3 and 4".
  absl::StatusOr<int64_t> MergeDim(int64_t a, int64_t b) const;
};

namespace shape {
// Ready-made shape functions.
absl::Status SameAsInput(ShapeContext& c);    // output 0 (and all others) as input 0
absl::Status MergeOfInputs(ShapeContext& c);  // all inputs have one shape, so has output 0
absl::Status Scalar(ShapeContext& c);         // every output
absl::Status Unknown(ShapeContext& c);
absl::Status NoOutputs(ShapeContext& c);
absl::Status Broadcast(ShapeContext& c);  // numpy's rule for inputs 0 and 1
absl::Status Reduction(ShapeContext& c);  // input 1 has axes; attr keep_dims
absl::Status FromAttr(ShapeContext& c);   // attr "shape"
// numpy's broadcast of two shapes; an error naming both if they don't fit.
absl::StatusOr<PartialShape> BroadcastShapes(const PartialShape& a, const PartialShape& b);
// Axis in [-rank, rank) to [0, rank).
absl::StatusOr<int> NormalizeAxis(int64_t axis, int rank);
// Unknown (-1) if an operand is; an error on overflow or a negative result.
absl::StatusOr<int64_t> AddDims(int64_t a, int64_t b);
absl::StatusOr<int64_t> SubDims(int64_t a, int64_t b);
absl::StatusOr<int64_t> MulDims(int64_t a, int64_t b);
}  // namespace shape

// ---------------------------------------------------------------------------------------------------------------------------------

using AttrList = std::initializer_list<std::pair<std::string_view, AttrValue>>;

// Adds nodes by op name; used by gradient rules, and by everything in the library that builds
// graphs below the public API. The first error is kept in status() and later calls then do nothing
// and return invalid Tensors, so rules are written without checks. Attributes that follow from the
// inputs' dtypes may be left out. A constant operand takes a name under the node's scope ("mul/y").
class NodeAdder {
 public:
  virtual ~NodeAdder() = default;
  // The first output / all outputs of a new node of type `type`, named by the type unless `name` is
  // given.
  Tensor Op(std::string_view type, const std::vector<Tensor>& inputs, AttrList attrs = {},
            std::string_view name = {});
  std::vector<Tensor> Ops(std::string_view type, const std::vector<Tensor>& inputs,
                          AttrList attrs = {}, std::string_view name = {});
  Operation AddOperation(std::string_view type, const std::vector<Tensor>& inputs,
                         AttrList attrs = {}, std::string_view name = {},
                         const std::vector<Operation>& control_inputs = {});
  Tensor Const(Array value, std::string_view name = "Const");
  // A scalar constant of dtype `like.dtype()`.
  Tensor ConstLike(double value, Tensor like, std::string_view name = "Const");
  Tensor ConstOf(DataType dtype, double value, std::string_view name = "Const");
  Tensor ConstInts(const std::vector<int32_t>& values, std::string_view name = "Const");
  Tensor ConstInt(int32_t value, std::string_view name = "Const");

  // Shorthands with the names that Python gives: add -> "add" (AddV2), Mul -> "mul", ...
  Tensor Add(Tensor a, Tensor b) { return Op("AddV2", {a, b}, {}, "add"); }
  Tensor Sub(Tensor a, Tensor b) { return Op("Sub", {a, b}, {}, "sub"); }
  Tensor Mul(Tensor a, Tensor b) { return Op("Mul", {a, b}, {}, "mul"); }
  Tensor Div(Tensor a, Tensor b) { return Op("RealDiv", {a, b}, {}, "truediv"); }
  Tensor Neg(Tensor a) { return Op("Neg", {a}); }
  Tensor Conj(Tensor a);   // a itself unless complex
  Tensor Shape(Tensor a);  // int32; a constant if the static shape is known
  Tensor Size(Tensor a);
  Tensor Rank(Tensor a);
  Tensor Reshape(Tensor a, Tensor shape) { return Op("Reshape", {a, shape}); }
  Tensor Cast(Tensor a, DataType to);  // a itself if it has that dtype
  Tensor Sum(Tensor a, Tensor axes, bool keep_dims = false) {
    return Op("Sum", {a, axes}, {{"keep_dims", keep_dims}});
  }
  Tensor ZerosLike(Tensor a) { return Op("ZerosLike", {a}, {}, "zeros_like"); }
  Tensor OnesLike(Tensor a) { return Op("OnesLike", {a}, {}, "ones_like"); }
  Tensor Identity(Tensor a) { return Op("Identity", {a}); }

  const absl::Status& status() const { return status_; }
  bool ok() const { return status_.ok(); }
  void Fail(absl::Status s) {
    if (status_.ok()) status_ = std::move(s);
  }

 protected:
  virtual absl::StatusOr<Node*> AddNode(std::string_view type, const std::vector<Tensor>& inputs,
                                        const AttrMap& attrs, std::string_view name,
                                        const std::vector<Operation>& control_inputs) = 0;

 private:
  absl::Status status_;
};

// What a gradient rule is given: the forward op, and the gradients of its outputs. Reports the
// gradients of its inputs.
class GradientContext : public NodeAdder {
 public:
  virtual Operation op() const = 0;
  int num_inputs() const { return op().num_inputs(); }
  int num_outputs() const { return op().num_outputs(); }
  Tensor input(int i) const { return op().input(i); }
  Tensor output(int i) const { return op().output(i); }
  // The gradient of output i as a tensor; zeros if none flows (IndexedSlices are made dense).
  virtual Tensor dy(int i) = 0;
  // As it came: may be none or slices.
  virtual const Grad& dy_raw(int i) const = 0;
  // Inputs that are not set get no gradient (None).
  virtual void SetDx(int i, Grad dx) = 0;
  // False if nobody needs the gradient of input i, so that the rule can leave it out.
  virtual bool needs_dx(int i) const = 0;
  const AttrValue& attr(std::string_view name) const { return op().attr(name); }
  template <typename T>
  T Attr(std::string_view name) const {
    const T* v = op().attr(name).template Get<T>();
    return v ? *v : T();
  }
  // Sums `dx` over the dimensions that were broadcast and reshapes it to x's shape (static shapes
  // are used where known). For a pair of broadcast operands: SetDx(i) for both at once; either may
  // be invalid.
  void SetBroadcastDx(int a, Tensor da, int b, Tensor db);
};

}  // namespace weft
