// SPDX-License-Identifier: Apache-2.0
#include "src/core/status.h"
#include "src/ops/random_api.h"

#include "weft/graph/op_builder.h"

namespace weft::random {
namespace {

// Lets the device choose; all of them choose Philox.
constexpr int kAutoSelect = 3;

struct Key {
  Tensor key, counter;
};
Key KeyOf(const Input& seed) {
  OpBuilder op("StatelessRandomGetKeyCounter", NameOptions());
  const Operation node = InAsWritten(op, seed, "Tseed").Build();
  return {node.output(0), node.output(1)};
}

// The operands that all V2 ops begin with.
OpBuilder Keyed(const char* op, const NameOptions& name, const Tensor& sizes, const Key& key) {
  OpBuilder builder(op, name);
  builder.In(sizes).In(key.key).In(key.counter).In(kAutoSelect);
  return builder;
}

Graph GraphOfAll(const Input& seed, const IntList& shape, const Input& other) {
  return GraphOf(seed.is_tensor() ? seed : other, {&shape});
}

Tensor NormalOf(const char* op, const char* default_name, const IntList& shape, const Input& seed,
                const StatelessNormalOptions& o) {
  const OpScope scope(o.name, default_name, GraphOfAll(seed, shape, o.mean));
  const Tensor sizes = SizesOf(shape);
  const Tensor mean = AsTensor(o.mean, o.dtype, "mean"),
               stddev = AsTensor(o.stddev, o.dtype, "stddev");
  const Tensor numbers =
      Keyed(op, NameOptions(), sizes, KeyOf(seed)).Attr("dtype", o.dtype).Output();
  const Tensor scaled = NamedBinary("Mul", "mul", numbers, stddev);
  return OpBuilder("AddV2", scope.self()).In(scaled).In(mean).Output();
}

Tensor DrawClasses(const char* scope_name, const Input& logits, const Input& num_samples,
                   const Input& seed, const StatelessMultinomialOptions& o) {
  const OpScope scope(o.name, scope_name, {&logits, &num_samples, &seed});
  OpBuilder op("StatelessMultinomial", NameOptions());
  op.In(AsTensor(logits, kInvalidType, "logits")).In(num_samples);
  return InAsWritten(op, seed, "Tseed").Attr("output_dtype", o.output_dtype).Output();
}

}  // namespace

Tensor StatelessNormal(const IntList& shape, const Input& seed,
                       const StatelessNormalOptions& options) {
  return NormalOf("StatelessRandomNormalV2", "stateless_random_normal", shape, seed, options);
}
Tensor StatelessTruncatedNormal(const IntList& shape, const Input& seed,
                                const StatelessNormalOptions& options) {
  return NormalOf("StatelessTruncatedNormalV2", "stateless_truncated_normal", shape, seed, options);
}

Tensor StatelessUniform(const IntList& shape, const Input& seed, const StatelessUniformOptions& o) {
  const bool has_max = o.maxval.is_tensor() || o.maxval.array().valid();
  if (IsInteger(o.dtype) && !has_max)
    ThrowError(Code::kInvalidArgument, "StatelessUniform: must specify maxval for integer dtype " +
                                           DTypeName(o.dtype) +
                                           "; StatelessFullInt gives integers of the whole range");
  const OpScope scope(o.name, "stateless_random_uniform", GraphOfAll(seed, shape, o.minval));
  const Tensor sizes = SizesOf(shape);
  const Tensor low = AsTensor(o.minval, o.dtype, "min"),
               high = AsTensor(has_max ? o.maxval : Input(1), o.dtype, "max");
  const Key key = KeyOf(seed);
  if (IsInteger(o.dtype)) {
    return Keyed("StatelessRandomUniformIntV2", scope.self(), sizes, key).In(low).In(high).Output();
  }
  const Tensor numbers =
      Keyed("StatelessRandomUniformV2", NameOptions(), sizes, key).Attr("dtype", o.dtype).Output();
  const Tensor width = NamedBinary("Sub", "sub", high, low);
  const Tensor scaled = NamedBinary("Mul", "mul", numbers, width);
  return OpBuilder("AddV2", scope.self()).In(scaled).In(low).Output();
}

Tensor StatelessFullInt(const IntList& shape, const Input& seed, DataType dtype,
                        const NameOptions& options) {
  const OpScope scope(options.name, "stateless_random_uniform", GraphOfAll(seed, shape, seed));
  const Tensor sizes = SizesOf(shape);
  return Keyed("StatelessRandomUniformFullIntV2", scope.self(), sizes, KeyOf(seed))
      .Attr("dtype", dtype)
      .Output();
}

Tensor StatelessMultinomial(const Input& logits, const Input& num_samples, const Input& seed,
                            const StatelessMultinomialOptions& options) {
  return DrawClasses("stateless_multinomial", logits, num_samples, seed, options);
}
Tensor StatelessCategorical(const Input& logits, const Input& num_samples, const Input& seed,
                            const StatelessMultinomialOptions& options) {
  return DrawClasses("stateless_categorical", logits, num_samples, seed, options);
}

Tensor StatelessGamma(const IntList& shape, const Input& seed, const Input& alpha,
                      const StatelessGammaOptions& o) {
  const OpScope scope(o.name, "stateless_random_gamma", GraphOfAll(seed, shape, alpha));
  const Tensor sizes = SizesOf(shape);
  const Tensor a = AsTensor(alpha, o.dtype, "alpha"), b = AsTensor(o.beta, o.dtype, "beta");
  const Tensor repeated = BroadcastAlpha(a, b);
  const Tensor gamma =
      Keyed("StatelessRandomGammaV3", NameOptions(), sizes, KeyOf(seed)).In(repeated).Output();
  return ScaleGamma(gamma, b);
}

Tensor StatelessPoisson(const IntList& shape, const Input& seed, const Input& lam,
                        const StatelessPoissonOptions& o) {
  const OpScope scope(o.name, "stateless_random_poisson", GraphOfAll(seed, shape, lam));
  const Tensor sizes = SizesOf(shape);
  OpBuilder op("StatelessRandomPoisson", NameOptions());
  InAsWritten(op.In(sizes), seed, "Tseed");
  return InAsWritten(op, lam, "Rtype").Attr("dtype", o.dtype).Output();
}

Tensor StatelessBinomial(const IntList& shape, const Input& seed, const Input& counts,
                         const Input& probs, const StatelessBinomialOptions& o) {
  const OpScope scope(o.name, "stateless_random_binomial", GraphOfAll(seed, shape, probs));
  const Tensor sizes = SizesOf(shape);
  // A literal takes the other one's dtype.
  const Tensor p = AsTensor(probs, DtypeOf({&probs, &counts}, kFloat32), "probs");
  const Tensor n = AsTensor(counts, p.dtype(), "counts");
  OpBuilder op("StatelessRandomBinomial", NameOptions());
  InAsWritten(op.In(sizes), seed, "Tseed");
  return op.In(n).In(p).Attr("dtype", o.output_dtype).Output();
}

Tensor StatelessParameterizedTruncatedNormal(const IntList& shape, const Input& seed,
                                             const StatelessParameterizedOptions& o) {
  const OpScope scope(o.name, "stateless_parameterized_truncated_normal",
                      GraphOfAll(seed, shape, o.means));
  const Tensor sizes = SizesOf(shape);
  const DataType dtype = DtypeOf({&o.means, &o.stddevs, &o.minvals, &o.maxvals}, kFloat32);
  const Tensor means = AsTensor(o.means, dtype, "means"),
               stddevs = AsTensor(o.stddevs, dtype, "stddevs"),
               minvals = AsTensor(o.minvals, dtype, "minvals"),
               maxvals = AsTensor(o.maxvals, dtype, "maxvals");
  OpBuilder op("StatelessParameterizedTruncatedNormal", NameOptions());
  InAsWritten(op.In(sizes), seed, "Tseed");
  return op.In(means).In(stddevs).In(minvals).In(maxvals).Output();
}

Tensor StatelessShuffle(const Input& value, const Input& seed, const NameOptions& options) {
  const OpScope scope(options.name, "stateless_shuffle", {&value, &seed});
  const Key key = KeyOf(seed);
  return OpBuilder("StatelessShuffle", NameOptions())
      .In(value)
      .In(key.key)
      .In(key.counter)
      .In(kAutoSelect)
      .Output();
}

}  // namespace weft::random
