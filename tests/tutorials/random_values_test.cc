// SPDX-License-Identifier: Apache-2.0
// Seeded random functions give TensorFlow 2.15.1's numbers.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>

#include "src/io/crc32c.h"
#include "weft/graph/attr_value.h"
#include "weft/weft.h"

namespace wf = weft;

namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;

// A number, or a C99 hexadecimal float as text.
double NumberOf(const Value& v) {
  return v.has_string_value() ? std::strtod(v.string_value().c_str(), nullptr) : v.number_value();
}

// How many numbers of the dtype lie between the two.
int64_t UlpsBetween(double a, double b, wf::DataType dtype = wf::kFloat32) {
  const auto ordered = [](auto x, auto bits) {
    std::memcpy(&bits, &x, sizeof bits);
    return static_cast<int64_t>(bits < 0 ? std::numeric_limits<decltype(bits)>::min() - bits
                                         : bits);
  };
  if (dtype == wf::kFloat64) return std::abs(ordered(a, int64_t{0}) - ordered(b, int64_t{0}));
  const int64_t ulps = std::abs(ordered(static_cast<float>(a), int32_t{0}) -
                                ordered(static_cast<float>(b), int32_t{0}));
  return dtype == wf::kFloat16 ? (ulps + (1 << 13) - 1) >> 13 : ulps;
}

// How many numbers were compared, and how far they were off.
struct Tally {
  int64_t numbers = 0, differing = 0, greatest = 0;
  void Count(int64_t ulps) {
    ++numbers;
    differing += ulps != 0;
    greatest = std::max(greatest, ulps);
  }
};

void ExpectValue(double got, double want, wf::DataType dtype, int64_t ulps, int64_t element,
                 Tally* tally) {
  const int64_t off = wf::IsFloating(dtype) ? UlpsBetween(got, want, dtype) : got != want;
  tally->Count(off);
  EXPECT_LE(off, ulps) << "element " << element << ": " << got << ", not " << want;
}

// `from`: the first element of `got` that `want` tells.
void ExpectValues(const wf::Array& got, const ListValue& want, int64_t from, int64_t ulps,
                  Tally* tally) {
  ASSERT_LE(from + want.values_size(), got.num_elements());
  for (int i = 0; i < want.values_size(); ++i) {
    ExpectValue(got.AsDouble(from + i), NumberOf(want.values(i)), got.dtype(), ulps, from + i,
                tally);
  }
}

std::string HexText(uint32_t v) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", v);
  return text;
}

void ExpectRun(const wf::Array& got, const Value& want, int64_t ulps, Tally* tally) {
  if (want.has_list_value()) {
    ASSERT_EQ(want.list_value().values_size(), got.num_elements());
    ExpectValues(got, want.list_value(), 0, ulps, tally);
    return;
  }
  const auto& parts = want.struct_value().fields();
  const ListValue& tail = parts.at("tail").list_value();
  ExpectValues(got, parts.at("head").list_value(), 0, ulps, tally);
  ExpectValues(got, tail, got.num_elements() - tail.values_size(), ulps, tally);
  double sum = 0;
  for (int64_t i = 0; i < got.num_elements(); ++i) sum += got.AsDouble(i);
  EXPECT_NEAR(sum, NumberOf(parts.at("sum_as_float64")),
              1e-7 * static_cast<double>(got.num_elements()));
  if (ulps > 0) return;
  EXPECT_EQ(HexText(wf::io::Crc32c(got.raw_data(), got.num_bytes())),
            parts.at("crc32c").string_value());
}

wf::Tensor MakeOp(const std::string& op, const std::vector<int64_t>& shape,
                  std::optional<int64_t> seed) {
  if (op == "random_normal") return wf::RandomNormal(shape, {.seed = seed});
  if (op == "random_uniform") return wf::RandomUniform(shape, {.seed = seed});
  if (op == "truncated_normal") return wf::TruncatedNormal(shape, {.seed = seed});
  if (op == "random_uniform_int32_0_100")
    return wf::RandomUniform(shape,
                             {.minval = 0, .maxval = 100, .dtype = wf::kInt32, .seed = seed});
  throw std::invalid_argument(op);
}

wf::Operation SourceOf(const std::string& type) {
  wf::Operation found;
  for (const wf::Operation& op : wf::Graph::Default().operations()) {
    if (op.type() == type) found = op;
  }
  return found;
}

// Of normal numbers, one in some thousands may be rounded to the other side.
void Check(const Struct& entry, Tally* exact, Tally* normal) {
  const auto& fields = entry.fields();
  const auto text = [&](const char* name) { return fields.at(name).string_value(); };
  const auto number = [&](const char* name) {
    return static_cast<int64_t>(fields.at(name).number_value());
  };
  const std::string op = text("op"), mode = text("mode"), which = text("which");
  SCOPED_TRACE(op + " " + mode + " " + which + " seed " + std::to_string(number("seed")));
  std::vector<int64_t> shape;
  for (const Value& v : fields.at("shape").list_value().values())
    shape.push_back(static_cast<int64_t>(v.number_value()));
  wf::Graph graph;
  wf::GraphScope scope(graph);
  std::optional<int64_t> seed;
  if (mode != "op_seed") graph.set_seed(number("seed"));
  if (mode == "op_seed") seed = number("seed");
  if (mode == "both") seed = number("seed") + 7;
  wf::Tensor t = MakeOp(op, shape, seed);
  if (which == "second") t = MakeOp(op, shape, seed);
  const wf::Operation source = SourceOf(text("op_type"));
  ASSERT_TRUE(source.valid());
  EXPECT_EQ(*source.attr("seed").Get<int64_t>(), number("seed_attr"));
  EXPECT_EQ(*source.attr("seed2").Get<int64_t>(), number("seed2_attr"));
  const bool is_normal = op.find("normal") != std::string::npos;
  Tally* tally = is_normal ? normal : exact;
  wf::Session session;
  ExpectRun(session.Run(t), fields.at("first_run"), is_normal, tally);
  if (fields.contains("second_run"))
    ExpectRun(session.Run(t), fields.at("second_run"), is_normal, tally);
}

// The ops and initializers of the reference file's list "more".
wf::Tensor MakeNamed(const std::string& op) {
  const auto made = [](const wf::Initializer& f, const wf::Shape& shape) {
    return f(shape, wf::kFloat32);
  };
  const std::map<std::string, std::function<wf::Tensor()>> ops = {
      {"random_normal float64",
       [] { return wf::RandomNormal({5}, {.dtype = wf::kFloat64, .seed = 1}); }},
      {"random_uniform float64",
       [] { return wf::RandomUniform({5}, {.dtype = wf::kFloat64, .seed = 1}); }},
      {"truncated_normal float64",
       [] { return wf::TruncatedNormal({5}, {.dtype = wf::kFloat64, .seed = 1}); }},
      {"random_normal float16",
       [] { return wf::RandomNormal({5}, {.dtype = wf::kFloat16, .seed = 1}); }},
      {"random_uniform float16",
       [] { return wf::RandomUniform({5}, {.dtype = wf::kFloat16, .seed = 1}); }},
      {"random_uniform int64 -5 1e12",
       [] {
         return wf::RandomUniform(
             {5}, {.minval = -5, .maxval = int64_t{1000000000000}, .dtype = wf::kInt64, .seed = 1});
       }},
      {"random_shuffle of range(10)", [] { return wf::RandomShuffle(wf::Range(10), {.seed = 1}); }},
      {"multinomial log([[.1,.2,.7]]) 10 samples",
       [] {
         return wf::Multinomial(wf::Log(wf::Constant({{.1f, .2f, .7f}})), 10, {.seed = 1});
       }},
      {"random_gamma [4] alpha 0.5,2",
       [] {
         return wf::RandomGamma({4}, {0.5f, 2.f}, {.seed = 1});
       }},
      {"random_poisson [4] lam 3,20",
       [] {
         return wf::RandomPoisson({3.f, 20.f}, {4}, {.seed = 1});
       }},
      {"dropout keep 0.5 of ones[12]",
       [] { return wf::nn::Dropout(wf::Ones({12}), 0.5f, {.seed = 1}); }},
      {"glorot_uniform_initializer(seed=1) [2,3]",
       [&] {
         return made(wf::GlorotUniformInitializer({.seed = 1}), {2, 3});
       }},
      {"glorot_normal_initializer(seed=1) [2,3]",
       [&] {
         return made(wf::GlorotNormalInitializer({.seed = 1}), {2, 3});
       }},
      {"variance_scaling_initializer(seed=1) [3,3,2,4]",
       [&] {
         return made(wf::VarianceScalingInitializer({.seed = 1}), {3, 3, 2, 4});
       }},
      {"he_normal (scale 2 fan_in truncated) seed 1 [4,4]",
       [&] {
         return made(wf::HeNormalInitializer({.seed = 1}), {4, 4});
       }},
      {"truncated_normal_initializer(stddev=0.1,seed=1) [2,3]",
       [&] {
         return made(wf::TruncatedNormalInitializer(0, 0.1, {.seed = 1}), {2, 3});
       }},
      {"random_uniform_initializer(-1,1,seed=1) [2,3]",
       [&] {
         return made(wf::RandomUniformInitializer(-1, 1, {.seed = 1}), {2, 3});
       }},
      {"orthogonal_initializer(seed=1) [3,3]",
       [&] {
         return made(wf::OrthogonalInitializer({.seed = 1}), {3, 3});
       }},
      {"stateless_random_normal seed [1,2] [4]",
       [] {
         return wf::random::StatelessNormal({4}, {1, 2});
       }},
      {"stateless_random_uniform seed [1,2] [4]",
       [] {
         return wf::random::StatelessUniform({4}, {1, 2});
       }},
      {"stateless_truncated_normal seed [1,2] [4]",
       [] {
         return wf::random::StatelessTruncatedNormal({4}, {1, 2});
       }},
  };
  auto found = ops.find(op);
  return found == ops.end() ? wf::Tensor() : found->second();
}

void CheckMore(const Struct& entry, Tally* exact, Tally* normal) {
  const auto& fields = entry.fields();
  const std::string& op = fields.at("op").string_value();
  SCOPED_TRACE(op);
  wf::Graph graph;
  wf::GraphScope scope(graph);
  const wf::Tensor t = MakeNamed(op);
  ASSERT_TRUE(t.valid()) << "no such op in this test";
  EXPECT_EQ(wf::DTypeName(t.dtype()), fields.at("dtype").string_value());
  for (const Value& seeds : fields.at("seed_attrs").list_value().values()) {
    const auto& three = seeds.list_value();
    const wf::Operation source = SourceOf(three.values(0).string_value());
    ASSERT_TRUE(source.valid());
    EXPECT_EQ(*source.attr("seed").Get<int64_t>(), NumberOf(three.values(1)));
    EXPECT_EQ(*source.attr("seed2").Get<int64_t>(), NumberOf(three.values(2)));
  }
  const wf::Array got = wf::Session().Run(t);
  const ListValue& want = fields.at("first_run").list_value();
  ASSERT_EQ(got.num_elements(), want.values_size());
  if (op.starts_with("orthogonal")) {  // a factorisation rounds in its own order
    for (int i = 0; i < want.values_size(); ++i)
      EXPECT_NEAR(got.AsDouble(i), NumberOf(want.values(i)), 3e-7);
    return;
  }
  const bool rounds = op.find("normal") != std::string::npos ||
                      op.find("variance") != std::string::npos || op.starts_with("random_gamma");
  ExpectValues(got, want, 0, rounds, rounds ? normal : exact);
}

// All seeds, shapes and kinds of the reference file beside the project.
TEST(RandomValues, Reference) {
  const std::filesystem::path path = "../shared/interop/programs/e_random_values.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  std::ifstream file(path);
  const std::string json(std::istreambuf_iterator<char>(file), {});
  Struct reference;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &reference).ok());
  const ListValue& entries = reference.fields().at("entries").list_value();
  ASSERT_GT(entries.values_size(), 200);
  Tally exact, normal;
  for (const Value& entry : entries.values()) Check(entry.struct_value(), &exact, &normal);
  const ListValue& more = reference.fields().at("more").list_value();
  EXPECT_GT(more.values_size(), 20);
  for (const Value& entry : more.values()) CheckMore(entry.struct_value(), &exact, &normal);
  std::cout << entries.values_size() + more.values_size() << " entries: " << exact.numbers
            << " uniform numbers, integers and choices, " << exact.differing << " of them off; "
            << normal.numbers << " normal numbers, " << normal.differing << " of them off by up to "
            << normal.greatest << " ulp\n";
}

void ExpectHex(const wf::Tensor& t, const std::vector<const char*>& want, int64_t ulps) {
  wf::Session session(t.graph());
  const wf::Array got = session.Run(t);
  ASSERT_GE(got.num_elements(), static_cast<int64_t>(want.size()));
  for (size_t i = 0; i < want.size(); ++i) {
    const auto value = static_cast<float>(got.AsDouble(static_cast<int64_t>(i)));
    EXPECT_LE(UlpsBetween(value, std::strtof(want[i], nullptr)), ulps)
        << "element " << i << " is " << value << ", not " << want[i];
  }
}

TEST(RandomValues, Initializers) {
  wf::Graph graph;
  wf::GraphScope scope(graph);
  const auto make = [](const wf::Initializer& f, const wf::Shape& shape) {
    return f(shape, wf::kFloat32);
  };
  const wf::Shape shape({2, 3});
  ExpectHex(make(wf::GlorotUniformInitializer({.seed = 1}), shape),
            {"-0x1.24bb2ap-1", "0x1.d793c8p-1", "-0x1.f834d0p-1", "-0x1.318200p-7", "0x1.785e0cp-1",
             "-0x1.09966ap+0"},
            0);
  ExpectHex(make(wf::RandomUniformInitializer(-1, 1, {.seed = 1}), shape),
            {"-0x1.0b39c8p-1", "0x1.ae7d38p-1", "-0x1.cc4678p-1", "-0x1.16e400p-7", "0x1.579328p-1",
             "-0x1.e4e4f0p-1"},
            0);
  ExpectHex(make(wf::GlorotNormalInitializer({.seed = 1}), shape),
            {"-0x1.2aabd2p-1", "0x1.114362p+0", "0x1.80cbc6p-5", "0x1.244a86p-4", "0x1.d6fbfcp-2",
             "0x1.288170p+0"},
            2);
  ExpectHex(make(wf::TruncatedNormalInitializer(0, 0.1, {.seed = 1}), shape),
            {"-0x1.4c50e2p-4", "0x1.300bbcp-3", "0x1.ac2480p-8", "0x1.453798p-7", "0x1.06051ap-4",
             "0x1.49e80cp-3"},
            2);
  ExpectHex(make(wf::VarianceScalingInitializer({.seed = 1}), wf::Shape({3, 3, 2, 4})),
            {"-0x1.bd3b90p-3", "0x1.975b52p-2", "0x1.1ecf5cp-6", "0x1.b3b8c8p-6"}, 2);
  ExpectHex(make(wf::VarianceScalingInitializer({.scale = 2, .seed = 1}), wf::Shape({4, 4})),
            {"-0x1.4decaep-1", "0x1.31847ep+0", "0x1.ae370ap-5", "0x1.46ca98p-4"}, 2);
}

TEST(RandomValues, Dropout) {
  wf::Graph graph;
  wf::GraphScope scope(graph);
  const wf::Tensor y = wf::nn::Dropout(wf::Ones({12}, wf::kFloat32), 0.5f, {.seed = 1});
  EXPECT_EQ(wf::Session().Run(y).ToString(), "[0. 2. 0. 0. 2. 0. 0. 0. 2. 2. 2. 0.]");
}

}  // namespace
