// SPDX-License-Identifier: Apache-2.0
#include "src/ops/random_api.h"

#include <limits>

#include "src/core/status.h"
#include "weft/graph/graph.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/logging.h"
#include "weft/ops/logical.h"
#include "weft/ops/reduction.h"

namespace weft {
namespace {

OpBuilder Seeded(OpBuilder op, const Graph& graph, std::optional<int64_t> seed) {
  const SeedPair seeds = graph.GetSeed(seed);
  op.Attr("seed", seeds.seed).Attr("seed2", seeds.seed2);
  return op;
}

Tensor Source(const char* op, const Tensor& shape, DataType dtype, std::optional<int64_t> seed) {
  return Seeded(OpBuilder(op, NameOptions()).In(shape).Attr("dtype", dtype), shape.graph(), seed)
      .Output();
}

Tensor NormalOf(const char* op, const char* default_name, const IntList& shape,
                const RandomNormalOptions& o) {
  const OpScope scope(o.name, default_name, GraphOf(o.mean, {&shape}));
  const Tensor sizes = SizesOf(shape);
  const Tensor mean = AsTensor(o.mean, o.dtype, "mean"),
               stddev = AsTensor(o.stddev, o.dtype, "stddev");
  const Tensor scaled = NamedBinary("Mul", "mul", Source(op, sizes, o.dtype, o.seed), stddev);
  return OpBuilder("AddV2", scope.self()).In(scaled).In(mean).Output();
}

// The integer literal `value` itself, as written (or defaulted to) by the caller.
bool IsIntLiteral(const Input& x, int64_t value) {
  return !x.is_tensor() && x.weak() && IsInteger(x.array().dtype()) && x.array().rank() == 0 &&
         x.array().AsInt64() == value;
}

Tensor DrawClasses(const char* scope_name, const Input& logits, const Input& num_samples,
                   const MultinomialOptions& o) {
  const OpScope scope(o.name, scope_name, {&logits, &num_samples});
  const Tensor rows = AsTensor(logits, kInvalidType, "logits");
  return Seeded(OpBuilder("Multinomial", NameOptions()).In(rows).In(num_samples), scope.graph(),
                o.seed)
      .Attr("output_dtype", o.output_dtype)
      .Output();
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
  const Input maxval = has_max ? o.maxval : Input(1);
  const OpScope scope(o.name, "random_uniform", GraphOf(o.minval, {&shape}));
  const Tensor sizes = SizesOf(shape);
  // What the source gives needs no bounds.
  const bool from_0 = IsIntLiteral(o.minval, 0), to_1 = IsIntLiteral(maxval, 1);
  if (from_0 && to_1 && !IsInteger(o.dtype)) return Source("RandomUniform", sizes, o.dtype, o.seed);
  const Tensor low = AsTensor(o.minval, o.dtype, "min"), high = AsTensor(maxval, o.dtype, "max");
  if (IsInteger(o.dtype)) {
    return Seeded(OpBuilder("RandomUniformInt", scope.self()).In(sizes).In(low).In(high),
                  sizes.graph(), o.seed)
        .Output();
  }
  const Tensor numbers = Source("RandomUniform", sizes, o.dtype, o.seed);
  if (from_0) return OpBuilder("Mul", NameOptions()).In(numbers).In(high).Output();
  const Tensor width = NamedBinary("Sub", "sub", high, low);
  const Tensor scaled = NamedBinary("Mul", "mul", numbers, width);
  return OpBuilder("AddV2", scope.self()).In(scaled).In(low).Output();
}

Tensor ParameterizedTruncatedNormal(const IntList& shape, const RandomParameterizedOptions& o) {
  const OpScope scope(o.name, "parameterized_truncated_normal", GraphOf(o.means, {&shape}));
  const Tensor sizes = SizesOf(shape);
  const Tensor means = AsTensor(o.means, o.dtype, "means"),
               stddevs = AsTensor(o.stddevs, o.dtype, "stddevs"),
               minvals = AsTensor(o.minvals, o.dtype, "minvals"),
               maxvals = AsTensor(o.maxvals, o.dtype, "maxvals");
  OpBuilder op("ParameterizedTruncatedNormal", NameOptions());
  op.In(sizes).In(means).In(stddevs).In(minvals).In(maxvals);
  return Seeded(op, scope.graph(), o.seed).Output();
}

Tensor RandomShuffle(const Input& value, const RandomOptions& o) {
  return Seeded(OpBuilder("RandomShuffle", o.name).In(value), GraphOf({&value}), o.seed).Output();
}

Tensor RandomCrop(const Input& value, const IntList& size, const RandomOptions& o) {
  const OpScope scope(o.name, "random_crop", GraphOf(value, {&size}));
  const Tensor whole = AsTensor(value, kInvalidType, "value");
  const Tensor part = AsTensor(size.AsInput("size"), kInt32, "size");
  const Tensor shape = ShapeOf(whole);
  const Operation check =
      Assert(ReduceAll(GreaterEqual(shape, part)), {"Need value.shape >= size, got ", shape, part},
             {.summarize = 1000});
  Tensor checked;
  {
    const ColocateWith colocate(shape.op());
    checked = OpBuilder("Identity", NameOptions("control_dependency"))
                  .In(shape)
                  .ControlInput(check)
                  .Output();
  }
  const Tensor room = NamedBinary("Sub", "sub", checked, part);
  const Tensor places = OpBuilder("AddV2", NameOptions("add")).In(room).In(1).Output();
  const Tensor drawn = RandomUniform(
      ShapeOf(checked),
      {.maxval = std::numeric_limits<int32_t>::max(), .dtype = part.dtype(), .seed = o.seed});
  const Tensor offset = NamedBinary("FloorMod", "mod", drawn, places);
  return OpBuilder("Slice", scope.self()).In(whole).In(offset).In(part).Output();
}

Tensor Multinomial(const Input& logits, const Input& num_samples,
                   const MultinomialOptions& options) {
  return DrawClasses("multinomial", logits, num_samples, options);
}

Tensor BroadcastAlpha(const Tensor& alpha, const Tensor& beta) {
  const Tensor alpha_sizes = ShapeOf(alpha), beta_sizes = ShapeOf(beta);
  const Tensor sizes =
      OpBuilder("BroadcastArgs", NameOptions()).In(alpha_sizes).In(beta_sizes).Output();
  return BroadcastTo(alpha, sizes);
}

Tensor ScaleGamma(const Tensor& gamma, const Tensor& beta) {
  double tiny = std::numeric_limits<double>::min();
  if (gamma.dtype() == kFloat32) tiny = std::numeric_limits<float>::min();
  if (gamma.dtype() == kFloat16) tiny = 0x1p-14;
  const Tensor scaled = NamedBinary("RealDiv", "truediv", gamma, beta);
  return OpBuilder("Maximum", NameOptions()).In(tiny).In(scaled).Output();
}

Tensor RandomGamma(const IntList& shape, const Input& alpha, const RandomGammaOptions& o) {
  const OpScope scope(o.name, "random_gamma", GraphOf(alpha, {&shape}));
  const Tensor sizes = SizesOf(shape);
  const Tensor a = AsTensor(alpha, o.dtype, "alpha"), b = AsTensor(o.beta, o.dtype, "beta");
  OpBuilder op("RandomGamma", NameOptions());
  op.In(sizes).In(BroadcastAlpha(a, b));
  return ScaleGamma(Seeded(op, scope.graph(), o.seed).Output(), b);
}

Tensor RandomPoisson(const Input& lam, const IntList& shape, const RandomPoissonOptions& o) {
  const OpScope scope(o.name, "random_poisson", GraphOf(lam, {&shape}));
  const Tensor sizes = SizesOf(shape);
  OpBuilder op("RandomPoissonV2", NameOptions());
  InAsWritten(op.In(sizes), lam, "R").Attr("dtype", o.dtype);
  return Seeded(op, scope.graph(), o.seed).Output();
}

namespace random {

Tensor Categorical(const Input& logits, const Input& num_samples,
                   const MultinomialOptions& options) {
  return DrawClasses("categorical", logits, num_samples, options);
}

}  // namespace random
}  // namespace weft
