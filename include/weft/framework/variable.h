// SPDX-License-Identifier: Apache-2.0
// Variable: a value that lives in a Session and is changed by ops (tf.Variable of TensorFlow 1, in
// both forms).
//
//   wf::Variable w(wf::TruncatedNormal({784, 10}, {.stddev = 0.1f}), {.name = "w"});
//   session.Run(wf::GlobalVariablesInitializer());
//   auto y = wf::MatMul(x, w);
//
// A Variable is a cheap handle; copies are the same variable. It stands for its value wherever an
// op takes an Input. Node names are TensorFlow's (w, w/Assign, w/read, ...), so that checkpoints
// match by name.
#pragma once

#include <concepts>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "weft/graph/graph.h"
#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

// Which part of a larger variable one is: checkpoints store the parts as slices of `full_name`.
struct SaveSliceInfo {
  std::string full_name;
  std::vector<int64_t> full_shape, var_offset, var_shape;
  // As checkpoints write it: the full shape, then "offset,size" a dimension: "10 4 0,5:0,4".
  std::string Spec() const;
  friend bool operator==(const SaveSliceInfo&, const SaveSliceInfo&) = default;
};

// A projection that optimizers apply to a variable after each update: from the value to one of the
// same shape.
using VariableConstraint = std::function<Tensor(const Input& value)>;

struct VariableOptions {
  std::string name = {};  // "Variable" if empty; made unique
  bool trainable = true;  // adds it to GraphKeys::kTrainableVariables
  // {GraphKeys::kGlobalVariables} if unset.
  std::optional<std::vector<std::string>> collections = {};
  DataType dtype = kInvalidType;  // of a literal initial value
  // False: values of any shape may be assigned; the static shape is unknown.
  bool validate_shape = true;
  // VarHandleOp and ReadVariableOp instead of VariableV2.
  bool use_resource = false;
  // The static shape if not the initial value's: unknown sizes let values of other sizes be
  // assigned.
  std::optional<PartialShape> shape = {};
  // Where reads of the value are made, if not where the variable is.
  std::string caching_device = {};
  VariableConstraint constraint = {};
};

class Variable {
 public:
  Variable() = default;  // refers to nothing
  // The initial value is a value, a literal, or a tensor computed when the initializer runs.
  // Throws InvalidArgumentError if its shape is not fully known and validate_shape is true.
  explicit Variable(const Input& initial_value, const VariableOptions& options = {});
  // A function that adds the nodes of the initial value; they are named "w/Initializer/...".
  template <typename F>
  requires(!std::convertible_to<F, Input> &&
           std::is_invocable_r_v<Tensor, F&>) explicit Variable(F initial_value,
                                                                const VariableOptions& options = {})
      : Variable(InitialValue(), std::function<Tensor()>(std::move(initial_value)), options) {}
  // A variable over nodes that are there already (from an imported graph): `variable` is the output
  // of a VariableV2 or VarHandleOp.
  static Variable FromTensors(Tensor variable, Tensor snapshot, Tensor initial_value,
                              Operation initializer, bool trainable);
  // From a serialised VariableDef, whose nodes are in `graph` already: the form that meta graphs
  // keep in collections. `import_scope` goes before its names. DataLossError if the bytes are none,
  // NotFoundError (naming the node) if a node is missing.
  static Variable FromVariableDef(std::string_view bytes, const std::string& import_scope = {},
                                  const Graph& graph = Graph::Default());
  // The same the other way; `export_scope` is taken off the names. "" if the variable is not in
  // that scope.
  std::string ToVariableDef(const std::string& export_scope = {}) const;

  bool valid() const { return data_ != nullptr; }
  // "w:0".
  std::string name() const;
  // "w".
  const std::string& op_name() const;
  DataType dtype() const;  // without reference
  const PartialShape& shape() const;
  bool trainable() const;
  bool is_resource() const;
  // Whether GetVariable made it in parts: weft/framework/partitioned_variable.h. Such a variable
  // stands for its whole value in ops, and has a name, a dtype and a shape; what concerns one
  // node (op, ref, initializer, assignments, ...) is an InvalidArgumentError.
  bool is_partitioned() const;
  Graph graph() const;
  const std::string& device() const;
  Operation op() const;
  Operation initializer() const;
  Tensor initial_value() const;
  // The initial value if the variable is not initialised yet, else its value: for initial values
  // made from other variables.
  Tensor initialized_value() const;
  Tensor IsInitialized(const NameOptions& name = {}) const;
  // Empty if there is none.
  const VariableConstraint& constraint() const;
  // Set for a part of a partitioned variable, and for the slots of one.
  const std::optional<SaveSliceInfo>& save_slice_info() const;
  void set_save_slice_info(std::optional<SaveSliceInfo> info) const;
  // Refines the static shape of the variable and of its value.
  void set_shape(const PartialShape& shape) const;

  // What stands for the variable in an op: the snapshot `w/read` of a reference variable; a new
  // read, in the scopes and control dependencies of here and now, of a resource variable.
  Tensor AsTensor() const;
  // The same where an op wants it: a resource variable is read in the scope of that op
  // (MatMul/ReadVariableOp).
  Input AsInput() const;
  // The one tensor that fetches and feeds mean.
  Tensor GraphElement() const;
  Tensor ReadValue() const;
  // The VariableV2 output, of a reference type. InvalidArgumentError for a resource variable.
  Tensor ref() const;
  // The VarHandleOp output. InvalidArgumentError for a reference variable.
  Tensor handle() const;
  // The ref or the handle: what gradients and update ops take.
  Tensor RefOrHandle() const;

  // Ops that change the value; the tensor returned is the value after the change.
  Tensor Assign(const Input& value, const NameOptions& name = {}) const;
  Tensor AssignAdd(const Input& delta, const NameOptions& name = {}) const;
  Tensor AssignSub(const Input& delta, const NameOptions& name = {}) const;
  // The same without a read of the new value (read_value=False).
  Operation AssignOp(const Input& value, const NameOptions& name = {}) const;
  Operation AssignAddOp(const Input& delta, const NameOptions& name = {}) const;
  Operation AssignSubOp(const Input& delta, const NameOptions& name = {}) const;
  // Adds 1 and gives the value before; OutOfRangeError when that is `limit` already. int32, int64.
  Tensor CountUpTo(int64_t limit, const NameOptions& name = {}) const;
  // Rows of the first dimension: row slices.indices[i] is set to slices.values[i], or combined with
  // it. See the functions of the same names below.
  Tensor ScatterUpdate(const IndexedSlices& slices, const NameOptions& name = {}) const;
  Tensor ScatterAdd(const IndexedSlices& slices, const NameOptions& name = {}) const;
  Tensor ScatterSub(const IndexedSlices& slices, const NameOptions& name = {}) const;
  Tensor ScatterMul(const IndexedSlices& slices, const NameOptions& name = {}) const;
  Tensor ScatterDiv(const IndexedSlices& slices, const NameOptions& name = {}) const;
  Tensor ScatterMin(const IndexedSlices& slices, const NameOptions& name = {}) const;
  Tensor ScatterMax(const IndexedSlices& slices, const NameOptions& name = {}) const;
  Tensor ScatterNdUpdate(const Input& indices, const Input& updates,
                         const NameOptions& name = {}) const;
  Tensor ScatterNdAdd(const Input& indices, const Input& updates,
                      const NameOptions& name = {}) const;
  Tensor ScatterNdSub(const Input& indices, const Input& updates,
                      const NameOptions& name = {}) const;
  Tensor ScatterNdMin(const Input& indices, const Input& updates,
                      const NameOptions& name = {}) const;
  Tensor ScatterNdMax(const Input& indices, const Input& updates,
                      const NameOptions& name = {}) const;
  Tensor BatchScatterUpdate(const IndexedSlices& slices, const NameOptions& name = {}) const;

  // Sets the value in a session, without adding nodes: the initializer runs with `value` in the
  // place of the initial value. In the default Session if none is given.
  void Load(const Array& value, Session& session) const;
  void Load(const Array& value) const;

  Array Eval() const { return GraphElement().Eval(); }
  Array Eval(Session& session) const { return GraphElement().Eval(session); }
  // <Variable 'w:0' shape=(784, 10) dtype=float32_ref>
  std::string ToString() const;
  friend std::ostream& operator<<(std::ostream& out, const Variable& v);
  friend bool operator==(const Variable& a, const Variable& b) { return a.data_ == b.data_; }

  struct Data;
  const std::shared_ptr<Data>& data() const { return data_; }
  // Exactly such a pointer: a literal 0 is an initial value.
  template <std::same_as<std::shared_ptr<Data>> P>
  explicit Variable(P data) : data_(std::move(data)) {}

 private:
  struct InitialValue {};
  Variable(InitialValue, const std::function<Tensor()>& initial_value,
           const VariableOptions& options);
  std::shared_ptr<Data> data_;
};

// The variables of a collection, in the order they were made; `scope`: only those whose name begins
// with a match of this regular expression (so a plain text is a prefix), as in tf.get_collection.
// InvalidArgumentError if it is none.
std::vector<Variable> VariablesOf(std::string_view collection, std::string_view scope = {},
                                  const Graph& graph = Graph::Default());
std::vector<Variable> GlobalVariables(std::string_view scope = {},
                                      const Graph& graph = Graph::Default());
std::vector<Variable> TrainableVariables(std::string_view scope = {},
                                         const Graph& graph = Graph::Default());
std::vector<Variable> LocalVariables(std::string_view scope = {},
                                     const Graph& graph = Graph::Default());
std::vector<Variable> ModelVariables(std::string_view scope = {},
                                     const Graph& graph = Graph::Default());
std::vector<Variable> MetricVariables(std::string_view scope = {},
                                      const Graph& graph = Graph::Default());
std::vector<Variable> MovingAverageVariables(std::string_view scope = {},
                                             const Graph& graph = Graph::Default());

// Ops that run the initializers: all in one run, so initial values may be made of
// initialized_value()s of others.
Operation VariablesInitializer(const std::vector<Variable>& variables,
                               const NameOptions& name = "init");
Operation GlobalVariablesInitializer(const NameOptions& name = {});
Operation LocalVariablesInitializer(const NameOptions& name = {});

// ---- Ops that change variables, or ask about them -----------------------------------------------
//
//   auto next = wf::AssignAdd(v, 1);
//   wf::ScatterUpdate(table, {3, 5}, rows);           // rows 3 and 5 of the table
//   session.Run(wf::ReportUninitializedVariables());  // their names
//
// Each takes a variable of either form and returns the value after the change, which is computed
// when it runs. A value of another dtype or an impossible shape is an InvalidArgumentError.

// What is changed: a variable, or the reference output of a VariableV2.
class VariableRef {
 public:
  VariableRef(const Variable& v) : ref_(v.RefOrHandle()), variable_(v) {}  // NOLINT: conversions
  VariableRef(const Tensor& ref) : ref_(ref) {}                            // NOLINT: are the point
  Tensor ref() const { return ref_; }
  bool is_resource() const { return variable_.valid() && variable_.is_resource(); }
  const Variable& variable() const { return variable_; }

 private:
  Tensor ref_;
  Variable variable_;
};

struct AssignOptions {
  // False: the value may have another shape than the variable (reference variables).
  bool validate_shape = true;
  bool use_locking = true;
  std::string name = {};
};
Tensor Assign(const VariableRef& v, const Input& value, const AssignOptions& options = {});

struct UpdateOptions {
  bool use_locking = false;
  std::string name = {};
};
// v += value, v -= value.
Tensor AssignAdd(const VariableRef& v, const Input& value, const UpdateOptions& options = {});
Tensor AssignSub(const VariableRef& v, const Input& value, const UpdateOptions& options = {});
// Adds 1 and gives the value before; OutOfRangeError when that is `limit` already. int32, int64.
Tensor CountUpTo(const VariableRef& v, int64_t limit, const NameOptions& name = {});

// Rows of the first dimension: row indices[i] is replaced by, added to, ... updates[i]. Indices may
// repeat; an index outside of the variable is an InvalidArgumentError of the run. A scalar update
// goes to all of them.
Tensor ScatterUpdate(const VariableRef& v, const Input& indices, const Input& updates,
                     const UpdateOptions& options = {.use_locking = true});
Tensor ScatterAdd(const VariableRef& v, const Input& indices, const Input& updates,
                  const UpdateOptions& options = {});
Tensor ScatterSub(const VariableRef& v, const Input& indices, const Input& updates,
                  const UpdateOptions& options = {});
Tensor ScatterMul(const VariableRef& v, const Input& indices, const Input& updates,
                  const UpdateOptions& options = {});
Tensor ScatterDiv(const VariableRef& v, const Input& indices, const Input& updates,
                  const UpdateOptions& options = {});
Tensor ScatterMin(const VariableRef& v, const Input& indices, const Input& updates,
                  const UpdateOptions& options = {});
Tensor ScatterMax(const VariableRef& v, const Input& indices, const Input& updates,
                  const UpdateOptions& options = {});

// Slices at the places given by the last dimension of `indices`.
Tensor ScatterNdUpdate(const VariableRef& v, const Input& indices, const Input& updates,
                       const UpdateOptions& options = {.use_locking = true});
Tensor ScatterNdAdd(const VariableRef& v, const Input& indices, const Input& updates,
                    const UpdateOptions& options = {});
Tensor ScatterNdSub(const VariableRef& v, const Input& indices, const Input& updates,
                    const UpdateOptions& options = {});
Tensor ScatterNdMin(const VariableRef& v, const Input& indices, const Input& updates,
                    const UpdateOptions& options = {});
Tensor ScatterNdMax(const VariableRef& v, const Input& indices, const Input& updates,
                    const UpdateOptions& options = {});
// The last dimension of `indices` [b..., n] are rows within each of the batches b... that indices,
// updates and the variable begin with: v[b..., indices[b..., i]] = updates[b..., i].
// InvalidArgumentError if the rank of indices is not known.
Tensor BatchScatterUpdate(const VariableRef& v, const Input& indices, const Input& updates,
                          const UpdateOptions& options = {.use_locking = true});

// The ranks of the variables (all global and local ones if none are given): a scalar for one, a
// vector for more. Its run is a FailedPreconditionError while one of them is not initialised.
// Invalid if there are no variables.
Tensor AssertVariablesInitialized(const std::vector<Variable>& variables = {});
// A bool scalar.
Tensor IsVariableInitialized(const Variable& v, const NameOptions& name = {});
// The names of those variables that are not initialised: a string vector. All global and local
// variables if none are given.
Tensor ReportUninitializedVariables(const std::vector<Variable>& variables = {},
                                    const NameOptions& name = {});

}  // namespace weft
