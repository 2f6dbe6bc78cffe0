// SPDX-License-Identifier: Apache-2.0
// ThreadPoolHandle. Everything runs on the process's own team of threads, so that a handle is only
// the limits that the graph asks for, and starts no threads.
#include "kernels/cpu/thread_pool.h"

#include <memory>

#include "kernels/cpu/named_resource.h"
#include "src/core/strings.h"

namespace weft {
namespace {

constexpr int64_t kThreadLimit = 65536;

class ThreadPoolHandle final : public Kernel {
 public:
  explicit ThreadPoolHandle(KernelConstruction& c)
      : resource_(c, ThreadPoolLimits::kType, /*by_reference=*/false),
        num_threads_(c.Attr<int64_t>("num_threads")),
        max_intra_op_(c.Attr<int64_t>("max_intra_op_parallelism")) {
    if (num_threads_ < 0) {
      c.Fail(
          absl::InvalidArgumentError(StrCat("`num_threads` must be >= 0, but is ", num_threads_)));
    } else if (num_threads_ >= kThreadLimit) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("`num_threads` must be < ", kThreadLimit, ", but is ", num_threads_)));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    resource_.slot().GetOrCreate(
        [this] { return std::make_shared<ThreadPoolLimits>(num_threads_, max_intra_op_); });
    resource_.HandOut(ctx);
    return absl::OkStatus();
  }

 private:
  const NamedResource resource_;
  const int64_t num_threads_, max_intra_op_;
};

}  // namespace

void RegisterThreadPoolKernels(KernelRegistry& kernels) {
  kernels.Add<ThreadPoolHandle>("ThreadPoolHandle", kCpu, {});
  kernels.Add<ThreadPoolHandle>("ExperimentalThreadPoolHandle", kCpu, {});
}

}  // namespace weft
