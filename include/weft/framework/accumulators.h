// SPDX-License-Identifier: Apache-2.0
// Gradient accumulators: add up the gradients that several runs, threads or workers compute for one
// step, and hand out their mean when there are enough (tf.compat.v1.ConditionalAccumulator).
//
//   wf::ConditionalAccumulator acc(wf::kFloat32, {.shape = {784, 10}});
//   auto give = acc.ApplyGrad(gradient, global_step);     // run by each worker
//   auto mean = acc.TakeGrad(num_workers);                // run by one: waits for all of them
//
// An accumulator has a step of its own, 0 in the beginning, and one higher each time that its
// gradients are taken. A gradient whose `local_step` is lower is late: it is dropped, silently. A
// run that takes waits until enough gradients have come, the run's time is over
// (DeadlineExceededError) or the Session is closed (CancelledError). An accumulator made inside a
// Graph is empty in each new Session; all Sessions' threads may use it at once. There is no
// gradient through it. The objects here are cheap handles; their functions add nodes to the
// accumulator's graph, and throw InvalidArgumentError if a dtype or a static shape does not fit.
#pragma once

#include <string>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

struct AccumulatorOptions {
  // Of the gradients; of what a sparse gradient has rows of. May be known in part: the first
  // gradient of a step then says what the others must have. (A scalar: PartialShape::Scalar().)
  PartialShape shape = {};
  // Accumulators of the same name are one, also of different nodes in a Session.
  std::string shared_name = {};
  std::string name = {};  // "conditional_accumulator", "sparse_conditional_accumulator"
  // What is taken: "MEAN" or "SUM".
  std::string reduction_type = "MEAN";
};

// What both kinds have.
class ConditionalAccumulatorBase {
 public:
  ConditionalAccumulatorBase() = default;  // refers to nothing

  bool valid() const { return accumulator_.valid(); }
  // The handle: a resource, or a reference to two strings (sparse accumulators, imported graphs).
  Tensor accumulator_ref() const { return accumulator_; }
  // Of its node.
  const std::string& name() const;
  // kFloat16, kFloat32 or kFloat64: no kernel takes another.
  DataType dtype() const { return dtype_; }
  const PartialShape& shape() const { return shape_; }

  // The number of gradients that wait to be taken: an int32 scalar. Named "<name>_NumAccumulated".
  Tensor NumAccumulated(const NameOptions& name = {}) const;
  // Sets the accumulator's step, an integer scalar. A lower one than it has is taken with a warning
  // on stderr.
  Operation SetGlobalStep(const Input& new_global_step, const NameOptions& name = {}) const;

 protected:
  ConditionalAccumulatorBase(Tensor accumulator, DataType dtype, PartialShape shape);
  // "ResourceX" for the op X unless the handle is a reference.
  std::string OpName(const char* op) const;

 private:
  Tensor accumulator_;
  DataType dtype_ = kInvalidType;
  PartialShape shape_;
};

// Of dense gradients.
class ConditionalAccumulator : public ConditionalAccumulatorBase {
 public:
  ConditionalAccumulator() = default;
  explicit ConditionalAccumulator(DataType dtype, const AccumulatorOptions& options = {});
  // One that is in the graph already: `accumulator` is the output of its node.
  ConditionalAccumulator(Tensor accumulator, DataType dtype, PartialShape shape = {});

  // Adds a gradient computed from the variables of step `local_step`, an integer scalar.
  Operation ApplyGrad(const Input& grad, const Input& local_step = 0,
                      const NameOptions& name = {}) const;
  // The mean (or sum) of all gradients that have come, at least `num_required` > 0, an int32
  // scalar. The accumulator is empty after that, and one step further.
  Tensor TakeGrad(const Input& num_required, const NameOptions& name = {}) const;
};

// Of sparse gradients: rows values[i, ...] at `indices[i]` of a tensor. Rows of equal index of
// different gradients add up; indices are meant to be in ascending order and different within a
// gradient, others may leave several rows of one index. The mean of a row is over the gradients
// that have the row.
class SparseConditionalAccumulator : public ConditionalAccumulatorBase {
 public:
  SparseConditionalAccumulator() = default;
  explicit SparseConditionalAccumulator(DataType dtype, const AccumulatorOptions& options = {});
  // One that is in the graph already.
  SparseConditionalAccumulator(Tensor accumulator, DataType dtype, PartialShape shape = {});

  // Indices (an integer vector) and as many rows. `grad_shape`, if given, is checked against the
  // accumulator's shape in the run.
  Operation ApplyGrad(const Input& grad_indices, const Input& grad_values,
                      const Input& grad_shape = Tensor(), const Input& local_step = 0,
                      const NameOptions& name = {}) const;
  Operation ApplyIndexedSlicesGrad(const IndexedSlices& grad, const Input& local_step = 0,
                                   const NameOptions& name = {}) const;

  // `indices` and `shape` are int64; shape[0] is -1 unless the accumulator's shape says it.
  struct Taken {
    Tensor indices, values, shape;
  };
  Taken TakeGrad(const Input& num_required, const NameOptions& name = {}) const;
  IndexedSlices TakeIndexedSlicesGrad(const Input& num_required,
                                      const NameOptions& name = {}) const;
};

}  // namespace weft
