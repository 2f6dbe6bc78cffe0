// SPDX-License-Identifier: Apache-2.0
// Seeded random ops, with the numbers that TensorFlow draws.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <optional>

#include "src/core/strings.h"
#include "src/io/crc32c.h"
#include "tools/golden/container.h"
#include "tools/weft_interop/programs.h"
#include "weft/graph/attr_value.h"
#include "weft/weft.h"

namespace weft::interop {
namespace {

using golden::Mismatch;

// A number, or a C99 hexadecimal float as text.
double NumberOf(const Json& v) {
  return v.is_string() ? std::strtod(v.get_ref<const std::string&>().c_str(), nullptr)
                       : v.get<double>();
}

// How many numbers of the dtype lie between the two.
int64_t UlpsBetween(double a, double b, DataType dtype) {
  const auto ordered = [](auto x, auto bits) {
    std::memcpy(&bits, &x, sizeof bits);
    return static_cast<int64_t>(bits < 0 ? std::numeric_limits<decltype(bits)>::min() - bits
                                         : bits);
  };
  if (dtype == kFloat64) return std::abs(ordered(a, int64_t{0}) - ordered(b, int64_t{0}));
  const int64_t ulps = std::abs(ordered(static_cast<float>(a), int32_t{0}) -
                                ordered(static_cast<float>(b), int32_t{0}));
  // A half has 13 bits less behind the point than a float.
  return dtype == kFloat16 ? (ulps + (1 << 13) - 1) >> 13 : ulps;
}

// What is compared: up to `ulps` off is well, and counted.
struct Judge {
  std::string what;
  int64_t ulps;
  RandomTally* tally;

  void Number(double got, double want, DataType dtype, int64_t element) const {
    const int64_t off = IsFloating(dtype) ? UlpsBetween(got, want, dtype) : got != want;
    ++tally->numbers;
    tally->differing += off != 0;
    tally->greatest_ulps = std::max(tally->greatest_ulps, off);
    if (off > ulps)
      throw Mismatch(StrCat(what, ": element ", element, " is ", got, ", expected ", want));
  }

  // `from`: the first element of `got` that `want` tells.
  void Numbers(const Array& got, const Json& want, int64_t from) const {
    const auto n = static_cast<int64_t>(want.size());
    if (from < 0 || from + n > got.num_elements())
      throw Mismatch(StrCat(what, ": the number of elements differs"));
    for (int64_t i = 0; i < n; ++i)
      Number(got.AsDouble(from + i), NumberOf(want[static_cast<size_t>(i)]), got.dtype(), from + i);
  }

  // All elements, or of many the first and the last, their sum and checksum.
  void Run(const Array& got, const Json& want) const {
    if (want.is_array()) {
      if (static_cast<int64_t>(want.size()) != got.num_elements())
        throw Mismatch(StrCat(what, ": the number of elements differs"));
      return Numbers(got, want, 0);
    }
    const Json& tail = want.at("tail");
    Numbers(got, want.at("head"), 0);
    Numbers(got, tail, got.num_elements() - static_cast<int64_t>(tail.size()));
    double sum = 0;
    for (int64_t i = 0; i < got.num_elements(); ++i) sum += got.AsDouble(i);
    if (!(std::abs(sum - NumberOf(want.at("sum_as_float64"))) <=
          1e-7 * static_cast<double>(got.num_elements())))
      throw Mismatch(
          StrCat(what, ": the sum is ", sum, ", expected ", want["sum_as_float64"].dump()));
    if (ulps > 0) return;
    char crc[16];
    std::snprintf(crc, sizeof crc, "%08x", io::Crc32c(got.raw_data(), got.num_bytes()));
    if (crc != Text(want, "crc32c")) throw Mismatch(what + ": the checksum differs");
  }
};

Tensor MakeOp(const std::string& op, const std::vector<int64_t>& shape,
              std::optional<int64_t> seed) {
  if (op == "random_normal") return RandomNormal(shape, {.seed = seed});
  if (op == "random_uniform") return RandomUniform(shape, {.seed = seed});
  if (op == "truncated_normal") return TruncatedNormal(shape, {.seed = seed});
  if (op == "random_uniform_int32_0_100")
    return RandomUniform(shape, {.minval = 0, .maxval = 100, .dtype = kInt32, .seed = seed});
  throw Mismatch(StrCat("no op '", op, "' is written"));
}

// The newest op of a type, with these seeds.
void CheckSeeds(const std::string& what, const std::string& type, int64_t seed, int64_t seed2) {
  Operation source;
  for (const Operation& op : Graph::Default().operations()) {
    if (op.type() == type) source = op;
  }
  if (!source.valid()) throw Mismatch(StrCat(what, ": the graph has no ", type));
  if (*source.attr("seed").Get<int64_t>() != seed || *source.attr("seed2").Get<int64_t>() != seed2)
    throw Mismatch(StrCat(what, ": the seeds of ", type, " should be ", seed, " and ", seed2));
}

// Of normal numbers, one in some thousands may be rounded to the other side.
void CheckEntry(const Json& entry, RandomValues* values) {
  const std::string op = Text(entry, "op"), mode = Text(entry, "mode"),
                    which = Text(entry, "which");
  const auto seed_given = entry.at("seed").get<int64_t>();
  const auto shape = entry.at("shape").get<std::vector<int64_t>>();
  const Graph graph;
  const GraphScope scope(graph);
  std::optional<int64_t> seed;
  if (mode != "op_seed") Graph::Default().set_seed(seed_given);
  if (mode == "op_seed") seed = seed_given;
  if (mode == "both") seed = seed_given + 7;
  const bool normal = op.find("normal") != std::string::npos;
  const Judge judge{StrCat(op, " ", mode, " ", which, " seed ", seed_given), normal,
                    normal ? &values->normal : &values->exact};
  Tensor t = MakeOp(op, shape, seed);
  if (which == "second") t = MakeOp(op, shape, seed);
  CheckSeeds(judge.what, Text(entry, "op_type"), entry.at("seed_attr").get<int64_t>(),
             entry.at("seed2_attr").get<int64_t>());
  Session session;
  judge.Run(session.Run(t), entry.at("first_run"));
  if (entry.contains("second_run")) judge.Run(session.Run(t), entry["second_run"]);
  ++values->entries;
}

// The ops and initializers of the reference file's list "more".
Tensor MakeNamed(const std::string& op) {
  const auto made = [](const Initializer& f, const Shape& shape) { return f(shape, kFloat32); };
  const std::map<std::string, std::function<Tensor()>> ops = {
      {"random_normal float64", [] { return RandomNormal({5}, {.dtype = kFloat64, .seed = 1}); }},
      {"random_uniform float64", [] { return RandomUniform({5}, {.dtype = kFloat64, .seed = 1}); }},
      {"truncated_normal float64",
       [] { return TruncatedNormal({5}, {.dtype = kFloat64, .seed = 1}); }},
      {"random_normal float16", [] { return RandomNormal({5}, {.dtype = kFloat16, .seed = 1}); }},
      {"random_uniform float16", [] { return RandomUniform({5}, {.dtype = kFloat16, .seed = 1}); }},
      {"random_uniform int64 -5 1e12",
       [] {
         return RandomUniform(
             {5}, {.minval = -5, .maxval = int64_t{1000000000000}, .dtype = kInt64, .seed = 1});
       }},
      {"random_shuffle of range(10)", [] { return RandomShuffle(Range(10), {.seed = 1}); }},
      {"multinomial log([[.1,.2,.7]]) 10 samples",
       [] {
         return Multinomial(Log(Constant({{.1f, .2f, .7f}})), 10, {.seed = 1});
       }},
      {"random_gamma [4] alpha 0.5,2",
       [] {
         return RandomGamma({4}, {0.5f, 2.f}, {.seed = 1});
       }},
      {"random_poisson [4] lam 3,20",
       [] {
         return RandomPoisson({3.f, 20.f}, {4}, {.seed = 1});
       }},
      {"dropout keep 0.5 of ones[12]", [] { return nn::Dropout(Ones({12}), 0.5f, {.seed = 1}); }},
      {"glorot_uniform_initializer(seed=1) [2,3]",
       [&] {
         return made(GlorotUniformInitializer({.seed = 1}), {2, 3});
       }},
      {"glorot_normal_initializer(seed=1) [2,3]",
       [&] {
         return made(GlorotNormalInitializer({.seed = 1}), {2, 3});
       }},
      {"variance_scaling_initializer(seed=1) [3,3,2,4]",
       [&] {
         return made(VarianceScalingInitializer({.seed = 1}), {3, 3, 2, 4});
       }},
      {"he_normal (scale 2 fan_in truncated) seed 1 [4,4]",
       [&] {
         return made(HeNormalInitializer({.seed = 1}), {4, 4});
       }},
      {"truncated_normal_initializer(stddev=0.1,seed=1) [2,3]",
       [&] {
         return made(TruncatedNormalInitializer(0, 0.1, {.seed = 1}), {2, 3});
       }},
      {"random_uniform_initializer(-1,1,seed=1) [2,3]",
       [&] {
         return made(RandomUniformInitializer(-1, 1, {.seed = 1}), {2, 3});
       }},
      {"orthogonal_initializer(seed=1) [3,3]",
       [&] {
         return made(OrthogonalInitializer({.seed = 1}), {3, 3});
       }},
      {"stateless_random_normal seed [1,2] [4]",
       [] {
         return random::StatelessNormal({4}, {1, 2});
       }},
      {"stateless_random_uniform seed [1,2] [4]",
       [] {
         return random::StatelessUniform({4}, {1, 2});
       }},
      {"stateless_truncated_normal seed [1,2] [4]",
       [] {
         return random::StatelessTruncatedNormal({4}, {1, 2});
       }},
  };
  auto found = ops.find(op);
  return found == ops.end() ? Tensor() : found->second();
}

// A factorisation rounds in its own order; gamma and the scaled normals are made of normal numbers.
void CheckMore(const Json& entry, RandomValues* values) {
  const std::string op = Text(entry, "op");
  const Graph graph;
  const GraphScope scope(graph);
  const Tensor t = MakeNamed(op);
  if (!t.valid()) throw Mismatch(StrCat("no op '", op, "' is written"));
  if (DTypeName(t.dtype()) != Text(entry, "dtype"))
    throw Mismatch(StrCat(op, ": the dtype is ", DTypeName(t.dtype())));
  for (const Json& seeds : entry.at("seed_attrs")) {
    CheckSeeds(op, seeds.at(0).get<std::string>(), seeds.at(1).get<int64_t>(),
               seeds.at(2).get<int64_t>());
  }
  const Array got = Session().Run(t);
  const Json& want = entry.at("first_run");
  ++values->entries;
  if (op.starts_with("orthogonal")) {
    for (size_t i = 0; i < want.size(); ++i) {
      if (!(std::abs(got.AsDouble(static_cast<int64_t>(i)) - NumberOf(want[i])) <= 3e-7))
        throw Mismatch(StrCat(op, ": element ", i, " differs"));
    }
    return;
  }
  const bool rounds = op.find("normal") != std::string::npos ||
                      op.find("variance") != std::string::npos || op.starts_with("random_gamma");
  Judge{op, rounds, rounds ? &values->normal : &values->exact}.Run(got, want);
}

}  // namespace

RandomValues CheckRandomValues(const Json& reference) {
  RandomValues values;
  for (const Json& entry : reference.at("entries")) CheckEntry(entry, &values);
  for (const Json& entry : reference.at("more")) CheckMore(entry, &values);
  return values;
}

}  // namespace weft::interop
