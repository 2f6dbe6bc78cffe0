// SPDX-License-Identifier: Apache-2.0
// Queues: tensors that wait in a Session to be taken out by another run, another thread or a later
// step (tf.queue of TensorFlow 1).
//
//   wf::FIFOQueue q(2, {wf::kInt32});
//   auto init = q.EnqueueMany({{0, 10}});
//   auto x = q.Dequeue();
//   auto next = q.Enqueue({x + 1});
//   session.Run(init);
//   for (int i = 0; i < 5; ++i) std::cout << session.Run({x, next})[0] << '\n';   // 0 10 1 11 2
//
// An element is a tuple of tensors, one a component, each of its own dtype. A run that enqueues
// waits while the queue is full, one that dequeues while it is empty; it waits until another run
// changes that, the queue is closed, the run's time is over (DeadlineExceededError) or the Session
// is closed (CancelledError). A closed queue takes nothing more (CancelledError) and gives out what
// is left, then OutOfRangeError. A queue made inside a Graph is empty in each new Session. The
// objects here are cheap handles; their functions add nodes to the queue's graph.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

// The shape of a component: {} is a scalar, as Python's (); {-1, 3} has an unknown dimension.
class ComponentShape : public PartialShape {
 public:
  ComponentShape() : PartialShape(PartialShape::Scalar()) {}
  ComponentShape(std::initializer_list<int64_t> dims) : PartialShape(dims) {}
  ComponentShape(PartialShape shape) : PartialShape(std::move(shape)) {}  // NOLINT: a conversion
};

struct QueueOptions {
  // Of each component. Empty: elements of any shape, and there is no DequeueMany. Fully known,
  // except those of a PaddingFIFOQueue.
  std::vector<ComponentShape> shapes = {};
  // Names of the components: elements are then maps.
  std::vector<std::string> names = {};
  // Queues of the same name are one queue, also of different graphs' nodes in a Session.
  std::string shared_name = {};
  std::string name = {};  // "fifo_queue", "padding_fifo_queue", ...
};

class QueueBase {
 public:
  QueueBase() = default;  // refers to nothing
  // A queue that is in the graph already: `queue` is the output of its node.
  QueueBase(Tensor queue, std::vector<DataType> dtypes, std::vector<PartialShape> shapes = {},
            std::vector<std::string> names = {});

  bool valid() const { return queue_.valid(); }
  // The handle, a resource scalar (a reference to two strings for the old ops of imported graphs).
  Tensor queue_ref() const { return queue_; }
  // Of its node.
  const std::string& name() const;
  const std::vector<DataType>& dtypes() const { return dtypes_; }
  // Unknown ones if none were given.
  const std::vector<PartialShape>& shapes() const { return shapes_; }
  const std::vector<std::string>& names() const { return names_; }

  // Puts one element in: its components, in order. InvalidArgumentError here if a static shape does
  // not fit.
  Operation Enqueue(const std::vector<Input>& components, const NameOptions& name = {}) const;
  Operation EnqueueByName(const std::map<std::string, Input>& components,
                          const NameOptions& name = {}) const;
  // Puts rows in, one element for each row [i, ...] of the components, which have equally many.
  Operation EnqueueMany(const std::vector<Input>& components, const NameOptions& name = {}) const;
  Operation EnqueueManyByName(const std::map<std::string, Input>& components,
                              const NameOptions& name = {}) const;

  // Takes an element out; of a queue of one component. InvalidArgumentError if it has several.
  Tensor Dequeue(const NameOptions& name = {}) const;
  // n elements, joined along a new first dimension. Waits for all of them; OutOfRangeError if the
  // queue is closed before.
  Tensor DequeueMany(const Input& n, const NameOptions& name = {}) const;
  // The same, but gives what is left (at least one element) of a closed queue.
  Tensor DequeueUpTo(const Input& n, const NameOptions& name = {}) const;
  // The same with all components / by their names.
  std::vector<Tensor> DequeueAll(const NameOptions& name = {}) const;
  std::vector<Tensor> DequeueManyAll(const Input& n, const NameOptions& name = {}) const;
  std::vector<Tensor> DequeueUpToAll(const Input& n, const NameOptions& name = {}) const;
  std::map<std::string, Tensor> ByName(const std::vector<Tensor>& components) const;

  struct CloseOptions {
    // Those who wait to put something in get CancelledError; else they may do so first.
    bool cancel_pending_enqueues = false;
    std::string name = {};
  };
  Operation Close() const { return Close(CloseOptions()); }
  Operation Close(const CloseOptions& options) const;
  // A bool scalar.
  Tensor IsClosed(const NameOptions& name = {}) const;
  // The number of elements: an int32 scalar.
  Tensor Size(const NameOptions& name = {}) const;

  // queues[index], for queues of the same dtypes; `index` is an int32 scalar tensor.
  static QueueBase FromList(const Input& index, const std::vector<QueueBase>& queues);

 protected:
  // The op's suffix: "V2" unless the handle is a reference.
  std::string OpName(const char* op) const;
  std::string DefaultName(const char* suffix) const;

 private:
  std::vector<Input> InOrder(const std::map<std::string, Input>& components) const;
  Operation Put(const char* op, const char* suffix, const std::vector<Input>& components, bool rows,
                const NameOptions& name) const;
  std::vector<Tensor> Take(const char* op, const char* suffix, const std::optional<Input>& n,
                           bool exactly, const NameOptions& name) const;
  void CheckOneComponent(const char* function) const;

  Tensor queue_;
  std::vector<DataType> dtypes_;
  std::vector<PartialShape> shapes_;
  std::vector<std::string> names_;
};

// First in, first out. `capacity` elements at most; -1: no bound.
class FIFOQueue : public QueueBase {
 public:
  FIFOQueue(int64_t capacity, const std::vector<DataType>& dtypes,
            const QueueOptions& options = {});
};

// First in, first out; dimensions of -1 in options.shapes may differ from element to element, and
// DequeueMany pads with zeros (empty strings, false) up to the largest of the batch.
class PaddingFIFOQueue : public QueueBase {
 public:
  PaddingFIFOQueue(int64_t capacity, const std::vector<DataType>& dtypes,
                   const QueueOptions& options);
};

// Any of the elements, equally likely; as long as the queue is open `min_after_dequeue` elements
// stay in it, so that there is something to mix. `seed` as of the random ops (wf::RandomUniform);
// a seed means TensorFlow's order.
class RandomShuffleQueue : public QueueBase {
 public:
  RandomShuffleQueue(int64_t capacity, int64_t min_after_dequeue,
                     const std::vector<DataType>& dtypes, const QueueOptions& options = {},
                     std::optional<int64_t> seed = {});
};

// The element of the lowest priority first. Elements begin with their priority, an int64 scalar;
// `dtypes` and options.shapes are of what follows it.
class PriorityQueue : public QueueBase {
 public:
  PriorityQueue(int64_t capacity, const std::vector<DataType>& dtypes,
                const QueueOptions& options = {});
};

}  // namespace weft
