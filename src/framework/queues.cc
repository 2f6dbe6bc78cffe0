// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/queues.h"

#include <algorithm>
#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/nodes.h"

namespace weft {
namespace {

std::vector<PartialShape> Unknown(size_t n) { return std::vector<PartialShape>(n); }

std::vector<PartialShape> ShapesOf(const QueueOptions& options) {
  return {options.shapes.begin(), options.shapes.end()};
}

void CheckLength(size_t got, size_t want, const char* what) {
  if (got == want || got == 0) return;
  ThrowError(Code::kInvalidArgument,
             StrCat("Queue ", what, " must have the same length as dtypes, received ", got, " ",
                    what, " and ", want, " dtypes"));
}

// What all constructors share: a node of `op`, on the host.
OpBuilder QueueNode(const char* op, const char* default_name, int64_t capacity,
                    const std::vector<DataType>& dtypes, const QueueOptions& options) {
  CheckLength(options.shapes.size(), dtypes.size(), "shapes");
  OpBuilder b(op, options.name, default_name);
  b.Attr("component_types", dtypes)
      .Attr("shapes", ShapesOf(options))
      .Attr("capacity", capacity)
      .Attr("shared_name", options.shared_name);
  return b;
}

// The part of a shape after the first dimension.
PartialShape RowShape(const PartialShape& s) {
  return s.known_rank() ? PartialShape(s.dims().subspan(1)) : s;
}

void CheckComponent(size_t i, const PartialShape& got, const PartialShape& want,
                    const std::string& queue) {
  if (want.IsCompatibleWith(got)) return;
  ThrowError(Code::kInvalidArgument,
             StrCat("Shapes ", got.ToPythonString(), " and ", want.ToPythonString(),
                    " are incompatible: component ", i, " of an element of queue '", queue, "'"));
}

// The md5 of a short text is not worth a library: queues that share a name and have no seed of
// their own only need different second seeds that are the same in every run.
int64_t SeedOfName(int64_t seed, const std::string& shared_name) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : StrCat(seed, shared_name)) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return static_cast<int64_t>(hash & 0x7fffffff);
}

}  // namespace

QueueBase::QueueBase(Tensor queue, std::vector<DataType> dtypes, std::vector<PartialShape> shapes,
                     std::vector<std::string> names)
    : queue_(queue),
      dtypes_(std::move(dtypes)),
      shapes_(std::move(shapes)),
      names_(std::move(names)) {
  CheckLength(shapes_.size(), dtypes_.size(), "shapes");
  CheckLength(names_.size(), dtypes_.size(), "names");
  if (shapes_.empty()) shapes_ = Unknown(dtypes_.size());
}

const std::string& QueueBase::name() const { return queue_.op().name(); }

std::string QueueBase::OpName(const char* op) const {
  return StrCat(op, queue_.dtype() == kResource ? "V2" : "");
}

std::string QueueBase::DefaultName(const char* suffix) const {
  return StrCat(weft::internal::LastPart(name()), suffix);
}

std::vector<Input> QueueBase::InOrder(const std::map<std::string, Input>& components) const {
  if (names_.empty())
    ThrowError(Code::kInvalidArgument,
               StrCat("queue '", name(), "' must have names to enqueue components by name"));
  std::vector<Input> in_order;
  for (const std::string& n : names_) {
    const auto it = components.find(n);
    if (it != components.end()) in_order.push_back(it->second);
  }
  if (in_order.size() != names_.size() || components.size() != names_.size()) {
    std::string given;
    for (const auto& [n, value] : components) StrAppend(&given, given.empty() ? "" : ", ", n);
    ThrowError(Code::kInvalidArgument,
               StrCat("Keys in dictionary to enqueue do not match names of Queue.  Dictionary: {",
                      given, "}, Queue: {", StrJoin(names_, ", "), "}"));
  }
  return in_order;
}

Operation QueueBase::Put(const char* op, const char* suffix, const std::vector<Input>& components,
                         bool rows, const NameOptions& name) const {
  if (components.size() != dtypes_.size())
    ThrowError(Code::kInvalidArgument, StrCat("queue '", this->name(), "' has ", dtypes_.size(),
                                              " components; ", components.size(), " were given"));
  const GraphScope use(queue_.graph());
  const NameScope scope(name.name.empty() ? DefaultName(suffix) : name.name);
  std::vector<Input> tensors;
  for (size_t i = 0; i < components.size(); ++i) {
    const Tensor t = AsTensor(components[i], dtypes_[i], StrCat("component_", i));
    if (RemoveRef(t.dtype()) != dtypes_[i])
      ThrowError(Code::kInvalidArgument,
                 StrCat("component ", i, " of an element of queue '", this->name(), "' is ",
                        DTypeName(dtypes_[i]), "; got ", t.ToString()));
    if (rows && t.shape().known_rank() && t.shape().rank() < 1)
      ThrowError(Code::kInvalidArgument, StrCat("Shape ", t.shape().ToPythonString(),
                                                " must have rank at least 1: component ", i,
                                                " of elements of queue '", this->name(), "'"));
    CheckComponent(i, rows ? RowShape(t.shape()) : t.shape(), shapes_[i], this->name());
    tensors.emplace_back(t);
  }
  return OpBuilder(OpName(op), scope.name()).In(queue_).InList(tensors).Build();
}

Operation QueueBase::Enqueue(const std::vector<Input>& components, const NameOptions& name) const {
  return Put("QueueEnqueue", "_enqueue", components, false, name);
}
Operation QueueBase::EnqueueByName(const std::map<std::string, Input>& components,
                                   const NameOptions& name) const {
  return Enqueue(InOrder(components), name);
}
Operation QueueBase::EnqueueMany(const std::vector<Input>& components,
                                 const NameOptions& name) const {
  return Put("QueueEnqueueMany", "_EnqueueMany", components, true, name);
}
Operation QueueBase::EnqueueManyByName(const std::map<std::string, Input>& components,
                                       const NameOptions& name) const {
  return EnqueueMany(InOrder(components), name);
}

std::vector<Tensor> QueueBase::Take(const char* op, const char* suffix,
                                    const std::optional<Input>& n, bool exactly,
                                    const NameOptions& name) const {
  const GraphScope use(queue_.graph());
  OpBuilder b(OpName(op), name, DefaultName(suffix));
  b.In(queue_);
  if (n) b.In(*n);
  const std::vector<Tensor> taken = b.Attr("component_types", dtypes_).Outputs();
  PartialShape first = PartialShape::Scalar();
  if (n) {
    const bool known = exactly && !n->is_tensor() && n->array().num_elements() == 1;
    first = PartialShape::Vector(known ? n->array().AsInt64() : kUnknownDim);
  }
  for (size_t i = 0; i < taken.size(); ++i) taken[i].set_shape(first.Concatenate(shapes_[i]));
  return taken;
}

void QueueBase::CheckOneComponent(const char* function) const {
  if (dtypes_.size() == 1) return;
  ThrowError(Code::kInvalidArgument, StrCat("queue '", name(), "' has ", dtypes_.size(),
                                            " components; use ", function, "All"));
}

std::vector<Tensor> QueueBase::DequeueAll(const NameOptions& name) const {
  return Take("QueueDequeue", "_Dequeue", {}, true, name);
}
std::vector<Tensor> QueueBase::DequeueManyAll(const Input& n, const NameOptions& name) const {
  return Take("QueueDequeueMany", "_DequeueMany", n, true, name);
}
std::vector<Tensor> QueueBase::DequeueUpToAll(const Input& n, const NameOptions& name) const {
  return Take("QueueDequeueUpTo", "_DequeueUpTo", n, false, name);
}
Tensor QueueBase::Dequeue(const NameOptions& name) const {
  CheckOneComponent("Dequeue");
  return DequeueAll(name)[0];
}
Tensor QueueBase::DequeueMany(const Input& n, const NameOptions& name) const {
  CheckOneComponent("DequeueMany");
  return DequeueManyAll(n, name)[0];
}
Tensor QueueBase::DequeueUpTo(const Input& n, const NameOptions& name) const {
  CheckOneComponent("DequeueUpTo");
  return DequeueUpToAll(n, name)[0];
}

std::map<std::string, Tensor> QueueBase::ByName(const std::vector<Tensor>& components) const {
  if (names_.empty() || names_.size() != components.size())
    ThrowError(Code::kInvalidArgument, StrCat("queue '", name(), "' has names for ", names_.size(),
                                              " components; got ", components.size()));
  std::map<std::string, Tensor> by_name;
  for (size_t i = 0; i < names_.size(); ++i) by_name.emplace(names_[i], components[i]);
  return by_name;
}

Operation QueueBase::Close(const CloseOptions& options) const {
  const GraphScope use(queue_.graph());
  return OpBuilder(OpName("QueueClose"), options.name, DefaultName("_Close"))
      .In(queue_)
      .Attr("cancel_pending_enqueues", options.cancel_pending_enqueues)
      .Build();
}

Tensor QueueBase::IsClosed(const NameOptions& name) const {
  const GraphScope use(queue_.graph());
  return OpBuilder(OpName("QueueIsClosed"), name, DefaultName("_Is_Closed")).In(queue_).Output();
}

Tensor QueueBase::Size(const NameOptions& name) const {
  const GraphScope use(queue_.graph());
  return OpBuilder(OpName("QueueSize"), name, DefaultName("_Size")).In(queue_).Output();
}

QueueBase QueueBase::FromList(const Input& index, const std::vector<QueueBase>& queues) {
  if (queues.empty()) ThrowError(Code::kInvalidArgument, "A list of queues expected");
  std::vector<PartialShape> shapes = queues[0].shapes_;
  std::vector<Input> handles;
  for (const QueueBase& q : queues) {
    if (q.dtypes_ != queues[0].dtypes_)
      ThrowError(Code::kInvalidArgument, "Queues do not have matching component dtypes.");
    if (q.names_ != queues[0].names_)
      ThrowError(Code::kInvalidArgument, "Queues do not have matching component names.");
    for (size_t i = 0; i < shapes.size(); ++i) {
      if (shapes[i].rank() != q.shapes_[i].rank()) shapes[i] = PartialShape();
      for (int d = 0; d < shapes[i].rank(); ++d) {
        if (shapes[i].dim(d) != q.shapes_[i].dim(d)) shapes[i].set_dim(d, kUnknownDim);
      }
    }
    handles.emplace_back(q.queue_);
  }
  const GraphScope use(queues[0].queue_.graph());
  const Tensor all = OpBuilder("Pack", {}, "stack").InList(handles).Output();
  const Tensor axis = AsTensor(Array(int32_t{0}), kInt32, "GatherV2/axis");
  const Tensor selected = OpBuilder("GatherV2", {}).In(all).In(index).In(axis).Output();
  return QueueBase(selected, queues[0].dtypes_, std::move(shapes), queues[0].names_);
}

FIFOQueue::FIFOQueue(int64_t capacity, const std::vector<DataType>& dtypes,
                     const QueueOptions& options) {
  const ControlDependencies none(nullptr);
  const DeviceScope host("/device:CPU:*");
  static_cast<QueueBase&>(*this) =
      QueueBase(QueueNode("FIFOQueueV2", "fifo_queue", capacity, dtypes, options).Output(), dtypes,
                ShapesOf(options), options.names);
}

PaddingFIFOQueue::PaddingFIFOQueue(int64_t capacity, const std::vector<DataType>& dtypes,
                                   const QueueOptions& options) {
  if (options.shapes.size() != dtypes.size())
    ThrowError(Code::kInvalidArgument,
               StrCat("Shapes must be provided for all components, but received ", dtypes.size(),
                      " dtypes and ", options.shapes.size(), " shapes."));
  static_cast<QueueBase&>(*this) = QueueBase(
      QueueNode("PaddingFIFOQueueV2", "padding_fifo_queue", capacity, dtypes, options).Output(),
      dtypes, ShapesOf(options), options.names);
}

RandomShuffleQueue::RandomShuffleQueue(int64_t capacity, int64_t min_after_dequeue,
                                       const std::vector<DataType>& dtypes,
                                       const QueueOptions& options, std::optional<int64_t> seed) {
  SeedPair seeds = Graph::Default().GetSeed(seed);
  if (!seed && !options.shared_name.empty() && (seeds.seed != 0 || seeds.seed2 != 0))
    seeds.seed2 = SeedOfName(seeds.seed, options.shared_name);
  OpBuilder b =
      QueueNode("RandomShuffleQueueV2", "random_shuffle_queue", capacity, dtypes, options);
  b.Attr("min_after_dequeue", min_after_dequeue)
      .Attr("seed", seeds.seed)
      .Attr("seed2", seeds.seed2);
  static_cast<QueueBase&>(*this) = QueueBase(b.Output(), dtypes, ShapesOf(options), options.names);
}

PriorityQueue::PriorityQueue(int64_t capacity, const std::vector<DataType>& dtypes,
                             const QueueOptions& options) {
  const Tensor queue =
      QueueNode("PriorityQueueV2", "priority_queue", capacity, dtypes, options).Output();
  std::vector<DataType> all_types = {kInt64};
  all_types.insert(all_types.end(), dtypes.begin(), dtypes.end());
  std::vector<PartialShape> all_shapes = ShapesOf(options);
  if (!all_shapes.empty()) all_shapes.insert(all_shapes.begin(), PartialShape::Scalar());
  static_cast<QueueBase&>(*this) = QueueBase(queue, all_types, all_shapes, options.names);
}

}  // namespace weft
