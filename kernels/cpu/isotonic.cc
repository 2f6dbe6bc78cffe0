// SPDX-License-Identifier: Apache-2.0
// IsotonicRegression, by pooling adjacent violators (Best and Chakravarti, "Active set algorithms
// for isotonic regression; a unifying framework", 1990).
#include <cstdint>
#include <vector>

#include "src/core/strings.h"
#include "weft/core/half.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

struct Pool {
  int64_t begin;
  double sum, count;
  double mean() const { return sum / count; }
};

// Of elements [first, first + n): the pools of the nearest sequence that never rises.
void FindPools(const Array& x, int64_t first, int64_t n, std::vector<Pool>* pools) {
  pools->clear();
  for (int64_t i = 0; i < n; ++i) {
    Pool pool{i, x.AsDouble(first + i), 1};
    while (!pools->empty() && pools->back().mean() <= pool.mean()) {
      const Pool& before = pools->back();
      pool = {before.begin, before.sum + pool.sum, before.count + pool.count};
      pools->pop_back();
    }
    pools->push_back(pool);
  }
}

template <typename T>
absl::Status IsotonicRegression(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  if (x.rank() != 2) {
    return ctx.InvalidArgument(StrCat("input must be a matrix, got shape ", x.shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, x.shape()));
  WEFT_ASSIGN_OR_RETURN(Array * segments, ctx.AllocateOutput(1, x.shape()));
  const int64_t n = x.dim(1);
  T* out = y->mutable_data<T>();
  int32_t* ids = segments->mutable_data<int32_t>();
  ctx.ParallelFor(x.dim(0), 20.0 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
    std::vector<Pool> pools;
    for (int64_t row = begin; row < end; ++row) {
      FindPools(x, row * n, n, &pools);
      for (size_t k = 0; k < pools.size(); ++k) {
        const int64_t last = k + 1 < pools.size() ? pools[k + 1].begin : n;
        for (int64_t i = row * n + pools[k].begin; i < row * n + last; ++i) {
          out[i] = T(static_cast<float>(pools[k].mean()));
          if constexpr (sizeof(T) == 8) out[i] = pools[k].mean();
          ids[i] = static_cast<int32_t>(k);
        }
      }
    }
  });
  return absl::OkStatus();
}

}  // namespace

void RegisterIsotonicKernels(KernelRegistry& kernels) {
  const auto add = [&](DataType in, DataType out, KernelFn fn) {
    kernels.Add("IsotonicRegression", kCpu, {{"T", in}, {"output_dtype", out}}, fn);
  };
  add(kFloat16, kFloat16, IsotonicRegression<half>);
  add(kBfloat16, kBfloat16, IsotonicRegression<bfloat16>);
  for (const DataType in : {kFloat32, kInt8, kInt16}) add(in, kFloat32, IsotonicRegression<float>);
  for (const DataType in : {kFloat64, kInt32, kInt64})
    add(in, kFloat64, IsotonicRegression<double>);
}

}  // namespace weft
