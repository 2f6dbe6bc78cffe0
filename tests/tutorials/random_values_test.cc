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

// How many floats lie between the two.
int64_t UlpsBetween(float a, float b) {
  const auto ordered = [](float x) {
    int32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return static_cast<int64_t>(bits < 0 ? INT32_MIN - bits : bits);
  };
  return std::abs(ordered(a) - ordered(b));
}

// `from`: the first element of `got` that `want` tells.
void ExpectValues(const wf::Array& got, const ListValue& want, int64_t from, int64_t ulps) {
  ASSERT_LE(from + want.values_size(), got.num_elements());
  for (int i = 0; i < want.values_size(); ++i) {
    const double value = got.AsDouble(from + i), wanted = NumberOf(want.values(i));
    if (ulps == 0)
      ASSERT_EQ(value, wanted) << "element " << from + i;
    else
      ASSERT_LE(UlpsBetween(static_cast<float>(value), static_cast<float>(wanted)), ulps)
          << "element " << from + i << ": " << value << ", not " << wanted;
  }
}

void ExpectRun(const wf::Array& got, const Value& want, int64_t ulps) {
  if (want.has_list_value()) {
    ASSERT_EQ(want.list_value().values_size(), got.num_elements());
    ExpectValues(got, want.list_value(), 0, ulps);
    return;
  }
  const auto& parts = want.struct_value().fields();
  const ListValue& tail = parts.at("tail").list_value();
  ExpectValues(got, parts.at("head").list_value(), 0, ulps);
  ExpectValues(got, tail, got.num_elements() - tail.values_size(), ulps);
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

void Check(const Struct& entry) {
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
  const int64_t ulps = op.find("normal") == std::string::npos ? 0 : 2;
  wf::Session session;
  ExpectRun(session.Run(t), fields.at("first_run"), ulps);
  if (fields.contains("second_run")) ExpectRun(session.Run(t), fields.at("second_run"), ulps);
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
  for (const Value& entry : entries.values()) Check(entry.struct_value());
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
