// SPDX-License-Identifier: Apache-2.0
// Staging areas: tuples on their way from one run to the next, first in, first out.
#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "kernels/cpu/named_resource.h"
#include "kernels/cpu/register.h"
#include "src/core/strings.h"
#include "src/runtime/cancellation.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using Tuple = std::vector<Array>;

int64_t BytesOf(const Tuple& tuple) {
  int64_t bytes = 0;
  for (const Array& a : tuple) bytes += static_cast<int64_t>(a.num_bytes());
  return bytes;
}

// What waits is tried again after each change, in the order in which it came; callbacks are called
// with no lock held. Thread-safe.
class StagingArea final : public Resource, public std::enable_shared_from_this<StagingArea> {
 public:
  using Done = std::function<void(absl::StatusOr<Tuple>)>;
  // 0: no limit.
  StagingArea(int64_t capacity, int64_t memory_limit, std::string name)
      : capacity_(capacity), memory_limit_(memory_limit), name_(std::move(name)) {}

  // Waits for room.
  void Put(Tuple tuple, CancellationManager* cancellation, Done done) {
    const int64_t bytes = BytesOf(tuple);
    if (memory_limit_ > 0 && bytes > memory_limit_) {
      return done(absl::ResourceExhaustedError(
          StrCat("Attempted to insert tensors with combined size of '", bytes,
                 "' bytes into Staging Area with a memory limit of '", memory_limit_, "'.")));
    }
    auto waiting = std::make_shared<Waiting>(Waiting{Kind::kPut, std::move(tuple), 0});
    Submit(std::move(waiting), cancellation, std::move(done));
  }
  // Waits for a tuple.
  void Get(CancellationManager* cancellation, Done done) {
    Submit(std::make_shared<Waiting>(Waiting{Kind::kGet, {}, 0}), cancellation, std::move(done));
  }
  // Waits until there is a tuple of this number, and leaves it.
  void Peek(int64_t index, CancellationManager* cancellation, Done done) {
    Submit(std::make_shared<Waiting>(Waiting{Kind::kPeek, {}, index}), cancellation,
           std::move(done));
  }
  void Clear() {
    {
      std::lock_guard lock(mu_);
      tuples_.clear();
      bytes_ = 0;
    }
    Flush();
  }
  int64_t size() const {
    std::lock_guard lock(mu_);
    return static_cast<int64_t>(tuples_.size());
  }
  std::string DebugString() const override { return "staging area " + name_; }

 private:
  enum class Kind { kPut, kGet, kPeek };
  struct Waiting {
    Kind kind;
    Tuple tuple;  // to put, or what was got
    int64_t index;
    CancellationManager* cancellation = nullptr;
    int64_t token = -1;
    Done done = {};
  };
  using WaitingPtr = std::shared_ptr<Waiting>;

  void Submit(WaitingPtr w, CancellationManager* cancellation, Done done) {
    w->cancellation = cancellation;
    w->done = std::move(done);
    bool accepted = true;
    {
      std::lock_guard lock(mu_);  // a callback waits until `w` is in the list
      if (cancellation) {
        accepted =
            cancellation->Register(&w->token, [self = shared_from_this(), w] { self->Cancel(w); });
      }
      if (accepted) waiting_.push_back(w);
    }
    if (accepted) return Flush();
    w->done(absl::CancelledError("the run was cancelled"));
  }

  void Cancel(const WaitingPtr& w) {
    {
      std::lock_guard lock(mu_);
      if (std::erase(waiting_, w) == 0) return;
    }
    w->done(absl::CancelledError("the run was cancelled"));
  }

  void Flush() {
    const std::shared_ptr<StagingArea> self = shared_from_this();
    std::vector<WaitingPtr> finished;
    {
      std::lock_guard lock(mu_);
      for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < waiting_.size();) {
          if (!Try(*waiting_[i])) {
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
      w->done(std::move(w->tuple));
    }
  }

  // With mu_ held.
  bool Try(Waiting& w) {
    const auto n = static_cast<int64_t>(tuples_.size());
    if (w.kind == Kind::kPut) {
      const int64_t bytes = BytesOf(w.tuple);
      if ((capacity_ > 0 && n >= capacity_) ||
          (memory_limit_ > 0 && bytes_ + bytes > memory_limit_))
        return false;
      bytes_ += bytes;
      tuples_.push_back(std::move(w.tuple));
      w.tuple.clear();
      return true;
    }
    if (w.kind == Kind::kPeek) {
      if (w.index >= n) return false;
      w.tuple = tuples_[static_cast<size_t>(w.index)];
      return true;
    }
    if (n == 0) return false;
    w.tuple = std::move(tuples_.front());
    tuples_.pop_front();
    bytes_ -= BytesOf(w.tuple);
    return true;
  }

  const int64_t capacity_, memory_limit_;
  const std::string name_;
  mutable std::mutex mu_;
  int64_t bytes_ = 0;
  std::deque<Tuple> tuples_;
  std::deque<WaitingPtr> waiting_;
};

// All ops name their area by container and shared_name; the first one makes it.
class Area {
 public:
  explicit Area(KernelConstruction& c)
      : resource_(c, "StagingArea", /*by_reference=*/false),
        capacity_(c.Attr<int64_t>("capacity")),
        memory_limit_(c.Attr<int64_t>("memory_limit")),
        dtypes_(c.Attr<std::vector<DataType>>("dtypes")) {}

  std::shared_ptr<StagingArea> Get() const {
    return std::static_pointer_cast<StagingArea>(resource_.slot().GetOrCreate([this] {
      return std::make_shared<StagingArea>(capacity_, memory_limit_, resource_.name());
    }));
  }
  // Hands a tuple to the op's outputs.
  StagingArea::Done Into(KernelContext& ctx, AsyncKernel::Done done) const {
    return [&ctx, this, done = std::move(done)](absl::StatusOr<Tuple> tuple) {
      if (!tuple.ok()) return done(WithNodeName(ctx, tuple.status()));
      bool fits = tuple->size() == dtypes_.size();
      for (size_t i = 0; fits && i < dtypes_.size(); ++i) fits = (*tuple)[i].dtype() == dtypes_[i];
      if (!fits) {
        return done(ctx.InvalidArgument(
            StrCat("the staging area '", resource_.name(), "' holds tuples of other dtypes")));
      }
      for (size_t i = 0; i < tuple->size(); ++i)
        ctx.set_output(static_cast<int>(i), std::move((*tuple)[i]));
      done(absl::OkStatus());
    };
  }

 private:
  const NamedResource resource_;
  const int64_t capacity_, memory_limit_;
  const std::vector<DataType> dtypes_;
};

class Stage final : public AsyncKernel {
 public:
  explicit Stage(KernelConstruction& c) : area_(c) {}
  void ComputeAsync(KernelContext& ctx, Done done) override {
    Tuple tuple;
    for (int i = 0; i < ctx.num_inputs(); ++i) tuple.push_back(ctx.Persist(ctx.input(i)));
    const std::shared_ptr<StagingArea> area = area_.Get();
    area->Put(std::move(tuple), ctx.cancellation(),
              [&ctx, area, done = std::move(done)](const absl::StatusOr<Tuple>& t) {
                done(WithNodeName(ctx, t.status()));
              });
  }

 private:
  const Area area_;
};

class Unstage final : public AsyncKernel {
 public:
  explicit Unstage(KernelConstruction& c) : area_(c) {}
  void ComputeAsync(KernelContext& ctx, Done done) override {
    area_.Get()->Get(ctx.cancellation(), area_.Into(ctx, std::move(done)));
  }

 private:
  const Area area_;
};

class StagePeek final : public AsyncKernel {
 public:
  explicit StagePeek(KernelConstruction& c) : area_(c) {}
  void ComputeAsync(KernelContext& ctx, Done done) override {
    const Array& index = ctx.input(0);
    if (index.num_elements() != 1 || *index.data<int32_t>() < 0)
      return done(ctx.InvalidArgument("index must be a scalar of 0 at least"));
    area_.Get()->Peek(*index.data<int32_t>(), ctx.cancellation(), area_.Into(ctx, std::move(done)));
  }

 private:
  const Area area_;
};

class StageSize final : public Kernel {
 public:
  explicit StageSize(KernelConstruction& c) : area_(c) {}
  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
    *out->mutable_data<int32_t>() = static_cast<int32_t>(area_.Get()->size());
    return absl::OkStatus();
  }

 private:
  const Area area_;
};

class StageClear final : public Kernel {
 public:
  explicit StageClear(KernelConstruction& c) : area_(c) {}
  absl::Status Compute(KernelContext&) override {
    area_.Get()->Clear();
    return absl::OkStatus();
  }

 private:
  const Area area_;
};

}  // namespace

void RegisterMapStagingKernels(KernelRegistry& kernels);  // map_staging.cc

void RegisterStagingKernels(KernelRegistry& kernels) {
  kernels.Add<Stage>("Stage", kCpu, {});
  kernels.Add<Unstage>("Unstage", kCpu, {});
  kernels.Add<StagePeek>("StagePeek", kCpu, {}, {.host_arguments = {"index"}});
  kernels.Add<StageSize>("StageSize", kCpu, {});
  kernels.Add<StageClear>("StageClear", kCpu, {});
  RegisterMapStagingKernels(kernels);
}

}  // namespace weft
