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

#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/graph/graph.h"
#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

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
};

class Variable {
 public:
  Variable() = default;  // refers to nothing
  // The initial value is a value, a literal, or a tensor computed when the initializer runs.
  // Throws InvalidArgumentError if its shape is not fully known and validate_shape is true.
  explicit Variable(const Input& initial_value, const VariableOptions& options = {});
  // A function that adds the nodes of the initial value; they are named "w/Initializer/...".
  explicit Variable(const std::function<Tensor()>& initial_value,
                    const VariableOptions& options = {});
  // A variable over nodes that are there already (from an imported graph): `variable` is the output
  // of a VariableV2 or VarHandleOp.
  static Variable FromTensors(Tensor variable, Tensor snapshot, Tensor initial_value,
                              Operation initializer, bool trainable);

  bool valid() const { return data_ != nullptr; }
  // "w:0".
  std::string name() const;
  // "w".
  const std::string& op_name() const;
  DataType dtype() const;  // without reference
  const PartialShape& shape() const;
  bool trainable() const;
  bool is_resource() const;
  Graph graph() const;
  const std::string& device() const;
  Operation op() const;
  Operation initializer() const;
  Tensor initial_value() const;
  // The initial value if the variable is not initialised yet, else its value: for initial values
  // made from other variables.
  Tensor initialized_value() const;
  Tensor IsInitialized(const NameOptions& name = {}) const;

  // What stands for the variable in an op: the snapshot `w/read` of a reference variable; a new
  // read, in the control dependencies of here and now, of a resource variable.
  Tensor AsTensor() const;
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

  Array Eval() const { return GraphElement().Eval(); }
  Array Eval(Session& session) const { return GraphElement().Eval(session); }
  // <Variable 'w:0' shape=(784, 10) dtype=float32_ref>
  std::string ToString() const;
  friend std::ostream& operator<<(std::ostream& out, const Variable& v);
  friend bool operator==(const Variable& a, const Variable& b) { return a.data_ == b.data_; }

  struct Data;
  const std::shared_ptr<Data>& data() const { return data_; }
  explicit Variable(std::shared_ptr<Data> data) : data_(std::move(data)) {}

 private:
  std::shared_ptr<Data> data_;
};

// The variables of a collection, in the order they were made; `scope`: only those whose name begins
// with it.
std::vector<Variable> VariablesOf(std::string_view collection, std::string_view scope = {},
                                  const Graph& graph = Graph::Default());
std::vector<Variable> GlobalVariables(std::string_view scope = {},
                                      const Graph& graph = Graph::Default());
std::vector<Variable> TrainableVariables(std::string_view scope = {},
                                         const Graph& graph = Graph::Default());
std::vector<Variable> LocalVariables(std::string_view scope = {},
                                     const Graph& graph = Graph::Default());
std::vector<Variable> MovingAverageVariables(std::string_view scope = {},
                                             const Graph& graph = Graph::Default());

// Ops that run the initializers: all in one run, so initial values may be made of
// initialized_value()s of others.
Operation VariablesInitializer(const std::vector<Variable>& variables,
                               const NameOptions& name = "init");
Operation GlobalVariablesInitializer(const NameOptions& name = {});
Operation LocalVariablesInitializer(const NameOptions& name = {});

// tf.assign and its kin for a Variable or the reference output of one.
Tensor Assign(const Variable& v, const Input& value, const NameOptions& name = {});
struct AssignOptions {
  bool validate_shape = true;
  bool use_locking = true;
  std::string name = {};
};
Tensor Assign(const Tensor& ref, const Input& value, const AssignOptions& options = {});

}  // namespace weft
