// SPDX-License-Identifier: Apache-2.0
// What staging areas and staging maps share: the operations that wait for a change, the limits, and
// how nodes name the resource.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/named_resource.h"
#include "src/core/strings.h"
#include "src/runtime/cancellation.h"
#include "weft/runtime/kernel.h"

namespace weft {

struct StagingLimits {
  size_t width;          // values of a whole tuple
  int64_t capacity;      // tuples; 0: no limit
  int64_t memory_limit;  // bytes; 0: no limit
};

// The bytes of the arrays that are there.
inline int64_t StagedBytes(const std::vector<Array>& tuple) {
  int64_t bytes = 0;
  for (const Array& a : tuple) bytes += a.valid() ? static_cast<int64_t>(a.num_bytes()) : 0;
  return bytes;
}

// A store whose operations may have to wait. What waits is tried again after each change, in the
// order in which it came; callbacks are called with no lock held. Thread-safe.
template <typename Request>
class StagingStore : public Resource, public std::enable_shared_from_this<StagingStore<Request>> {
 public:
  // The request with what was found, or why it failed.
  using Done = std::function<void(absl::StatusOr<Request>)>;

  // `bytes`: of what the request puts in; refused at once if they can never have room.
  void Submit(Request request, int64_t bytes, CancellationManager* cancellation, Done done) {
    if (limits_.memory_limit > 0 && bytes > limits_.memory_limit) {
      return done(absl::ResourceExhaustedError(StrCat(
          "Attempted to insert tensors with combined size of '", bytes,
          "' bytes into Staging Area with a memory limit of '", limits_.memory_limit, "'.")));
    }
    auto w = std::make_shared<Waiting>();
    w->request = std::move(request);
    w->cancellation = cancellation;
    w->done = std::move(done);
    bool accepted = true;
    {
      std::lock_guard lock(mu_);  // a callback waits until `w` is in the list
      if (cancellation) {
        accepted = cancellation->Register(
            &w->token, [self = this->shared_from_this(), w] { self->Cancel(w); });
      }
      if (accepted) waiting_.push_back(w);
    }
    if (accepted) return Flush();
    w->done(absl::CancelledError("the run was cancelled"));
  }

  void Clear() {
    {
      std::lock_guard lock(mu_);
      RemoveAll();
      bytes_ = 0;
    }
    Flush();
  }

 protected:
  StagingStore(const StagingLimits& limits, std::string name)
      : limits_(limits), name_(std::move(name)) {}

  // The next three are called with mu_ held. Try: false if the request has to wait; *status is what
  // becomes of it otherwise.
  virtual bool Try(Request& request, absl::Status* status) = 0;
  virtual void RemoveAll() = 0;
  bool HasRoom(size_t tuples, int64_t bytes) const {
    return (limits_.capacity == 0 || static_cast<int64_t>(tuples) < limits_.capacity) &&
           (limits_.memory_limit == 0 || bytes_ + bytes <= limits_.memory_limit);
  }

  const StagingLimits limits_;
  const std::string name_;
  mutable std::mutex mu_;
  int64_t bytes_ = 0;

 private:
  struct Waiting {
    Request request;
    CancellationManager* cancellation = nullptr;
    int64_t token = -1;
    Done done;
    absl::Status status;
  };
  using WaitingPtr = std::shared_ptr<Waiting>;

  void Cancel(const WaitingPtr& w) {
    {
      std::lock_guard lock(mu_);
      if (std::erase(waiting_, w) == 0) return;
    }
    w->done(absl::CancelledError("the run was cancelled"));
  }

  void Flush() {
    const auto self = this->shared_from_this();
    std::vector<WaitingPtr> finished;
    {
      std::lock_guard lock(mu_);
      for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < waiting_.size();) {
          if (!Try(waiting_[i]->request, &waiting_[i]->status)) {
            ++i;
            continue;
          }
          finished.push_back(waiting_[i]);
          waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
          changed = true;
        }
      }
    }
    for (const WaitingPtr& w : finished) {
      if (w->cancellation) w->cancellation->Deregister(w->token);
      if (w->status.ok())
        w->done(std::move(w->request));
      else
        w->done(std::move(w->status));
    }
  }

  std::deque<WaitingPtr> waiting_;
};

// What a node keeps of the store that it names by container and shared_name; the first node that
// runs makes it.
template <typename Store>
class StagingHandle {
 public:
  explicit StagingHandle(KernelConstruction& c)
      : resource_(c, Store::kType, /*by_reference=*/false),
        dtypes_(c.Attr<std::vector<DataType>>("dtypes")),
        limits_{dtypes_.size(), c.Attr<int64_t>("capacity"), c.Attr<int64_t>("memory_limit")} {}

  std::shared_ptr<Store> Get() const {
    return std::static_pointer_cast<Store>(resource_.slot().GetOrCreate(
        [this] { return std::make_shared<Store>(limits_, resource_.name()); }));
  }
  const std::vector<DataType>& dtypes() const { return dtypes_; }
  const std::string& name() const { return resource_.name(); }

 private:
  const NamedResource resource_;
  const std::vector<DataType> dtypes_;
  const StagingLimits limits_;
};

template <typename Store>
class ClearStaging final : public Kernel {
 public:
  explicit ClearStaging(KernelConstruction& c) : store_(c) {}
  absl::Status Compute(KernelContext&) override {
    store_.Get()->Clear();
    return absl::OkStatus();
  }

 private:
  const StagingHandle<Store> store_;
};

}  // namespace weft
