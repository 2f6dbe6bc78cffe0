// SPDX-License-Identifier: Apache-2.0
// Cells that are layers: each has a variable scope, found at the first call, in which its variables
// and nodes are.
#pragma once

#include <memory>
#include <string>

#include "src/core/strings.h"
#include "weft/nn/rnn_cell.h"

namespace weft::nn::rnn_cell {

class LayerCell : public CellImpl {
 public:
  // Python's classes differ in how the scope is entered: plain RNNCells open the scope around them
  // once more, which shows in the names of nodes.
  enum class Kind { kLayerRnnCell, kRnnCell };
  LayerCell(Kind kind, std::string class_name, const std::string& name, bool reuse);

  std::string class_name() const override { return class_name_; }
  CellResult Step(const Tensor& inputs, const RnnState& state, const std::string& scope) override;

 protected:
  // Makes the variables, at the first call.
  virtual void Build(const Tensor& inputs) = 0;
  virtual CellResult Call(const Tensor& inputs, const RnnState& state) = 0;

 private:
  void FindScope(const std::string& scope, const Graph& graph);

  const Kind kind_;
  const std::string class_name_, base_name_;
  const bool reuse_;
  bool found_ = false, built_ = false;
  VarScope scope_;
};

// "BasicLSTMCell" -> "basic_lstm_cell".
std::string SnakeCase(std::string_view class_name);

// The size of the rows of inputs [batch, size], which must be known; their dtype must be floating.
int64_t InputSize(const CellImpl& cell, const Tensor& inputs);
inline DataType InputDtype(const Tensor& inputs) { return RemoveRef(inputs.dtype()); }

Variable Weight(std::string_view name, const Shape& shape, DataType dtype,
                const Initializer& initializer = {});

// [a, b, ...] kernel + bias, with Python's node names.
Tensor LinearOf(const std::vector<Input>& args, const Variable& kernel, const Variable& bias);

Tensor Activate(const Activation& activation, const Tensor& x);

// The columns [begin, begin + size) of a state that is one tensor.
Tensor Columns(const Tensor& x, int64_t begin, int64_t size);

inline RnnStateSize SizeOf(int64_t n) { return RnnStateSize(Shape({n})); }
// Of a state of tensors of rank 2: the sum of its sizes.
int64_t TotalSize(const RnnStateSize& size);

// tf.concat of a batch size (a number, or a scalar tensor) and a shape: an int32 vector.
Tensor WithBatch(const Input& batch_size, const Shape& shape);
// The nodes that asking for the static form of this adds: Python leaves them behind.
PartialShape StaticWithBatch(const Input& batch_size, const Shape& shape);
// The number, or -1.
int64_t StaticSize(const Input& batch_size);

template <typename Cell, typename... Args>
std::shared_ptr<CellImpl> MakeCell(Args&&... args) {
  return std::make_shared<Cell>(std::forward<Args>(args)...);
}

}  // namespace weft::nn::rnn_cell
