// SPDX-License-Identifier: Apache-2.0
// Batch: tensors of several runs as one, in one of them. Unbatch gives each run its part of a
// result, UnbatchGrad puts the parts' gradients together. Who waits too long fails.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/concat_copy.h"
#include "kernels/cpu/named_resource.h"
#include "kernels/cpu/tensor_list.h"
#include "src/core/strings.h"
#include "src/runtime/cancellation.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using Clock = std::chrono::steady_clock;

// Calls a function when a time has come, on a thread of its own that begins with the first time
// asked for. Thread-safe.
class Alarm {
 public:
  explicit Alarm(std::function<void()> ring) : ring_(std::move(ring)) {}
  ~Alarm() {
    {
      std::lock_guard lock(mu_);
      ends_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  // The function is called soon after `when`, and at all times that were asked for before.
  void Set(Clock::time_point when) {
    std::lock_guard lock(mu_);
    times_.insert(when);
    if (!thread_.joinable()) thread_ = std::thread([this] { Wait(); });
    changed_.notify_all();
  }

 private:
  void Wait() {
    std::unique_lock lock(mu_);
    while (!ends_) {
      if (times_.empty()) {
        changed_.wait(lock);
      } else if (Clock::now() < *times_.begin()) {
        changed_.wait_until(lock, *times_.begin());
      } else {
        times_.erase(times_.begin(), times_.upper_bound(Clock::now()));
        lock.unlock();
        ring_();
        lock.lock();
      }
    }
  }

  const std::function<void()> ring_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::multiset<Clock::time_point> times_;
  bool ends_ = false;
  std::thread thread_;
};

// A run that waits. It is ended once: by what it waits for, or because it is cancelled.
class WaitingRun {
 public:
  // Null, and `done` was called, if it is cancelled already.
  static std::shared_ptr<WaitingRun> Begin(KernelContext& ctx, AsyncKernel::Done done) {
    auto run = std::make_shared<WaitingRun>(ctx, std::move(done));
    CancellationManager* const cancellation = ctx.cancellation();
    if (cancellation == nullptr) return run;
    const bool accepted = cancellation->Register(&run->token_, [run] {
      if (run->Claim()) run->done_(absl::CancelledError("the run was cancelled"));
    });
    if (accepted) return run;
    run->done_(absl::CancelledError("the run was cancelled"));
    return nullptr;
  }
  WaitingRun(KernelContext& ctx, AsyncKernel::Done done) : ctx_(ctx), done_(std::move(done)) {}

  // Whether the caller is the one to end it. Only then is there a context still; End must follow.
  bool Claim() { return !claimed_.exchange(true); }
  bool claimed() const { return claimed_; }
  KernelContext& ctx() const { return ctx_; }
  void End(const absl::Status& s) {
    if (CancellationManager* const c = ctx_.cancellation()) c->Deregister(token_);
    done_(s);
  }

 private:
  KernelContext& ctx_;
  const AsyncKernel::Done done_;
  int64_t token_ = -1;
  std::atomic<bool> claimed_{false};
};
using WaitingRunPtr = std::shared_ptr<WaitingRun>;

// Arrays as the rows of one; InvalidArgument if their rows are of different shapes or dtypes.
absl::StatusOr<Array> JoinRows(KernelContext& ctx, const std::vector<Array>& parts) {
  std::vector<int64_t> sizes = parts[0].shape().ToVector();
  std::vector<const Array*> sources;
  sizes[0] = 0;
  for (const Array& part : parts) {
    std::vector<int64_t> own = part.shape().ToVector();
    const bool counted = !own.empty() && !__builtin_add_overflow(sizes[0], own[0], &sizes[0]);
    if (counted) own[0] = sizes[0];
    if (!counted || own != sizes || part.dtype() != parts[0].dtype()) {
      return ctx.InvalidArgument(StrCat("tensors of shapes ", parts[0].shape().ToString(), " and ",
                                        part.shape().ToString(), " are no rows of one"));
    }
    sources.push_back(&part);
  }
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
  WEFT_ASSIGN_OR_RETURN(Array joined, ctx.AllocateTemp(parts[0].dtype(), shape));
  ConcatBlocks(ctx, sources, 1, &joined);
  return joined;
}

// ---- Batch ----

struct BatchOptions {
  int64_t most_rows, timeout_micros;
  std::vector<int64_t> allowed_rows;  // empty: any number
};

// Thread-safe.
class Batcher final : public Resource {
 public:
  // One run's share.
  struct Task {
    int64_t id = 0, rows = 0;
    std::vector<Array> tensors;
    WaitingRunPtr run;
  };
  explicit Batcher(BatchOptions options)
      : options_(std::move(options)), alarm_([this] { CloseOldBatches(); }) {}

  // Calls the task's callback when the batch that takes it is full or old.
  void Submit(const std::string& queue, Task task) {
    std::vector<std::vector<Task>> ready;
    Clock::time_point deadline;
    {
      std::lock_guard lock(mu_);
      Open& open = open_[queue];
      if (open.rows + task.rows > options_.most_rows) ready.push_back(Take(&open));
      if (open.tasks.empty())
        open.deadline = Clock::now() + std::chrono::microseconds(options_.timeout_micros);
      deadline = open.deadline;
      task.id = next_id_++;
      open.rows += task.rows;
      open.tasks.push_back(std::move(task));
      if (open.rows == options_.most_rows || options_.timeout_micros == 0)
        ready.push_back(Take(&open));
    }
    for (std::vector<Task>& tasks : ready) Finish(std::move(tasks));
    alarm_.Set(deadline);
  }

 private:
  struct Open {
    std::vector<Task> tasks;
    int64_t rows = 0;
    Clock::time_point deadline;
  };

  static std::vector<Task> Take(Open* open) {
    open->rows = 0;
    return std::exchange(open->tasks, {});
  }

  void CloseOldBatches() {
    std::vector<std::vector<Task>> ready;
    {
      std::lock_guard lock(mu_);
      for (auto& [name, open] : open_) {
        if (!open.tasks.empty() && open.deadline <= Clock::now()) ready.push_back(Take(&open));
      }
    }
    for (std::vector<Task>& tasks : ready) Finish(std::move(tasks));
  }

  // The last run gets all rows and the list of whose they are, the others get none.
  void Finish(std::vector<Task> tasks) const {
    std::erase_if(tasks, [](const Task& task) { return !task.run->Claim(); });
    if (tasks.empty()) return;
    const absl::Status s = HandOut(tasks);
    for (const Task& task : tasks) task.run->End(s);
  }

  absl::Status HandOut(const std::vector<Task>& tasks) const {
    KernelContext& last = tasks.back().run->ctx();
    const int n = static_cast<int>(tasks[0].tensors.size());
    for (int i = 0; i < n; ++i) {
      std::vector<Array> parts;
      for (const Task& task : tasks) parts.push_back(task.tensors[static_cast<size_t>(i)]);
      for (int64_t row = RowsToAdd(tasks); row > 0; --row)
        parts.push_back(parts[0].SliceRows(0, 1));
      WEFT_ASSIGN_OR_RETURN(Array joined, JoinRows(last, parts));
      last.set_output(i, std::move(joined));
    }
    std::vector<int64_t> index;
    int64_t begin = 0;
    for (const Task& task : tasks) {
      index.insert(index.end(), {task.id, begin, begin + task.rows});
      begin += task.rows;
      KernelContext& ctx = task.run->ctx();
      ctx.set_output(n + 1, Array(task.id));
      if (&ctx == &last) continue;
      for (int i = 0; i < n; ++i) {
        std::vector<int64_t> sizes = task.tensors[static_cast<size_t>(i)].shape().ToVector();
        sizes[0] = 0;
        ctx.set_output(i, Array(task.tensors[static_cast<size_t>(i)].dtype(), Shape(sizes)));
      }
      ctx.set_output(n, Array(kInt64, Shape({0, 3})));
    }
    last.set_output(
        n, Array::FromVector(index, Shape({static_cast<int64_t>(tasks.size()), int64_t{3}})));
    return absl::OkStatus();
  }

  // Up to the next allowed size.
  int64_t RowsToAdd(const std::vector<Task>& tasks) const {
    int64_t rows = 0;
    for (const Task& task : tasks) rows += task.rows;
    for (const int64_t allowed : options_.allowed_rows) {
      if (allowed >= rows) return tasks[0].rows > 0 ? allowed - rows : 0;
    }
    return 0;
  }

  const BatchOptions options_;
  std::mutex mu_;
  int64_t next_id_ = 1;
  std::map<std::string, Open> open_;
  Alarm alarm_;  // the last: its thread ends before the rest goes
};

class Batch final : public AsyncKernel {
 public:
  explicit Batch(KernelConstruction& c)
      : resource_(c, "Batcher", /*by_reference=*/false),
        queue_(c.Attr<std::string>("batching_queue")),
        options_{c.Attr<int64_t>("max_batch_size"), c.Attr<int64_t>("batch_timeout_micros"),
                 c.Attr<std::vector<int64_t>>("allowed_batch_sizes")} {
    const std::vector<int64_t>& allowed = options_.allowed_rows;
    for (size_t i = 1; i < allowed.size(); ++i) {
      if (allowed[i] <= allowed[i - 1]) {
        c.Fail(absl::InvalidArgumentError(
            "allowed_batch_sizes entries must be monotonically increasing"));
      }
    }
    if (!allowed.empty() && allowed.back() != options_.most_rows) {
      c.Fail(absl::InvalidArgumentError(
          "final entry in allowed_batch_sizes must equal max_batch_size"));
    }
    if (options_.most_rows < 1 || options_.timeout_micros < 0 ||
        options_.timeout_micros > int64_t{1} << 40) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("max_batch_size must be positive, and batch_timeout_micros not negative; got ",
                 options_.most_rows, " and ", options_.timeout_micros)));
    }
  }

  void ComputeAsync(KernelContext& ctx, Done done) override {
    Batcher::Task task;
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      const Array& x = ctx.input(i);
      if (x.rank() == 0)
        return done(ctx.InvalidArgument("Batching input tensors must have at least one dimension"));
      if (x.dim(0) != ctx.input(0).dim(0)) {
        return done(ctx.InvalidArgument(
            "Batching input tensors supplied in a given op invocation must have equal "
            "0th-dimension size"));
      }
      task.tensors.push_back(ctx.Persist(x));
    }
    task.rows = ctx.input(0).dim(0);
    if (task.rows > options_.most_rows) {
      return done(ctx.InvalidArgument(
          StrCat("a batch of at most ", options_.most_rows, " rows can't take ", task.rows)));
    }
    const auto batcher = std::static_pointer_cast<Batcher>(
        resource_.slot().GetOrCreate([this] { return std::make_shared<Batcher>(options_); }));
    task.run = WaitingRun::Begin(ctx, std::move(done));
    if (task.run) batcher->Submit(queue_, std::move(task));
  }

 private:
  const NamedResource resource_;
  const std::string queue_;
  const BatchOptions options_;
};

// ---- Unbatch ----

// The rows [begin, end) of whose they are: from Batch.
struct Share {
  int64_t id, begin, end;
};
absl::StatusOr<std::vector<Share>> SharesOf(KernelContext& ctx, const Array& index) {
  if (index.rank() != 2 || index.dim(1) != 3) {
    return ctx.InvalidArgument(
        StrCat("Wrong shape for index tensor. Expected 1st dimension size to be 3 ; Got: ",
               index.shape().ToString()));
  }
  std::vector<Share> shares;
  const int64_t* at = index.data<int64_t>();
  for (int64_t i = 0; i < index.dim(0); ++i, at += 3) shares.push_back({at[0], at[1], at[2]});
  return shares;
}

// Thread-safe.
class Unbatcher final : public Resource {
 public:
  explicit Unbatcher(int64_t timeout_micros)
      : timeout_(timeout_micros), alarm_([this] { GiveUp(); }) {}

  // `parts` come with this run; `id` is what it waits for.
  void Submit(int64_t id, std::vector<std::pair<int64_t, Array>> parts, WaitingRunPtr run) {
    Finished finished;
    const Clock::time_point deadline = Clock::now() + timeout_;
    {
      std::lock_guard lock(mu_);
      Rendezvous(id, std::move(parts), {deadline, std::move(run)}, &finished);
    }
    End(finished);
    alarm_.Set(deadline);
  }

 private:
  struct Waiting {
    Clock::time_point deadline;
    WaitingRunPtr run;
  };
  struct Part {
    Clock::time_point deadline;
    Array rows;
  };
  // Runs that are claimed, and how they end.
  using Finished = std::vector<std::pair<WaitingRunPtr, absl::Status>>;
  static void End(const Finished& finished) {
    for (const auto& [run, status] : finished) run->End(status);
  }
  static void Deliver(const WaitingRunPtr& run, Array rows, Finished* finished) {
    if (!run->Claim()) return;
    run->ctx().set_output(0, std::move(rows));
    finished->emplace_back(run, absl::OkStatus());
  }

  void Rendezvous(int64_t id, std::vector<std::pair<int64_t, Array>> parts, Waiting mine,
                  Finished* finished) {
    const auto there = parts_.find(id);
    if (there != parts_.end()) {
      Deliver(mine.run, std::move(there->second.rows), finished);
      parts_.erase(there);
      return;
    }
    if (!runs_.try_emplace(id, mine).second) {
      if (!mine.run->Claim()) return;
      finished->emplace_back(mine.run,
                             mine.run->ctx().Error(absl::StatusCode::kAlreadyExists,
                                                   "Multiple session runs with the same batch "
                                                   "key."));
      return;
    }
    for (auto& [key, rows] : parts) {
      const auto waiting = runs_.find(key);
      if (waiting != runs_.end()) {
        Deliver(waiting->second.run, std::move(rows), finished);
        runs_.erase(waiting);
      } else {
        // Whoever waited for it may have given up: then it goes too.
        parts_.insert_or_assign(key, Part{mine.deadline, std::move(rows)});
      }
    }
  }

  void GiveUp() {
    Finished finished;
    {
      std::lock_guard lock(mu_);
      const Clock::time_point now = Clock::now();
      std::erase_if(parts_, [&](const auto& part) { return part.second.deadline <= now; });
      std::erase_if(runs_, [&](const auto& waiting) {
        if (waiting.second.deadline > now) return false;
        const WaitingRunPtr& run = waiting.second.run;
        if (run->Claim()) {
          finished.emplace_back(
              run, run->ctx().Error(absl::StatusCode::kDeadlineExceeded,
                                    "Batched data did not arrive within timeout window."));
        }
        return true;
      });
    }
    End(finished);
  }

  const std::chrono::microseconds timeout_;
  std::mutex mu_;
  std::unordered_map<int64_t, Waiting> runs_;
  std::unordered_map<int64_t, Part> parts_;
  Alarm alarm_;
};

class Unbatch final : public AsyncKernel {
 public:
  explicit Unbatch(KernelConstruction& c)
      : resource_(c, "Unbatcher", /*by_reference=*/false),
        timeout_micros_(
            std::clamp<int64_t>(c.Attr<int64_t>("timeout_micros"), 0, int64_t{1} << 40)) {}

  void ComputeAsync(KernelContext& ctx, Done done) override {
    const Array& id = ctx.input(2);
    if (id.rank() != 0) {
      return done(
          ctx.InvalidArgument(StrCat("Input id should be scalar; Got: ", id.shape().ToString())));
    }
    absl::StatusOr<std::vector<std::pair<int64_t, Array>>> parts = Parts(ctx);
    if (!parts.ok()) return done(parts.status());
    const auto unbatcher = std::static_pointer_cast<Unbatcher>(resource_.slot().GetOrCreate(
        [this] { return std::make_shared<Unbatcher>(timeout_micros_); }));
    const int64_t key = *id.data<int64_t>();
    WaitingRunPtr run = WaitingRun::Begin(ctx, std::move(done));
    if (run) unbatcher->Submit(key, *std::move(parts), std::move(run));
  }

 private:
  static absl::StatusOr<std::vector<std::pair<int64_t, Array>>> Parts(KernelContext& ctx) {
    const Array& data = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const std::vector<Share> shares, SharesOf(ctx, ctx.input(1)));
    std::vector<std::pair<int64_t, Array>> parts;
    if (shares.empty()) return parts;
    if (data.rank() < 1) return ctx.InvalidArgument("what is batched has at least one dimension");
    const Shape row = ShapeOfRows(data.shape());
    for (const Share& share : shares) {
      if (share.begin < 0 || share.end < share.begin || share.end > data.dim(0)) {
        return ctx.InvalidArgument(StrCat("there are no rows [", share.begin, ", ", share.end,
                                          ") in a tensor of shape ", data.shape().ToString()));
      }
      std::vector<int64_t> sizes = data.shape().ToVector();
      sizes[0] = share.end - share.begin;
      WEFT_ASSIGN_OR_RETURN(Array rows,
                            CopyOfPiece(ctx, data, share.begin * row.num_elements(), Shape(sizes)));
      parts.emplace_back(share.id, ctx.Persist(rows));
    }
    return parts;
  }

  const NamedResource resource_;
  const int64_t timeout_micros_;
};

// ---- UnbatchGrad ----

// Thread-safe.
class GradientBatcher final : public Resource {
 public:
  // A run that had the batch: the gradients of all shares are its output.
  struct Whole {
    std::vector<int64_t> ids;
    WaitingRunPtr run;
  };

  // The gradient of one share; InvalidArgument if it came before.
  absl::Status Put(KernelContext& ctx, int64_t id, Array gradient) {
    std::lock_guard lock(mu_);
    if (parts_.try_emplace(id, std::move(gradient)).second) return absl::OkStatus();
    return ctx.InvalidArgument("Two runs with the same batch key.");
  }
  void Wait(Whole whole) {
    std::lock_guard lock(mu_);
    waiting_.push_back(std::move(whole));
  }
  // Ends those that wait for nothing more.
  void Flush() {
    std::vector<std::pair<Whole, std::vector<Array>>> ready;
    {
      std::lock_guard lock(mu_);
      std::erase_if(waiting_, [&](Whole& whole) {
        if (whole.run->claimed()) return true;
        for (const int64_t id : whole.ids) {
          if (!parts_.contains(id)) return false;
        }
        if (!whole.run->Claim()) return true;
        std::vector<Array> gradients;
        for (const int64_t id : whole.ids) gradients.push_back(parts_.at(id));
        for (const int64_t id : whole.ids) parts_.erase(id);
        ready.emplace_back(std::move(whole), std::move(gradients));
        return true;
      });
    }
    for (auto& [whole, gradients] : ready) {
      absl::StatusOr<Array> joined = JoinRows(whole.run->ctx(), gradients);
      const absl::Status s = joined.status();
      if (s.ok()) whole.run->ctx().set_output(0, *std::move(joined));
      whole.run->End(s);
    }
  }

 private:
  std::mutex mu_;
  std::unordered_map<int64_t, Array> parts_;
  std::vector<Whole> waiting_;
};

class UnbatchGrad final : public AsyncKernel {
 public:
  explicit UnbatchGrad(KernelConstruction& c)
      : resource_(c, "GradientBatcher", /*by_reference=*/false) {}

  // Inputs: what was unbatched, whose its rows are, the gradient of a share, and whose that is.
  void ComputeAsync(KernelContext& ctx, Done done) override {
    const Array &batch = ctx.input(0), &gradient = ctx.input(2), &id = ctx.input(3);
    if (id.rank() != 0) {
      return done(ctx.InvalidArgument(
          StrCat("Expected `id` to be scalar. Received ", id.shape().ToString())));
    }
    if (gradient.rank() < 1)
      return done(ctx.InvalidArgument("grad must have at least one dimension"));
    GradientBatcher::Whole whole;
    if (batch.num_elements() > 0) {
      if (absl::Status s = ReadIds(ctx, &whole.ids); !s.ok()) return done(std::move(s));
    }
    const auto batcher = std::static_pointer_cast<GradientBatcher>(
        resource_.slot().GetOrCreate([] { return std::make_shared<GradientBatcher>(); }));
    if (absl::Status s = batcher->Put(ctx, *id.data<int64_t>(), ctx.Persist(gradient)); !s.ok())
      return done(std::move(s));
    if (whole.ids.empty()) {
      // The batch is another run's.
      std::vector<int64_t> sizes = gradient.shape().ToVector();
      sizes[0] = 0;
      ctx.set_output(0, Array(gradient.dtype(), Shape(sizes)));
      batcher->Flush();
      return done(absl::OkStatus());
    }
    whole.run = WaitingRun::Begin(ctx, std::move(done));
    if (!whole.run) return;
    batcher->Wait(std::move(whole));
    batcher->Flush();
  }

 private:
  static absl::Status ReadIds(KernelContext& ctx, std::vector<int64_t>* ids) {
    if (ctx.input(1).num_elements() == 0)
      return ctx.InvalidArgument("batch_index is empty while the tensor isn't.");
    WEFT_ASSIGN_OR_RETURN(const std::vector<Share> shares, SharesOf(ctx, ctx.input(1)));
    std::unordered_set<int64_t> seen;
    for (const Share& share : shares) {
      if (!seen.insert(share.id).second)
        return ctx.InvalidArgument(StrCat("batch_index has the key ", share.id, " twice"));
      ids->push_back(share.id);
    }
    return absl::OkStatus();
  }

  const NamedResource resource_;
};

}  // namespace

void RegisterBatchKernels(KernelRegistry& kernels) {
  kernels.Add<Batch>("Batch", kCpu, {});
  kernels.Add<Unbatch>("Unbatch", kCpu, {});
  kernels.Add<UnbatchGrad>("UnbatchGrad", kCpu, {});
}

}  // namespace weft
