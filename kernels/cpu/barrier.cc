// SPDX-License-Identifier: Apache-2.0
// Barriers: tuples that are put together by key, one component at a time; whole ones are taken out
// in the order in which their keys came. Whole ones wait in a priority queue
// (kernels/common/queue.h).
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "kernels/common/queue.h"
#include "kernels/cpu/named_resource.h"
#include "kernels/cpu/register.h"
#include "kernels/cpu/tensor_list.h"
#include "src/core/strings.h"
#include "weft/runtime/device.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

constexpr char kBarrierType[] = "Barrier";

class Barrier final : public Resource {
 public:
  // `ready`: elements are (number of the key, key, components).
  Barrier(QueueSpec ready, std::string name)
      : num_components_(ready.types.size() - 2),
        name_(name),
        queue_(std::make_shared<Queue>(std::move(ready), std::move(name))) {}

  Queue& queue() const { return *queue_; }
  std::string DebugString() const override { return "barrier " + name_; }
  int64_t incomplete() const {
    std::lock_guard lock(mu_);
    return static_cast<int64_t>(incomplete_.size());
  }

  // The values of one component for some keys; none is put in if one can't be. Hands back the
  // tuples that are whole now.
  absl::StatusOr<std::vector<QueueElement>> Insert(const std::string* keys, size_t component,
                                                   std::vector<Array> values) {
    std::lock_guard lock(mu_);
    if (cancelled_) return Closed();
    std::map<std::string, int> given;
    for (size_t i = 0; i < values.size(); ++i) {
      const auto found = incomplete_.find(keys[i]);
      if (found == incomplete_.end() && closed_) return Closed();
      const bool has = found != incomplete_.end() && found->second.parts[component].valid();
      if (!has && ++given[keys[i]] == 1) continue;
      return absl::InvalidArgumentError(StrCat("Key ", keys[i],
                                               " already has a value for component ", component,
                                               " in barrier ", name_));
    }
    std::vector<QueueElement> whole;
    for (size_t i = 0; i < values.size(); ++i) {
      auto [entry, is_new] = incomplete_.try_emplace(keys[i]);
      Incomplete& tuple = entry->second;
      if (is_new) {
        tuple.number = next_number_++;
        tuple.parts.resize(num_components_);
      }
      tuple.parts[component] = std::move(values[i]);
      if (++tuple.present < num_components_) continue;
      QueueElement element = {Array(tuple.number), Array(keys[i])};
      for (Array& part : tuple.parts) element.push_back(std::move(part));
      whole.push_back(std::move(element));
      incomplete_.erase(entry);
    }
    return whole;
  }

  // How many whole tuples to wait for if `wanted` are asked for. Of a closed barrier that is
  // decided at once: as many as there are if fewer will do; else those that are begun may become
  // whole still. OutOfRange if there won't be enough, or none.
  absl::StatusOr<int64_t> Deliverable(int64_t wanted, bool allow_fewer) const {
    std::lock_guard lock(mu_);
    if (!closed_) return wanted;
    int64_t available = queue_->size();
    if (allow_fewer)
      wanted = std::min(wanted, available);
    else
      available += static_cast<int64_t>(incomplete_.size());
    if (available >= std::max<int64_t>(wanted, 1)) return wanted;
    return absl::OutOfRangeError(StrCat("Barrier '", name_,
                                        "' is closed and has insufficient elements (requested ",
                                        wanted, ", total size ", available, ")"));
  }

  // No new keys from now on; if `cancel`, nothing at all.
  absl::Status Close(bool cancel) {
    std::lock_guard lock(mu_);
    if (closed_ && (cancelled_ || !cancel))
      return absl::CancelledError(StrCat("Barrier '", name_, "' is already closed."));
    closed_ = true;
    cancelled_ = cancelled_ || cancel;
    return absl::OkStatus();
  }
  // Whether nothing more can become whole. True once.
  bool TakeEnd() {
    std::lock_guard lock(mu_);
    const bool ends = closed_ && !ended_ && (cancelled_ || incomplete_.empty());
    ended_ = ended_ || ends;
    return ends;
  }
  bool cancelled() const {
    std::lock_guard lock(mu_);
    return cancelled_;
  }

 private:
  struct Incomplete {
    int64_t number = 0;
    size_t present = 0;
    std::vector<Array> parts;
  };
  absl::Status Closed() const {
    return absl::CancelledError(
        StrCat("Barrier '", name_, "' is closed. Pending enqueues cancelled: ", cancelled_ ? 1 : 0,
               ". Number of incomplete keys: ", incomplete_.size()));
  }

  const size_t num_components_;
  const std::string name_;
  const std::shared_ptr<Queue> queue_;
  mutable std::mutex mu_;
  bool closed_ = false, cancelled_ = false, ended_ = false;
  int64_t next_number_ = 0;
  std::map<std::string, Incomplete> incomplete_;
};

class MakeBarrier final : public Kernel {
 public:
  explicit MakeBarrier(KernelConstruction& c) : resource_(c, kBarrierType, /*by_reference=*/true) {
    spec_.kind = QueueKind::kPriority;
    spec_.capacity = c.Attr<int64_t>("capacity");
    spec_.types = c.Attr<std::vector<DataType>>("component_types");
    spec_.shapes = c.Attr<std::vector<PartialShape>>("shapes");
    spec_.types.insert(spec_.types.begin(), kString);
    if (!spec_.shapes.empty()) spec_.shapes.insert(spec_.shapes.begin(), PartialShape::Scalar());
    if (absl::Status s = CompleteQueueSpec(&spec_); !s.ok()) c.Fail(std::move(s));
  }
  absl::Status Compute(KernelContext& ctx) override {
    const auto barrier = std::static_pointer_cast<Barrier>(resource_.slot().GetOrCreate(
        [this] { return std::make_shared<Barrier>(spec_, resource_.name()); }));
    WEFT_RETURN_IF_ERROR(
        WithNodeName(ctx, barrier->queue().CheckSameAs(spec_, QueueKindName(spec_.kind))));
    resource_.HandOut(ctx);
    return absl::OkStatus();
  }

 private:
  const NamedResource resource_;
  QueueSpec spec_;
};

absl::StatusOr<std::shared_ptr<Barrier>> BarrierOf(KernelContext& ctx) {
  return NamedResourceOf<Barrier>(ctx, kBarrierType);
}

// Calls `done` when all of several attempts have ended, with the first error.
class Joint {
 public:
  Joint(size_t count, Queue::Done done) : left_(count), done_(std::move(done)) {}
  void End(const absl::Status& s) {
    absl::Status result;
    {
      std::lock_guard lock(mu_);
      first_.Update(s);
      if (--left_ > 0) return;
      result = first_;
    }
    done_(std::move(result));
  }

 private:
  std::mutex mu_;
  size_t left_;
  absl::Status first_;
  Queue::Done done_;
};

// An op on a barrier that waits; errors name the node.
class BarrierKernel : public AsyncKernel {
 public:
  void ComputeAsync(KernelContext& ctx, Done done) final {
    absl::StatusOr<std::shared_ptr<Barrier>> barrier = BarrierOf(ctx);
    if (!barrier.ok()) return done(barrier.status());
    Start(ctx, *barrier, [&ctx, barrier = *barrier, done = std::move(done)](absl::Status s) {
      done(WithNodeName(ctx, s));
    });
  }

 protected:
  virtual void Start(KernelContext& ctx, const std::shared_ptr<Barrier>& barrier, Done done) = 0;

  static void CloseIfEnded(KernelContext& ctx, Barrier& barrier, Done done) {
    if (!barrier.TakeEnd()) return done(absl::OkStatus());
    barrier.queue().Close(barrier.cancelled(), ctx.cancellation(), std::move(done));
  }
};

class InsertMany final : public BarrierKernel {
 public:
  explicit InsertMany(KernelConstruction& c) : component_(c.Attr<int64_t>("component_index")) {}

 private:
  void Start(KernelContext& ctx, const std::shared_ptr<Barrier>& barrier, Done done) override {
    absl::StatusOr<std::vector<Array>> rows = Rows(ctx, barrier->queue().spec());
    if (!rows.ok()) return done(rows.status());
    absl::StatusOr<std::vector<QueueElement>> whole = barrier->Insert(
        ctx.input(1).data<std::string>(), static_cast<size_t>(component_), std::move(*rows));
    if (!whole.ok()) return done(whole.status());
    const auto end = [&ctx, barrier, done = std::move(done)](const absl::Status& s) {
      if (!s.ok()) return done(s);
      CloseIfEnded(ctx, *barrier, done);
    };
    if (whole->empty()) return end(absl::OkStatus());
    const auto joint = std::make_shared<Joint>(whole->size(), end);
    for (QueueElement& element : *whole) {
      barrier->queue().Enqueue(std::move(element), ctx.cancellation(),
                               [joint](const absl::Status& s) { joint->End(s); });
    }
  }

  absl::StatusOr<std::vector<Array>> Rows(KernelContext& ctx, const QueueSpec& spec) const {
    const Array &keys = ctx.input(1), &values = ctx.input(2);
    const int64_t components = static_cast<int64_t>(spec.types.size()) - 2;
    if (component_ < 0 || component_ >= components) {
      return absl::InvalidArgumentError(StrCat("The component ID is out of range ", component_,
                                               " > num_components (= ", components, ")"));
    }
    const size_t at = static_cast<size_t>(component_) + 2;
    if (values.dtype() != spec.types[at]) {
      return absl::InvalidArgumentError(StrCat("Values are of dtype ", DTypeName(values.dtype()),
                                               ", but component ", component_, " is of dtype ",
                                               DTypeName(spec.types[at])));
    }
    if (keys.rank() != 1 || values.rank() < 1 || values.dim(0) != keys.dim(0)) {
      return absl::InvalidArgumentError(
          StrCat("keys must be a vector, and values have as many rows; their shapes are ",
                 keys.shape().ToString(), " and ", values.shape().ToString()));
    }
    const Shape row = ShapeOfRows(values.shape());
    if (!spec.shapes.empty() && !spec.shapes[at].IsCompatibleWith(row)) {
      return absl::InvalidArgumentError(StrCat("Shape mismatch in tuple component ", component_,
                                               ". Expected ", spec.shapes[at].ToString(), ", got ",
                                               row.ToString()));
    }
    std::vector<Array> rows;
    for (int64_t i = 0; i < keys.dim(0); ++i) {
      WEFT_ASSIGN_OR_RETURN(const Array copy,
                            CopyOfPiece(ctx, values, i * row.num_elements(), row));
      rows.push_back(ctx.Persist(copy));
    }
    return rows;
  }

  const int64_t component_;
};

class TakeMany final : public BarrierKernel {
 public:
  explicit TakeMany(KernelConstruction& c) : allow_small_(c.Attr<bool>("allow_small_batch")) {
    if (c.AttrOr<int64_t>("timeout_ms", -1) != -1)
      c.Fail(absl::InvalidArgumentError("Timeout not supported yet."));
    for (int o = 0; o < c.num_outputs(); ++o) outputs_.push_back(c.output_dtype(o));
  }

 private:
  void Start(KernelContext& ctx, const std::shared_ptr<Barrier>& barrier, Done done) override {
    if (outputs_ != barrier->queue().spec().types) {
      return done(absl::InvalidArgumentError(
          "component_types must be those of the barrier that elements are taken from"));
    }
    const Array& count = ctx.input(1);
    if (count.num_elements() != 1 || *count.data<int32_t>() < 0) {
      return done(absl::InvalidArgumentError(
          StrCat("num_elements must be a scalar of 0 at least, but is of shape ",
                 count.shape().ToString())));
    }
    const absl::StatusOr<int64_t> deliverable =
        barrier->Deliverable(*count.data<int32_t>(), allow_small_);
    if (!deliverable.ok()) return done(deliverable.status());
    barrier->queue().DequeueMany(
        *deliverable, allow_small_, ctx.device().allocator(), ctx.cancellation(),
        [&ctx, done = std::move(done)](absl::StatusOr<QueueElement> batch) {
          if (!batch.ok()) return done(batch.status());
          for (size_t i = 0; i < batch->size(); ++i)
            ctx.set_output(static_cast<int>(i), std::move((*batch)[i]));
          done(absl::OkStatus());
        });
  }

  const bool allow_small_;
  std::vector<DataType> outputs_;
};

class CloseBarrier final : public BarrierKernel {
 public:
  explicit CloseBarrier(KernelConstruction& c) : cancel_(c.Attr<bool>("cancel_pending_enqueues")) {}

 private:
  void Start(KernelContext& ctx, const std::shared_ptr<Barrier>& barrier, Done done) override {
    if (absl::Status s = barrier->Close(cancel_); !s.ok()) return done(std::move(s));
    CloseIfEnded(ctx, *barrier, std::move(done));
  }
  const bool cancel_;
};

template <bool kReady>
absl::Status BarrierSize(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<Barrier> barrier, BarrierOf(ctx));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  *out->mutable_data<int32_t>() =
      static_cast<int32_t>(kReady ? barrier->queue().size() : barrier->incomplete());
  return absl::OkStatus();
}

}  // namespace

void RegisterBarrierKernels(KernelRegistry& kernels) {
  kernels.Add<MakeBarrier>("Barrier", kCpu, {});
  kernels.Add<InsertMany>("BarrierInsertMany", kCpu, {});
  kernels.Add<TakeMany>("BarrierTakeMany", kCpu, {});
  kernels.Add<CloseBarrier>("BarrierClose", kCpu, {});
  kernels.Add("BarrierReadySize", kCpu, {}, BarrierSize<true>);
  kernels.Add("BarrierIncompleteSize", kCpu, {}, BarrierSize<false>);
}

}  // namespace weft
