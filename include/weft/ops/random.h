// SPDX-License-Identifier: Apache-2.0
// Random tensors: TensorFlow's numbers bit for bit for the same seeds, whatever the number of
// threads.
//
//   wf::Variable w(wf::TruncatedNormal({784, 10}, {.stddev = 0.1f, .seed = 1}));
//   wf::Tensor rows = wf::RandomShuffle(table, {.seed = 3});
//   wf::Tensor noise = wf::random::StatelessNormal({64}, {step, 7});   // a function of its seed
//
// The sequence of an op with a state follows from the graph's seed (Graph::set_seed) and the op's:
// with neither it is another one in each session; with the graph's alone, ops get seeds by the
// order in which they are made. Each run gives new numbers. The stateless functions of namespace
// random give the same numbers for the same seed (a vector of two integers) in each run.
//
// Gradients: RandomGamma and StatelessGamma pass one to alpha and beta,
// StatelessParameterizedTruncatedNormal to its parameters, and the linear functions around the
// sources to mean, stddev, minval and maxval.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weft/ops/int_list.h"

namespace weft {

struct RandomNormalOptions {
  Input mean = 0.0f;
  Input stddev = 1.0f;
  DataType dtype = kFloat32;
  std::optional<int64_t> seed = {};
  std::string name = {};
};
Tensor RandomNormal(const IntList& shape, const RandomNormalOptions& options = {});
// Numbers beyond two standard deviations are drawn again.
Tensor TruncatedNormal(const IntList& shape, const RandomNormalOptions& options = {});

struct RandomUniformOptions {
  Input minval = 0;
  Input maxval = Tensor();  // 1 for floating dtypes; integers must say
  DataType dtype = kFloat32;
  std::optional<int64_t> seed = {};
  std::string name = {};
};
// In [minval, maxval). dtype: half, bfloat16, float32, float64, int32, int64. Integers are slightly
// biased unless the range is a power of two.
Tensor RandomUniform(const IntList& shape, const RandomUniformOptions& options = {});

struct RandomParameterizedOptions {
  Input means = 0.0f;
  Input stddevs = 1.0f;
  Input minvals = -2.0f;
  Input maxvals = 2.0f;
  DataType dtype = kFloat32;
  std::optional<int64_t> seed = {};
  std::string name = {};
};
// Normal numbers in [minvals, maxvals]; each parameter is a scalar or has an element for each row
// (the first dimension of `shape`).
Tensor ParameterizedTruncatedNormal(const IntList& shape,
                                    const RandomParameterizedOptions& options = {});

struct RandomOptions {
  std::optional<int64_t> seed = {};
  std::string name = {};
};
// The rows of `value` (its slices along dimension 0) in a random order.
Tensor RandomShuffle(const Input& value, const RandomOptions& options = {});
// A block of this size cut out of `value` at a random place. Fails at run if value is smaller than
// `size` in some dimension.
Tensor RandomCrop(const Input& value, const IntList& size, const RandomOptions& options = {});

struct MultinomialOptions {
  std::optional<int64_t> seed = {};
  DataType output_dtype = kInt64;  // or int32
  std::string name = {};
};
// [batch, num_samples] classes, drawn with replacement for each row of `logits` [batch, classes],
// the unnormalised log probabilities.
Tensor Multinomial(const Input& logits, const Input& num_samples,
                   const MultinomialOptions& options = {});

struct RandomGammaOptions {
  Input beta = 1;  // the inverse scale
  DataType dtype = kFloat32;
  std::optional<int64_t> seed = {};
  std::string name = {};
};
// A tensor of `shape` gamma numbers for each element of alpha broadcast with beta: the result has
// the shape [shape, shape of alpha]. At least the smallest normal number.
Tensor RandomGamma(const IntList& shape, const Input& alpha,
                   const RandomGammaOptions& options = {});

struct RandomPoissonOptions {
  DataType dtype = kFloat32;  // half, float32, float64, int32 or int64
  std::optional<int64_t> seed = {};
  std::string name = {};
};
// A tensor of `shape` Poisson numbers for each of the rates lam: [shape, shape of lam].
Tensor RandomPoisson(const Input& lam, const IntList& shape,
                     const RandomPoissonOptions& options = {});

namespace random {

// tf.random.categorical: Multinomial under the scope "categorical".
Tensor Categorical(const Input& logits, const Input& num_samples,
                   const MultinomialOptions& options = {});

struct StatelessNormalOptions {
  Input mean = 0.0f;
  Input stddev = 1.0f;
  DataType dtype = kFloat32;
  std::string name = {};
};
Tensor StatelessNormal(const IntList& shape, const Input& seed,
                       const StatelessNormalOptions& options = {});
Tensor StatelessTruncatedNormal(const IntList& shape, const Input& seed,
                                const StatelessNormalOptions& options = {});

struct StatelessUniformOptions {
  Input minval = 0;
  Input maxval = Tensor();  // 1 for floating dtypes
  DataType dtype = kFloat32;
  std::string name = {};
};
// In [minval, maxval). Integers (int32, int64) must say maxval; see StatelessFullInt.
Tensor StatelessUniform(const IntList& shape, const Input& seed,
                        const StatelessUniformOptions& options = {});
// Integers over the whole range of dtype: int32, int64, uint32, uint64. (Python's stateless_uniform
// with minval and maxval None.)
Tensor StatelessFullInt(const IntList& shape, const Input& seed, DataType dtype,
                        const NameOptions& options = {});

struct StatelessMultinomialOptions {
  DataType output_dtype = kInt64;  // or int32
  std::string name = {};
};
Tensor StatelessMultinomial(const Input& logits, const Input& num_samples, const Input& seed,
                            const StatelessMultinomialOptions& options = {});
Tensor StatelessCategorical(const Input& logits, const Input& num_samples, const Input& seed,
                            const StatelessMultinomialOptions& options = {});

struct StatelessGammaOptions {
  Input beta = 1;
  DataType dtype = kFloat32;
  std::string name = {};
};
// `shape` is that of the result and ends with the shape of alpha broadcast with beta.
Tensor StatelessGamma(const IntList& shape, const Input& seed, const Input& alpha,
                      const StatelessGammaOptions& options = {});

struct StatelessPoissonOptions {
  DataType dtype = kInt32;
  std::string name = {};
};
// `shape` is that of the result and ends with lam's.
Tensor StatelessPoisson(const IntList& shape, const Input& seed, const Input& lam,
                        const StatelessPoissonOptions& options = {});

struct StatelessBinomialOptions {
  DataType output_dtype = kInt32;
  std::string name = {};
};
// The number of successes in `counts` trials of probability `probs` each (both of one floating
// dtype). `shape` is that of the result and ends with the shape of counts broadcast with probs.
Tensor StatelessBinomial(const IntList& shape, const Input& seed, const Input& counts,
                         const Input& probs, const StatelessBinomialOptions& options = {});

struct StatelessParameterizedOptions {
  Input means = 0.0f;
  Input stddevs = 1.0f;
  Input minvals = -2.0f;
  Input maxvals = 2.0f;
  std::string name = {};
};
// Normal numbers in [minvals, maxvals]. `shape` is that of the result and ends with the shape of
// the parameters broadcast with each other; all four get gradients.
Tensor StatelessParameterizedTruncatedNormal(const IntList& shape, const Input& seed,
                                             const StatelessParameterizedOptions& options = {});

// The rows of `value` (its slices along dimension 0) in a random order.
Tensor StatelessShuffle(const Input& value, const Input& seed, const NameOptions& options = {});

}  // namespace random
}  // namespace weft
