// SPDX-License-Identifier: Apache-2.0
#include "src/core/status.h"
#include "src/ops/op_scope.h"
#include "weft/ops/random.h"

namespace weft {
namespace {

Tensor Source(const char* op, const Tensor& shape, DataType dtype, std::optional<int64_t> seed) {
  const SeedPair seeds = shape.graph().GetSeed(seed);
  return OpBuilder(op, NameOptions())
      .In(shape)
      .Attr("dtype", dtype)
      .Attr("seed", seeds.seed)
      .Attr("seed2", seeds.seed2)
      .Output();
}

Tensor Binary(const char* op, const char* name, const Tensor& a, const Tensor& b) {
  return OpBuilder(op, NameOptions(name)).In(a).In(b).Output();
}

Tensor NormalOf(const char* op, const char* default_name, const IntList& shape,
                const RandomNormalOptions& o) {
  const OpScope scope(o.name, default_name, GraphOf(o.mean, {&shape}));
  const Tensor sizes = AsTensor(shape.AsInput("shape"), kInt32, "shape");
  const Tensor mean = AsTensor(o.mean, o.dtype, "mean"),
               stddev = AsTensor(o.stddev, o.dtype, "stddev");
  const Tensor scaled = Binary("Mul", "mul", Source(op, sizes, o.dtype, o.seed), stddev);
  return OpBuilder("AddV2", scope.self()).In(scaled).In(mean).Output();
}

}  // namespace

Tensor RandomNormal(const IntList& shape, const RandomNormalOptions& options) {
  return NormalOf("RandomStandardNormal", "random_normal", shape, options);
}
Tensor TruncatedNormal(const IntList& shape, const RandomNormalOptions& options) {
  return NormalOf("TruncatedNormal", "truncated_normal", shape, options);
}

Tensor RandomUniform(const IntList& shape, const RandomUniformOptions& o) {
  const bool has_max = o.maxval.is_tensor() || o.maxval.array().valid();
  if (IsInteger(o.dtype) && !has_max)
    ThrowError(Code::kInvalidArgument,
               "RandomUniform: must specify maxval for integer dtype " + DTypeName(o.dtype));
  const OpScope scope(o.name, "random_uniform", GraphOf(o.minval, {&shape}));
  const Tensor sizes = AsTensor(shape.AsInput("shape"), kInt32, "shape");
  const Tensor low = AsTensor(o.minval, o.dtype, "min"),
               high = AsTensor(has_max ? o.maxval : Input(1), o.dtype, "max");
  if (IsInteger(o.dtype)) {
    const SeedPair seeds = sizes.graph().GetSeed(o.seed);
    return OpBuilder("RandomUniformInt", scope.self())
        .In(sizes)
        .In(low)
        .In(high)
        .Attr("seed", seeds.seed)
        .Attr("seed2", seeds.seed2)
        .Output();
  }
  const Tensor numbers = Source("RandomUniform", sizes, o.dtype, o.seed);
  const Tensor scaled = Binary("Mul", "mul", numbers, Binary("Sub", "sub", high, low));
  return OpBuilder("AddV2", scope.self()).In(scaled).In(low).Output();
}

}  // namespace weft
