// SPDX-License-Identifier: Apache-2.0
// Staging areas: tuples on their way from one run to the next, first in, first out.
#include "kernels/cpu/staging.h"

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/register.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using Tuple = std::vector<Array>;

// One operation that may have to wait, and after it what was found.
struct StageRequest {
  enum class Kind { kPut, kGet, kPeek };
  Kind kind;
  Tuple tuple = {};   // to put, or what was found
  int64_t index = 0;  // of kPeek
};

class StagingArea final : public StagingStore<StageRequest> {
 public:
  static constexpr const char* kType = "StagingArea";
  StagingArea(const StagingLimits& limits, std::string name)
      : StagingStore(limits, std::move(name)) {}

  int64_t size() const {
    std::lock_guard lock(mu_);
    return static_cast<int64_t>(tuples_.size());
  }
  std::string DebugString() const override { return "staging area " + name_; }

 private:
  bool Try(StageRequest& r, absl::Status*) override {
    switch (r.kind) {
      case StageRequest::Kind::kPut: {
        const int64_t bytes = StagedBytes(r.tuple);
        if (!HasRoom(tuples_.size(), bytes)) return false;
        bytes_ += bytes;
        tuples_.push_back(std::exchange(r.tuple, {}));
        return true;
      }
      case StageRequest::Kind::kPeek:
        if (r.index >= static_cast<int64_t>(tuples_.size())) return false;
        r.tuple = tuples_[static_cast<size_t>(r.index)];
        return true;
      case StageRequest::Kind::kGet:
        if (tuples_.empty()) return false;
        r.tuple = std::move(tuples_.front());
        tuples_.pop_front();
        bytes_ -= StagedBytes(r.tuple);
        return true;
    }
    return true;
  }
  void RemoveAll() override { tuples_.clear(); }

  std::deque<Tuple> tuples_;
};

using Area = StagingHandle<StagingArea>;

// Hands a tuple to the op's outputs.
StagingArea::Done IntoOutputs(KernelContext& ctx, const Area& area, AsyncKernel::Done done) {
  return [&ctx, &area, done = std::move(done)](absl::StatusOr<StageRequest> r) {
    if (!r.ok()) return done(WithNodeName(ctx, r.status()));
    const std::vector<DataType>& dtypes = area.dtypes();
    bool fits = r->tuple.size() == dtypes.size();
    for (size_t i = 0; fits && i < dtypes.size(); ++i) fits = r->tuple[i].dtype() == dtypes[i];
    if (!fits) {
      return done(ctx.InvalidArgument(
          StrCat("the staging area '", area.name(), "' holds tuples of other dtypes")));
    }
    for (size_t i = 0; i < dtypes.size(); ++i)
      ctx.set_output(static_cast<int>(i), std::move(r->tuple[i]));
    done(absl::OkStatus());
  };
}

class Stage final : public AsyncKernel {
 public:
  explicit Stage(KernelConstruction& c) : area_(c) {}
  void ComputeAsync(KernelContext& ctx, Done done) override {
    Tuple tuple;
    for (int i = 0; i < ctx.num_inputs(); ++i) tuple.push_back(ctx.Persist(ctx.input(i)));
    const std::shared_ptr<StagingArea> area = area_.Get();
    const int64_t bytes = StagedBytes(tuple);
    area->Submit({StageRequest::Kind::kPut, std::move(tuple)}, bytes, ctx.cancellation(),
                 [&ctx, area, done = std::move(done)](const absl::StatusOr<StageRequest>& r) {
                   done(WithNodeName(ctx, r.status()));
                 });
  }

 private:
  const Area area_;
};

class Unstage final : public AsyncKernel {
 public:
  explicit Unstage(KernelConstruction& c) : area_(c) {}
  void ComputeAsync(KernelContext& ctx, Done done) override {
    area_.Get()->Submit({StageRequest::Kind::kGet}, 0, ctx.cancellation(),
                        IntoOutputs(ctx, area_, std::move(done)));
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
    area_.Get()->Submit({StageRequest::Kind::kPeek, {}, *index.data<int32_t>()}, 0,
                        ctx.cancellation(), IntoOutputs(ctx, area_, std::move(done)));
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

}  // namespace

void RegisterMapStagingKernels(KernelRegistry& kernels);  // map_staging.cc

void RegisterStagingKernels(KernelRegistry& kernels) {
  kernels.Add<Stage>("Stage", kCpu, {});
  kernels.Add<Unstage>("Unstage", kCpu, {});
  kernels.Add<StagePeek>("StagePeek", kCpu, {}, {.host_arguments = {"index"}});
  kernels.Add<StageSize>("StageSize", kCpu, {});
  kernels.Add<ClearStaging<StagingArea>>("StageClear", kCpu, {});
  RegisterMapStagingKernels(kernels);
}

}  // namespace weft
