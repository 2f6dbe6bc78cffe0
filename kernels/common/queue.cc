// SPDX-License-Identifier: Apache-2.0
#include "kernels/common/queue.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/common/dtype_names.h"
#include "kernels/common/queue_store.h"
#include "src/core/strings.h"
#include "src/runtime/cancellation.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {

std::string ShapesText(const std::vector<PartialShape>& shapes) {
  return "[" +
         StrJoin(shapes, ", ",
                 [](std::string* s, const PartialShape& p) { StrAppend(s, p.ToString()); }) +
         "]";
}

absl::Status ShapeMismatch(size_t component, const PartialShape& want, const Shape& got) {
  return absl::InvalidArgumentError(StrCat("Shape mismatch in tuple component ", component,
                                           ". Expected ", want.ToString(), ", got ",
                                           got.ToString()));
}

// What an attempt that was given up is told.
absl::Status CancelledError(bool takes) {
  return absl::CancelledError(takes ? "Dequeue operation was cancelled"
                                    : "Enqueue operation was cancelled");
}

}  // namespace

const char* QueueKindName(QueueKind kind) {
  switch (kind) {
    case QueueKind::kFifo:
      return "FIFOQueue";
    case QueueKind::kPaddingFifo:
      return "PaddingFIFOQueue";
    case QueueKind::kRandomShuffle:
      return "RandomShuffleQueue";
    case QueueKind::kPriority:
      return "PriorityQueue";
  }
  return "Queue";
}

absl::Status CompleteQueueSpec(QueueSpec* spec) {
  if (spec->capacity < 0) spec->capacity = std::numeric_limits<int32_t>::max();
  if (spec->kind == QueueKind::kPriority) {
    spec->types.insert(spec->types.begin(), kInt64);
    if (!spec->shapes.empty()) spec->shapes.insert(spec->shapes.begin(), PartialShape::Scalar());
  }
  if (spec->kind == QueueKind::kRandomShuffle) {
    if (spec->min_after_dequeue < 0)
      return absl::InvalidArgumentError(
          StrCat("min_after_dequeue ", spec->min_after_dequeue, " must be >= 0"));
    if (spec->min_after_dequeue >= spec->capacity)
      return absl::InvalidArgumentError(StrCat("min_after_dequeue ", spec->min_after_dequeue,
                                               " must be < capacity ", spec->capacity));
  }
  const bool pads = spec->kind == QueueKind::kPaddingFifo;
  if (pads && spec->shapes.size() != spec->types.size())
    return absl::InvalidArgumentError(
        StrCat("Shapes must be provided for all components, but received ", spec->types.size(),
               " dtypes and ", spec->shapes.size(), " shapes."));
  if (!spec->shapes.empty() && spec->shapes.size() != spec->types.size())
    return absl::InvalidArgumentError(
        StrCat("Different number of component types.  Types: ", DTypeOpNames(spec->types),
               ", Shapes: ", ShapesText(spec->shapes)));
  for (const PartialShape& s : spec->shapes) {
    if (pads ? !s.known_rank() : !s.IsFullyKnown())
      return absl::InvalidArgumentError(StrCat(QueueKindName(spec->kind), ": component shape ",
                                               s.ToString(), " must be ",
                                               pads ? "of known rank" : "fully known"));
  }
  return absl::OkStatus();
}

Queue::Queue(QueueSpec spec, std::string name)
    : spec_(std::move(spec)), name_(std::move(name)), store_(MakeQueueStore(spec_)) {}

absl::Status Queue::CheckSameAs(const QueueSpec& wanted, const std::string& op_type) const {
  if (wanted.kind != spec_.kind)
    return absl::InvalidArgumentError(
        StrCat("Expected ", QueueKindName(spec_.kind), ", found ", op_type));
  const std::string subject = StrCat("Shared queue '", name_, "' has ");
  if (wanted.capacity != spec_.capacity)
    return absl::InvalidArgumentError(StrCat(subject, "capacity ", spec_.capacity,
                                             " but requested capacity was ", wanted.capacity));
  if (wanted.min_after_dequeue != spec_.min_after_dequeue)
    return absl::InvalidArgumentError(StrCat(subject, "min_after_dequeue ", spec_.min_after_dequeue,
                                             " but requested min_after_dequeue was ",
                                             wanted.min_after_dequeue, "."));
  if (wanted.types != spec_.types)
    return absl::InvalidArgumentError(StrCat(subject, "component types ", DTypeOpNames(spec_.types),
                                             " but requested component types were ",
                                             DTypeOpNames(wanted.types)));
  bool same = wanted.shapes.size() == spec_.shapes.size();
  for (size_t i = 0; same && i < wanted.shapes.size(); ++i)
    same = spec_.kind == QueueKind::kPaddingFifo
               ? wanted.shapes[i].IsCompatibleWith(spec_.shapes[i])
               : wanted.shapes[i] == spec_.shapes[i];
  if (!same)
    return absl::InvalidArgumentError(StrCat(subject, "component shapes ", ShapesText(spec_.shapes),
                                             " but requested component shapes were ",
                                             ShapesText(wanted.shapes)));
  if (wanted.seed != spec_.seed || wanted.seed2 != spec_.seed2)
    return absl::InvalidArgumentError(StrCat(subject, "random seeds (", spec_.seed, ", ",
                                             spec_.seed2, ") but requested seeds are (",
                                             wanted.seed, ", ", wanted.seed2, ")."));
  return absl::OkStatus();
}

absl::Status Queue::CheckElement(const QueueElement& element) const {
  for (size_t i = 0; i < spec_.shapes.size(); ++i) {
    if (!spec_.shapes[i].IsCompatibleWith(element[i].shape()))
      return ShapeMismatch(i, spec_.shapes[i], element[i].shape());
  }
  if (spec_.kind == QueueKind::kPriority && element[0].rank() != 0)
    return absl::InvalidArgumentError(
        StrCat("Expected the priority element to be a scalar, but received shape: ",
               element[0].shape().ToString()));
  return absl::OkStatus();
}

absl::Status Queue::CheckBatch(const QueueElement& batch) const {
  for (size_t i = 0; i < batch.size(); ++i) {
    if (batch[i].rank() < 1)
      return absl::InvalidArgumentError(
          StrCat("component ", i,
                 " of the batch is a scalar; it must have a first dimension, "
                 "along which it is taken apart"));
  }
  const int64_t n = batch[0].dim(0);
  for (size_t i = 0; i < batch.size(); ++i) {
    if (!spec_.shapes.empty()) {
      const PartialShape want = PartialShape::Vector(n).Concatenate(spec_.shapes[i]);
      if (!want.IsCompatibleWith(batch[i].shape())) return ShapeMismatch(i, want, batch[i].shape());
    } else if (batch[i].dim(0) != n) {
      return absl::InvalidArgumentError(
          StrCat("All input tensors must have the same size in the 0th dimension. Component ", i,
                 " has ", batch[i].dim(0), ", and should have ", n));
    }
  }
  if (spec_.kind == QueueKind::kPriority && batch[0].rank() != 1)
    return absl::InvalidArgumentError(
        StrCat("Expected the priority elements to be a vector, but received shape: ",
               batch[0].shape().ToString()));
  return absl::OkStatus();
}

void Queue::Enqueue(QueueElement element, CancellationManager* cancellation, Done done) {
  auto a = std::make_shared<Attempt>();
  a->action = Action::kEnqueue;
  a->cancellation = cancellation;
  a->given = std::move(element);
  a->done = [done = std::move(done)](absl::StatusOr<QueueElement> r) { done(r.status()); };
  Submit(std::move(a));
}

void Queue::EnqueueMany(QueueElement batch, Allocator* allocator, CancellationManager* cancellation,
                        Done done) {
  if (batch[0].dim(0) == 0) return done(absl::OkStatus());
  auto a = std::make_shared<Attempt>();
  a->action = Action::kEnqueueMany;
  a->cancellation = cancellation;
  a->allocator = allocator;
  a->remaining = batch[0].dim(0);
  a->given = std::move(batch);
  a->done = [done = std::move(done)](absl::StatusOr<QueueElement> r) { done(r.status()); };
  Submit(std::move(a));
}

void Queue::Dequeue(CancellationManager* cancellation, DoneWith done) {
  auto a = std::make_shared<Attempt>();
  a->action = Action::kDequeue;
  a->cancellation = cancellation;
  a->done = std::move(done);
  Submit(std::move(a));
}

void Queue::DequeueMany(int64_t n, bool allow_fewer, Allocator* allocator,
                        CancellationManager* cancellation, DoneWith done) {
  if (spec_.shapes.empty()) {
    const bool sorted = spec_.kind == QueueKind::kPriority;
    return done(absl::InvalidArgumentError(StrCat(QueueKindName(spec_.kind), "'s DequeueMany ",
                                                  sorted ? "requires" : "and DequeueUpTo require",
                                                  " the components to have specified shapes.")));
  }
  if (n == 0) return done(Join({}, allocator));
  auto a = std::make_shared<Attempt>();
  a->action = Action::kDequeueMany;
  a->cancellation = cancellation;
  a->allocator = allocator;
  a->remaining = n;
  a->allow_fewer = allow_fewer;
  a->done = std::move(done);
  Submit(std::move(a));
}

void Queue::Close(bool cancel_pending_enqueues, CancellationManager* cancellation, Done done) {
  if (!cancel_pending_enqueues) {
    auto a = std::make_shared<Attempt>();
    a->action = Action::kClose;
    a->cancellation = cancellation;
    a->done = [done = std::move(done)](absl::StatusOr<QueueElement> r) { done(r.status()); };
    return Submit(std::move(a));
  }
  std::deque<AttemptPtr> given_up;
  {
    std::lock_guard lock(mu_);
    closed_ = true;
    given_up.swap(enqueues_);
    for (const AttemptPtr& a : given_up) {
      a->finished = true;
      // Another close waits in the list: what it wants has come true.
      if (a->action != Action::kClose) a->result = CancelledError(/*takes=*/false);
    }
  }
  for (const AttemptPtr& a : given_up) Finish(a);
  Flush();
  done(absl::OkStatus());
}

bool Queue::closed() const {
  std::lock_guard lock(mu_);
  return closed_;
}

int64_t Queue::size() const {
  std::lock_guard lock(mu_);
  return store_->size();
}

void Queue::Submit(AttemptPtr attempt) {
  bool accepted = true;
  {
    // The callback waits for the lock, so it finds the attempt in its list.
    std::lock_guard lock(mu_);
    if (attempt->cancellation)
      accepted = attempt->cancellation->Register(
          &attempt->token, [self = shared_from_this(), attempt] { self->Cancel(attempt); });
    if (accepted) ListOf(*attempt).push_back(attempt);
  }
  if (accepted) return Flush();
  attempt->done(CancelledError(&ListOf(*attempt) == &dequeues_));
}

void Queue::Cancel(const AttemptPtr& attempt) {
  {
    std::lock_guard lock(mu_);
    if (attempt->finished) return;
    attempt->finished = true;
    std::deque<AttemptPtr>& list = ListOf(*attempt);
    std::erase(list, attempt);
    attempt->result = CancelledError(&list == &dequeues_);
    RestoreTaken(attempt.get());
  }
  const std::shared_ptr<Queue> self = shared_from_this();
  Finish(attempt);
  Flush();
}

void Queue::Finish(const AttemptPtr& a) {
  if (a->cancellation && a->token >= 0) a->cancellation->Deregister(a->token);
  a->done(std::move(a->result));
}

void Queue::Flush() {
  const std::shared_ptr<Queue> self = shared_from_this();
  std::vector<AttemptPtr> finished;
  {
    std::lock_guard lock(mu_);
    bool changed = true;
    while (changed) {
      changed = Advance(&enqueues_, &finished);
      changed |= Advance(&dequeues_, &finished);
    }
  }
  for (const AttemptPtr& a : finished) Finish(a);
}

bool Queue::Advance(std::deque<AttemptPtr>* attempts, std::vector<AttemptPtr>* finished) {
  bool progress = false;
  while (!attempts->empty()) {
    const Outcome outcome = Try(attempts->front().get());
    progress |= outcome != Outcome::kNoProgress;
    if (outcome != Outcome::kComplete) break;
    attempts->front()->finished = true;
    finished->push_back(std::move(attempts->front()));
    attempts->pop_front();
  }
  return progress;
}

Queue::Outcome Queue::Try(Attempt* a) {
  switch (a->action) {
    case Action::kEnqueue:
    case Action::kEnqueueMany:
      return TryEnqueue(a);
    case Action::kDequeueMany:
      if (spec_.kind == QueueKind::kPriority) return TryDequeueSorted(a);
      return TryDequeue(a);
    case Action::kDequeue:
      return TryDequeue(a);
    case Action::kClose:
      if (closed_)
        a->result = absl::CancelledError(StrCat("Queue '", name_, "' is already closed."));
      closed_ = true;
      return Outcome::kComplete;
  }
  return Outcome::kComplete;
}

Queue::Outcome Queue::TryEnqueue(Attempt* a) {
  if (closed_) {
    a->result =
        absl::CancelledError(StrCat(QueueKindName(spec_.kind), " '", name_, "' is closed."));
    return Outcome::kComplete;
  }
  Outcome outcome = Outcome::kNoProgress;
  while (store_->size() < spec_.capacity) {
    outcome = Outcome::kProgress;
    if (a->action == Action::kEnqueue) {
      store_->Push(std::move(a->given));
      return Outcome::kComplete;
    }
    const int64_t index = a->given[0].dim(0) - a->remaining;
    QueueElement element;
    for (const Array& batch : a->given) {
      absl::StatusOr<Array> row = CopyRow(batch, index, a->allocator);
      if (!row.ok()) {
        a->result = row.status();
        return Outcome::kComplete;
      }
      element.push_back(*std::move(row));
    }
    store_->Push(std::move(element));
    if (--a->remaining == 0) return Outcome::kComplete;
  }
  return outcome;
}

int64_t Queue::Available() const {
  return closed_ ? store_->size() : store_->size() - spec_.min_after_dequeue;
}

absl::Status Queue::TooFew(int64_t requested, int64_t size) const {
  return absl::OutOfRangeError(StrCat(QueueKindName(spec_.kind), " '", name_,
                                      "' is closed and has insufficient elements (requested ",
                                      requested, ", current size ", size, ")"));
}

void Queue::RestoreTaken(Attempt* a) {
  a->remaining += static_cast<int64_t>(a->taken.size());
  while (!a->taken.empty()) {
    store_->Restore(std::move(a->taken.back()));
    a->taken.pop_back();
  }
}

Queue::Outcome Queue::TryDequeue(Attempt* a) {
  const int64_t size = store_->size();
  if (closed_ && size < a->remaining) {
    const absl::Status too_few = TooFew(a->remaining, size);
    RestoreTaken(a);
    if (!a->allow_fewer) {
      a->result = too_few;
      return Outcome::kComplete;
    }
    if (store_->size() == 0) {
      // Enqueues that wait are refused first.
      if (!enqueues_.empty()) return Outcome::kProgress;
      a->result = too_few;
      return Outcome::kComplete;
    }
    a->remaining = std::min(a->remaining, store_->size());
  }
  return Take(a, Available());
}

// All at once or none: taken in pieces, elements that come later might belong before them.
Queue::Outcome Queue::TryDequeueSorted(Attempt* a) {
  const int64_t size = store_->size();
  if (closed_ && (size == 0 || (!a->allow_fewer && size < a->remaining))) {
    a->result = TooFew(a->remaining, size);
    return Outcome::kComplete;
  }
  if (size < a->remaining) {
    if (!closed_) return Outcome::kNoProgress;
    a->remaining = size;
  }
  return Take(a, size);
}

Queue::Outcome Queue::Take(Attempt* a, int64_t available) {
  Outcome outcome = Outcome::kNoProgress;
  for (; available > 0; --available) {
    outcome = Outcome::kProgress;
    a->taken.push_back(store_->Pop());
    if (--a->remaining > 0) continue;
    if (a->action == Action::kDequeue) {
      a->result = std::move(a->taken.front());
    } else {
      a->result = Join(a->taken, a->allocator);
      if (!a->result.ok()) RestoreTaken(a);
    }
    a->taken.clear();
    return Outcome::kComplete;
  }
  return outcome;
}

absl::StatusOr<QueueElement> Queue::Join(const std::vector<QueueElement>& elements,
                                         Allocator* allocator) const {
  QueueElement joined;
  for (size_t c = 0; c < spec_.types.size(); ++c) {
    std::vector<const Array*> rows;
    for (const QueueElement& e : elements) rows.push_back(&e[c]);
    std::vector<int64_t> dims = {static_cast<int64_t>(elements.size())};
    for (int d = 0; d < spec_.shapes[c].rank(); ++d) {
      int64_t size = std::max<int64_t>(spec_.shapes[c].dim(d), 0);
      if (spec_.shapes[c].dim(d) < 0) {
        for (const Array* row : rows) size = std::max(size, row->dim(d));
      }
      dims.push_back(size);
    }
    Shape shape;
    std::string error;
    if (!Shape::Make(dims, &shape, &error)) return absl::InvalidArgumentError(error);
    WEFT_ASSIGN_OR_RETURN(Array rows_joined, JoinRows(spec_.types[c], shape, rows, allocator));
    joined.push_back(std::move(rows_joined));
  }
  return joined;
}

}  // namespace weft
