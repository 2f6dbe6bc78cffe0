// SPDX-License-Identifier: Apache-2.0
// Queues: kernels/common/queue.h behind ops. Each op comes in two forms, by reference (V1) and by
// resource handle.
#include "kernels/common/queue.h"

#include <utility>

#include "kernels/common/dtype_names.h"
#include "kernels/cpu/named_resource.h"
#include "src/core/strings.h"
#include "weft/runtime/device.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// All kinds of queue share one name space, as in TensorFlow.
constexpr char kResourceType[] = "QueueInterface";

// The op that makes a queue, in its first run, and hands it out.
template <QueueKind kKind, bool kByReference>
class QueueHandle final : public Kernel {
 public:
  explicit QueueHandle(KernelConstruction& c) : resource_(c, kResourceType, kByReference) {
    spec_.kind = kKind;
    spec_.capacity = c.Attr<int64_t>("capacity");
    spec_.types = c.Attr<std::vector<DataType>>("component_types");
    spec_.shapes = c.Attr<std::vector<PartialShape>>("shapes");
    if (kKind == QueueKind::kRandomShuffle) {
      spec_.min_after_dequeue = c.Attr<int64_t>("min_after_dequeue");
      spec_.seed = c.Attr<int64_t>("seed");
      spec_.seed2 = c.Attr<int64_t>("seed2");
    }
    if (absl::Status s = CompleteQueueSpec(&spec_); !s.ok()) c.Fail(std::move(s));
  }

  absl::Status Compute(KernelContext& ctx) override {
    const auto queue = std::static_pointer_cast<Queue>(resource_.slot().GetOrCreate(
        [this] { return std::make_shared<Queue>(spec_, resource_.name()); }));
    WEFT_RETURN_IF_ERROR(WithNodeName(ctx, queue->CheckSameAs(spec_, ctx.op_type())));
    resource_.HandOut(ctx);
    return absl::OkStatus();
  }

 private:
  const NamedResource resource_;
  QueueSpec spec_;
};

absl::StatusOr<std::shared_ptr<Queue>> QueueOf(KernelContext& ctx) {
  return NamedResourceOf<Queue>(ctx, kResourceType);
}

// An op that waits: its queue, and errors that name the node.
class QueueKernel : public AsyncKernel {
 public:
  explicit QueueKernel(KernelConstruction& c) {
    if (c.AttrOr<int64_t>("timeout_ms", -1) != -1)
      c.Fail(absl::InvalidArgumentError("Timeout not supported yet."));
    for (int i = 1; i < c.num_inputs(); ++i) components_.push_back(RemoveRef(c.input_dtype(i)));
    for (int o = 0; o < c.num_outputs(); ++o) outputs_.push_back(c.output_dtype(o));
    handle_ =
        c.num_inputs() > 0 && RemoveRef(c.input_dtype(0)) == kString ? "string_ref" : "resource";
  }

  void ComputeAsync(KernelContext& ctx, Done done) final {
    absl::StatusOr<std::shared_ptr<Queue>> queue = QueueOf(ctx);
    if (!queue.ok()) return done(queue.status());
    if (absl::Status s = Check(**queue); !s.ok()) return done(WithNodeName(ctx, s));
    // The queue lives until the op is done, even if its container is cleared meanwhile.
    Start(ctx, **queue, [&ctx, queue = *queue, done = std::move(done)](absl::Status s) {
      done(WithNodeName(ctx, s));
    });
  }

 protected:
  virtual absl::Status Check(const Queue&) const { return absl::OkStatus(); }
  virtual void Start(KernelContext& ctx, Queue& queue, Done done) = 0;

  absl::Status CheckInputs(const Queue& queue) const {
    if (components_ == queue.spec().types) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat("Signature mismatch, have: ", handle_, ", ",
                                             DTypeOpNames(components_), "-> expected: ", handle_,
                                             ", ", DTypeOpNames(queue.spec().types), "->"));
  }
  absl::Status CheckOutputs(const Queue& queue, std::string_view more_inputs) const {
    if (outputs_ == queue.spec().types) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat("Signature mismatch, have: ", handle_, more_inputs,
                                             "->", DTypeOpNames(outputs_), " expected: ", handle_,
                                             more_inputs, "->", DTypeOpNames(queue.spec().types)));
  }
  static Queue::DoneWith IntoOutputs(KernelContext& ctx, Done done) {
    return [&ctx, done = std::move(done)](absl::StatusOr<QueueElement> element) {
      if (!element.ok()) return done(element.status());
      for (size_t i = 0; i < element->size(); ++i)
        ctx.set_output(static_cast<int>(i), std::move((*element)[i]));
      done(absl::OkStatus());
    };
  }

 private:
  std::vector<DataType> components_, outputs_;
  std::string handle_;
};

class Enqueue final : public QueueKernel {
 public:
  using QueueKernel::QueueKernel;

 private:
  absl::Status Check(const Queue& queue) const override { return CheckInputs(queue); }
  void Start(KernelContext& ctx, Queue& queue, Done done) override {
    QueueElement element;
    for (int i = 1; i < ctx.num_inputs(); ++i) element.push_back(ctx.Persist(ctx.input(i)));
    if (absl::Status s = queue.CheckElement(element); !s.ok()) return done(std::move(s));
    queue.Enqueue(std::move(element), ctx.cancellation(), std::move(done));
  }
};

class EnqueueMany final : public QueueKernel {
 public:
  using QueueKernel::QueueKernel;

 private:
  absl::Status Check(const Queue& queue) const override { return CheckInputs(queue); }
  void Start(KernelContext& ctx, Queue& queue, Done done) override {
    QueueElement batch;
    for (int i = 1; i < ctx.num_inputs(); ++i) batch.push_back(ctx.input(i));
    if (absl::Status s = queue.CheckBatch(batch); !s.ok()) return done(std::move(s));
    queue.EnqueueMany(std::move(batch), ctx.device().allocator(), ctx.cancellation(),
                      std::move(done));
  }
};

class Dequeue final : public QueueKernel {
 public:
  using QueueKernel::QueueKernel;

 private:
  absl::Status Check(const Queue& queue) const override { return CheckOutputs(queue, ""); }
  void Start(KernelContext& ctx, Queue& queue, Done done) override {
    queue.Dequeue(ctx.cancellation(), IntoOutputs(ctx, std::move(done)));
  }
};

template <bool kAllowFewer>
class DequeueMany final : public QueueKernel {
 public:
  using QueueKernel::QueueKernel;

 private:
  absl::Status Check(const Queue& queue) const override { return CheckOutputs(queue, ", int32"); }
  void Start(KernelContext& ctx, Queue& queue, Done done) override {
    const Array& count = ctx.input(1);
    if (count.num_elements() != 1) {
      return done(absl::InvalidArgumentError(
          StrCat("n must be a scalar, but has shape ", count.shape().ToString())));
    }
    const int64_t n = *count.data<int32_t>();
    if (n < 0) {
      return done(absl::InvalidArgumentError(StrCat(kAllowFewer ? "DequeueUpToOp" : "DequeueManyOp",
                                                    " requested ", n, " < 0 elements")));
    }
    queue.DequeueMany(n, kAllowFewer, ctx.device().allocator(), ctx.cancellation(),
                      IntoOutputs(ctx, std::move(done)));
  }
};

class Close final : public QueueKernel {
 public:
  explicit Close(KernelConstruction& c)
      : QueueKernel(c),
        cancel_pending_enqueues_(c.AttrOr<bool>("cancel_pending_enqueues", false)) {}

 private:
  void Start(KernelContext& ctx, Queue& queue, Done done) override {
    queue.Close(cancel_pending_enqueues_, ctx.cancellation(), std::move(done));
  }
  const bool cancel_pending_enqueues_;
};

absl::Status IsClosed(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<Queue> queue, QueueOf(ctx));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  *out->mutable_data<bool>() = queue->closed();
  return absl::OkStatus();
}

absl::Status Size(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::shared_ptr<Queue> queue, QueueOf(ctx));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  *out->mutable_data<int32_t>() = static_cast<int32_t>(queue->size());
  return absl::OkStatus();
}

template <QueueKind kKind>
void AddHandle(KernelRegistry& kernels) {
  kernels.Add<QueueHandle<kKind, true>>(QueueKindName(kKind), kCpu, {});
  kernels.Add<QueueHandle<kKind, false>>(StrCat(QueueKindName(kKind), "V2"), kCpu, {});
}

}  // namespace

void RegisterQueueKernels(KernelRegistry& kernels) {
  AddHandle<QueueKind::kFifo>(kernels);
  AddHandle<QueueKind::kPaddingFifo>(kernels);
  AddHandle<QueueKind::kRandomShuffle>(kernels);
  AddHandle<QueueKind::kPriority>(kernels);
  for (const char* version : {"", "V2"}) {
    kernels.Add<Enqueue>(StrCat("QueueEnqueue", version), kCpu, {});
    kernels.Add<EnqueueMany>(StrCat("QueueEnqueueMany", version), kCpu, {});
    kernels.Add<Dequeue>(StrCat("QueueDequeue", version), kCpu, {});
    kernels.Add<DequeueMany<false>>(StrCat("QueueDequeueMany", version), kCpu, {});
    kernels.Add<DequeueMany<true>>(StrCat("QueueDequeueUpTo", version), kCpu, {});
    kernels.Add<Close>(StrCat("QueueClose", version), kCpu, {});
    kernels.Add(StrCat("QueueIsClosed", version), kCpu, {}, IsClosed);
    kernels.Add(StrCat("QueueSize", version), kCpu, {}, Size);
  }
}

}  // namespace weft
