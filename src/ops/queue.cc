// SPDX-License-Identifier: Apache-2.0
// Queues. Each op comes in two forms: with a reference to the queue's name (V1), and with a
// resource handle (V2).
// kernels: kernels/cpu/queue.cc   test: tests/ops/queue_test.cc
#include "src/core/strings.h"
#include "src/graph/node.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

struct QueueVersion {
  const char* suffix;
  const char* handle;  // type of the handle
};
constexpr QueueVersion kQueueVersions[] = {{"", "Ref(string)"}, {"V2", "resource"}};

OpDefBuilder&& Common(OpDefBuilder&& op, const QueueVersion& v) {
  // The reference forms that read and write are not marked in TensorFlow's schema; references keep
  // them apart.
  if (*v.suffix != '\0') return std::move(op).Stateful();
  return std::move(op);
}

absl::Status HandleShape(ShapeContext& c) {
  const bool by_reference = IsRef(c.node().output_types[0]);
  c.set_output(0, by_reference ? PartialShape::Vector(2) : PartialShape::Scalar());
  return absl::OkStatus();
}

// A scalar for the number of elements; what they are is known to the queue alone.
absl::Status DequeueManyShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  const Array* n = c.input_constant(1);
  if (n && n->AsInt64() < 0)
    return absl::InvalidArgumentError(StrCat("Input 'n' must be >= 0, but is ", n->AsInt64()));
  return shape::Unknown(c);
}

OpDefBuilder&& QueueAttrs(OpDefBuilder&& op, const QueueVersion& v) {
  return std::move(op)
      .Output(StrCat("handle: ", v.handle))
      .Attr("container: string = ''")
      .Attr("shared_name: string = ''")
      .Stateful()
      .Shape(HandleShape)
      .NoGradient("a queue is no number");
}

void RegisterHandles(OpRegistry& ops, const QueueVersion& v) {
  const auto attrs = [&v](OpDefBuilder&& op) -> OpDefBuilder&& {
    return QueueAttrs(std::move(op), v);
  };
  ops.Add(StrCat("FIFOQueue", v.suffix))
      .Summary("A queue that gives out its elements in the order in which they came.")
      .Attr("component_types: list(type) >= 1")
      .Attr("shapes: list(shape) >= 0 = []")
      .Attr("capacity: int = -1")
      .Apply(attrs);
  ops.Add(StrCat("PaddingFIFOQueue", v.suffix))
      .Summary("A FIFOQueue of elements of different sizes: batches are padded with zeros.")
      .Attr("component_types: list(type) >= 1")
      .Attr("shapes: list(shape) >= 0 = []")
      .Attr("capacity: int = -1")
      .Apply(attrs);
  ops.Add(StrCat("RandomShuffleQueue", v.suffix))
      .Summary("A queue that gives out its elements in random order.")
      .Attr("component_types: list(type) >= 1")
      .Attr("shapes: list(shape) >= 0 = []")
      .Attr("capacity: int = -1")
      .Attr("min_after_dequeue: int = 0")
      .Attr("seed: int = 0")
      .Attr("seed2: int = 0")
      .Apply(attrs);
  ops.Add(StrCat("PriorityQueue", v.suffix))
      .Summary("A queue that gives out first the element whose first component is lowest.")
      .Attr("component_types: list(type) >= 0 = []")
      .Attr("shapes: list(shape) >= 0")
      .Attr("capacity: int = -1")
      .Apply(attrs);
}

void RegisterTransfers(OpRegistry& ops, const QueueVersion& v) {
  const auto common = [&v](OpDefBuilder&& op) -> OpDefBuilder&& {
    return Common(std::move(op), v);
  };
  const std::string handle = StrCat("handle: ", v.handle);
  const char* const puts[][2] = {
      {"QueueEnqueue", "Puts an element into a queue; waits while it is full."},
      {"QueueEnqueueMany", "Puts the rows of tensors into a queue, one element a row."}};
  for (const auto& [name, summary] : puts) {
    ops.Add(StrCat(name, v.suffix))
        .Summary(summary)
        .Input(handle)
        .Input("components: Tcomponents")
        .Attr("Tcomponents: list(type) >= 1")
        .Attr("timeout_ms: int = -1")
        .Shape(shape::NoOutputs)
        .NoGradient("there is no output")
        .Apply(common);
  }
  ops.Add(StrCat("QueueDequeue", v.suffix))
      .Summary("Takes an element out of a queue; waits while there is none.")
      .Input(handle)
      .Output("components: component_types")
      .Attr("component_types: list(type) >= 1")
      .Attr("timeout_ms: int = -1")
      .Shape(shape::Unknown)
      .NoGradient("what is in a queue was computed in another run")
      .Apply(common);
  const char* const takes[][2] = {
      {"QueueDequeueMany", "Takes n elements and joins them; waits until there are so many."},
      {"QueueDequeueUpTo", "Takes n elements, or what is left when the queue is closed."}};
  for (const auto& [name, summary] : takes) {
    ops.Add(StrCat(name, v.suffix))
        .Summary(summary)
        .Input(handle)
        .Input("n: int32")
        .Output("components: component_types")
        .Attr("component_types: list(type) >= 1")
        .Attr("timeout_ms: int = -1")
        .Shape(DequeueManyShape)
        .NoGradient("what is in a queue was computed in another run")
        .Apply(common);
  }
}

void RegisterStates(OpRegistry& ops, const QueueVersion& v) {
  const auto common = [&v](OpDefBuilder&& op) -> OpDefBuilder&& {
    return Common(std::move(op), v);
  };
  const std::string handle = StrCat("handle: ", v.handle);
  ops.Add(StrCat("QueueClose", v.suffix))
      .Summary("Says that nothing more will be put into a queue.")
      .Input(handle)
      .Attr("cancel_pending_enqueues: bool = false")
      .Shape(shape::NoOutputs)
      .NoGradient("there is no output")
      .Apply(common);
  ops.Add(StrCat("QueueIsClosed", v.suffix))
      .Summary("Whether a queue is closed.")
      .Input(handle)
      .Output("is_closed: bool")
      .Shape(shape::Scalar)
      .NoGradient("the result is a bool")
      .Apply(common);
  ops.Add(StrCat("QueueSize", v.suffix))
      .Summary("The number of elements in a queue.")
      .Input(handle)
      .Output("size: int32")
      .Shape(shape::Scalar)
      .NoGradient("a number of elements is an integer")
      .Apply(common);
}

}  // namespace

void RegisterQueueOps(OpRegistry& ops) {
  for (const QueueVersion& v : kQueueVersions) {
    RegisterHandles(ops, v);
    RegisterTransfers(ops, v);
    RegisterStates(ops, v);
  }
}

}  // namespace weft
