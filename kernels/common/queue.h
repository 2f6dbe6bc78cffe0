// SPDX-License-Identifier: Apache-2.0
// Queue: what FIFOQueue, PaddingFIFOQueue, RandomShuffleQueue and PriorityQueue are in a Session.
//
// An element is a tuple of tensors, one a component. Operations don't block: each is an attempt
// that waits in a list of its own (those that put elements in, those that take them out) until it
// is first there and the queue lets it through; then its callback is called, on the thread of
// whoever made the last change, with no lock held. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/core/philox.h"
#include "weft/core/array.h"
#include "weft/runtime/resource.h"

namespace weft {

class CancellationManager;

enum class QueueKind { kFifo, kPaddingFifo, kRandomShuffle, kPriority };

// What a queue is made from: the attributes of its op.
struct QueueSpec {
  QueueKind kind = QueueKind::kFifo;
  int64_t capacity = -1;  // below 0: as many elements as an int32 counts
  std::vector<DataType> types;
  std::vector<PartialShape> shapes;  // empty: any
  int64_t min_after_dequeue = 0;     // kRandomShuffle: so many stay while the queue is open
  int64_t seed = 0, seed2 = 0;       // kRandomShuffle: both 0: another order each time
};

// "FIFOQueue".
const char* QueueKindName(QueueKind kind);
// Of the attributes as they came: adds the priority component of a PriorityQueue, turns a capacity
// below 0 into the largest one, and checks that it all fits together.
absl::Status CompleteQueueSpec(QueueSpec* spec);

using QueueElement = std::vector<Array>;

// Where the elements are kept, in the order that the kind of queue gives them out. Not thread-safe.
class QueueStore {
 public:
  virtual ~QueueStore() = default;
  virtual int64_t size() const = 0;
  virtual void Push(QueueElement element) = 0;
  // There is one.
  virtual QueueElement Pop() = 0;
  // Takes back the element that was popped last of those that are out.
  virtual void Restore(QueueElement element) = 0;
};

class Queue : public Resource, public std::enable_shared_from_this<Queue> {
 public:
  using Done = std::function<void(absl::Status)>;
  using DoneWith = std::function<void(absl::StatusOr<QueueElement>)>;

  // `spec` is complete. `name` is for messages.
  Queue(QueueSpec spec, std::string name);

  const QueueSpec& spec() const { return spec_; }
  // InvalidArgument, in words about a shared queue, if this is not what `wanted` describes.
  absl::Status CheckSameAs(const QueueSpec& wanted, const std::string& op_type) const;

  // InvalidArgument if that is no element of this queue / no batch of elements, along the first
  // dimension.
  absl::Status CheckElement(const QueueElement& element) const;
  absl::Status CheckBatch(const QueueElement& batch) const;

  // The attempts. `cancellation` ends one that waits with Cancelled. Arrays given must stay as they
  // are until the callback; copies are made with `allocator`.

  // Waits for room. Cancelled if the queue is closed.
  void Enqueue(QueueElement element, CancellationManager* cancellation, Done done);
  // One element after the other, as there is room.
  void EnqueueMany(QueueElement batch, Allocator* allocator, CancellationManager* cancellation,
                   Done done);
  // Waits for an element. OutOfRange if the queue is closed and empty.
  void Dequeue(CancellationManager* cancellation, DoneWith done);
  // Waits for n elements and joins them along a new first dimension. If the queue is closed before
  // there are n: as many as there are if `allow_fewer`, else (or if there is none) OutOfRange, and
  // the elements stay.
  void DequeueMany(int64_t n, bool allow_fewer, Allocator* allocator,
                   CancellationManager* cancellation, DoneWith done);
  // From now on nothing can be put in. Lets waiting enqueues pass first, or cancels them. Cancelled
  // if the queue is closed already (unless it cancels).
  void Close(bool cancel_pending_enqueues, CancellationManager* cancellation, Done done);

  bool closed() const;
  int64_t size() const;
  std::string DebugString() const override { return "queue " + name_; }

 private:
  enum class Action { kEnqueue, kEnqueueMany, kDequeue, kDequeueMany, kClose };
  enum class Outcome { kNoProgress, kProgress, kComplete };
  struct Attempt {
    Action action;
    CancellationManager* cancellation = nullptr;
    DoneWith done;
    int64_t token = -1;
    bool finished = false;
    QueueElement given;     // to put in: an element or a batch
    int64_t remaining = 1;  // elements still to be put in or taken out
    bool allow_fewer = false;
    Allocator* allocator = nullptr;
    std::vector<QueueElement> taken;  // so far
    absl::StatusOr<QueueElement> result = QueueElement();
  };
  using AttemptPtr = std::shared_ptr<Attempt>;

  std::deque<AttemptPtr>& ListOf(const Attempt& a) {
    const bool takes = a.action == Action::kDequeue || a.action == Action::kDequeueMany;
    return takes ? dequeues_ : enqueues_;
  }
  void Submit(AttemptPtr attempt);
  void Cancel(const AttemptPtr& attempt);
  // Lets attempts through as long as any gets on.
  void Flush();
  static void Finish(const AttemptPtr& attempt);

  // With mu_ held.
  bool Advance(std::deque<AttemptPtr>* attempts, std::vector<AttemptPtr>* finished);
  Outcome Try(Attempt* a);
  Outcome TryEnqueue(Attempt* a);
  Outcome TryDequeue(Attempt* a);
  Outcome TryDequeueSorted(Attempt* a);
  // Takes up to `available` elements; joins them when there are enough.
  Outcome Take(Attempt* a, int64_t available);
  void RestoreTaken(Attempt* a);
  absl::Status TooFew(int64_t requested, int64_t size) const;
  int64_t Available() const;

  absl::StatusOr<QueueElement> Join(const std::vector<QueueElement>& elements,
                                    Allocator* allocator) const;

  const QueueSpec spec_;
  const std::string name_;
  mutable std::mutex mu_;
  bool closed_ = false;
  std::unique_ptr<QueueStore> store_;
  std::deque<AttemptPtr> enqueues_, dequeues_;
};

}  // namespace weft
