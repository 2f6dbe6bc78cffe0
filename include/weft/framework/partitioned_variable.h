// SPDX-License-Identifier: Apache-2.0
// Variables in parts: one name, one shape, several Variables that each hold a slice along one
// dimension (tf.PartitionedVariable, tf.fixed_size_partitioner, ...).
//
//   auto table = wf::GetVariable("table", {1000, 64}, {.partitioner =
//   wf::FixedSizePartitioner(4)}); wf::MatMul(x, table);                                   // the
//   parts, concatenated for (const wf::Variable& part : wf::PartitionedVariable(table)) ...   //
//   table/part_0, ...
//
// Collections and checkpoints know the parts; a checkpoint stores them as slices of the whole, so
// that it can be restored with another number of parts or with none.
#pragma once

#include <string>
#include <vector>

#include "weft/framework/initializers.h"
#include "weft/framework/variable.h"

namespace weft {

// `num_shards` parts along `axis`, but no more than it has elements. Sizes differ by at most 1,
// greater ones first. A negative axis counts from the end.
Partitioner FixedSizePartitioner(int64_t num_shards, int axis = 0);

struct VariableAxisSizePartitionerOptions {
  int axis = 0;
  int64_t bytes_per_string_element = 16;  // an estimate, for strings
  int64_t max_shards = 0;                 // 0: any number
};
// So many parts that none has more than `max_shard_bytes`, as far as one axis allows.
Partitioner VariableAxisSizePartitioner(int64_t max_shard_bytes,
                                        const VariableAxisSizePartitionerOptions& options = {});

struct MinMaxVariablePartitionerOptions {
  int64_t max_partitions = 1;
  int axis = 0;
  int64_t min_slice_size = 256 << 10;  // bytes
  int64_t bytes_per_string_element = 16;
};
// As many parts as have `min_slice_size` bytes each, at most max_partitions.
Partitioner MinMaxVariablePartitioner(const MinMaxVariablePartitionerOptions& options = {});

// The parts of a variable that GetVariable made with a partitioner. A cheap handle, as Variable.
class PartitionedVariable {
 public:
  // InvalidArgumentError unless v.is_partitioned().
  explicit PartitionedVariable(const Variable& v);
  // Of parts that are there already, each with a save_slice_info() of the full shape; they are put
  // in the order of their offsets. InvalidArgumentError if they or `partitions` don't fit.
  PartitionedVariable(const std::string& name, const Shape& shape, DataType dtype,
                      std::vector<Variable> parts, std::vector<int64_t> partitions);

  // "table": the name of the whole, without ":0".
  std::string name() const { return variable_.name(); }
  DataType dtype() const { return variable_.dtype(); }
  Shape shape() const { return variable_.shape().ToShape(); }
  const std::vector<int64_t>& partitions() const;
  // The dimensions that are cut; {0} if none is.
  std::vector<int> partition_axes() const;
  const std::vector<Variable>& parts() const;
  size_t size() const { return parts().size(); }
  auto begin() const { return parts().begin(); }
  auto end() const { return parts().end(); }
  const Variable& operator[](size_t i) const { return parts().at(i); }

  // The concatenated value, in new nodes, outside of all control dependencies.
  Tensor AsTensor() const { return variable_.AsTensor(); }
  Input AsInput() const { return variable_.AsInput(); }
  const Variable& variable() const { return variable_; }

  // Assign to each part its part of `value` (which is split), or values[i] to part i: the value of
  // each after the change. InvalidArgumentError unless there are as many values as parts.
  std::vector<Tensor> Assign(const Input& value, const NameOptions& name = {}) const;
  std::vector<Tensor> AssignAdd(const Input& delta, const NameOptions& name = {}) const;
  std::vector<Tensor> AssignSub(const Input& delta, const NameOptions& name = {}) const;
  std::vector<Tensor> Assign(const std::vector<Input>& values, const NameOptions& name = {}) const;
  std::vector<Tensor> AssignAdd(const std::vector<Input>& deltas,
                                const NameOptions& name = {}) const;
  std::vector<Tensor> AssignSub(const std::vector<Input>& deltas,
                                const NameOptions& name = {}) const;
  std::vector<Tensor> Assign(const PartitionedVariable& values, const NameOptions& name = {}) const;

 private:
  std::vector<Input> Split(const Input& value) const;
  Variable variable_;
};

}  // namespace weft
