// SPDX-License-Identifier: Apache-2.0
// Handles of limits on threads.
// kernels: kernels/cpu/thread_pool.cc   test: tests/ops/thread_pool_test.cc
#include "src/ops/thread_pool.h"

namespace weft {
namespace {

OpDefBuilder&& ThreadPoolSchema(OpDefBuilder&& op) {
  return std::move(op)
      .Summary("A handle of limits on threads.")
      .Output("handle: resource")
      .Attr("num_threads: int")
      .Attr("max_intra_op_parallelism: int = 1")
      .Attr("display_name: string")
      .Attr("container: string = ''")
      .Attr("shared_name: string = ''")
      .Stateful()
      .Shape(shape::Scalar);
}

}  // namespace

void RegisterThreadPoolOps(OpRegistry& ops) {
  ops.Add("ThreadPoolHandle").Apply(ThreadPoolSchema);
  ops.Add("ExperimentalThreadPoolHandle").Apply(ThreadPoolSchema);
}

}  // namespace weft
