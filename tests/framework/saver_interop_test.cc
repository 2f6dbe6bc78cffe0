// SPDX-License-Identifier: Apache-2.0
// Checkpoints of all kinds of variables, each read back. With WEFT_KEEP_CHECKPOINTS set to a folder
// they remain there for tests/tensorflow/check_checkpoints.py, which reads them with TensorFlow.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "src/core/strings.h"
#include "tests/support/temporary_folder.h"
#include "weft/framework/partitioned_variable.h"
#include "weft/framework/saver.h"
#include "weft/weft.h"

namespace weft::train {
namespace {

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned char>(c));
    hex += two;
  }
  return hex;
}

std::string HexOf(const Array& a) {
  if (a.dtype() == kString) {
    return StrJoin(a.values<std::string>(), ",",
                   [](std::string* s, const std::string& text) { StrAppend(s, Hex(text)); });
  }
  return Hex({static_cast<const char*>(a.raw_data()), a.num_bytes()});
}

// Saves, reads all tensors back and lists them.
void SaveAndList(const std::string& name, const SaverOptions& options) {
  const test::TemporaryFolder temporary;
  const char* kept = std::getenv("WEFT_KEEP_CHECKPOINTS");
  const std::string prefix = (kept ? std::string(kept) : temporary.path()) + "/" + name;
  const ConfigProto config{.device_count = {{"CPU", 2}}};
  Session session(config);
  session.Run(GlobalVariablesInitializer());
  const Saver saver(options);
  ASSERT_EQ(saver.Save(session, prefix, {}, {.latest_filename = name + ".state"}), prefix);
  const CheckpointReader reader(prefix);
  std::ofstream listing(prefix + ".values");
  for (const auto& [key, dtype] : reader.GetVariableToDtypeMap()) {
    const Array value = reader.GetTensor(key);
    listing << key << "|" << DTypeName(dtype) << "|" << StrJoin(value.shape().dims(), ",") << "|"
            << HexOf(value) << "\n";
  }
  Session other(config);
  saver.Restore(other, prefix);
  for (const Variable& v : GlobalVariables()) {
    EXPECT_EQ(HexOf(session.Run(v)), HexOf(other.Run(v))) << v.name();
  }
}

void MakeVariables(bool use_resource) {
  int64_t i = 0;
  for (const DataType dtype : {kFloat32, kFloat64, kFloat16, kBfloat16, kInt8, kInt16, kInt32,
                               kInt64, kUint8, kUint16, kComplex64, kBool}) {
    Array value = Array::Zeros(dtype, Shape({2, 1, 3}));
    for (size_t b = 0; b < value.num_bytes(); ++b)
      static_cast<char*>(value.raw_data())[b] = static_cast<char>(dtype == kBool ? b % 2 : b + 3);
    DeviceScope device(++i % 2 == 0 ? "/device:CPU:0" : "/device:CPU:1");
    Variable(value, {.name = "of_" + DTypeName(dtype), .use_resource = use_resource});
  }
  Variable(Array({std::string("a"), std::string(), std::string("\0\xff", 2)}), {.name = "text"});
  Variable(Array(kFloat32, Shape({0, 3})), {.name = "empty"});
  GetVariable("parts", {5, 2},
              {.initializer = RandomUniformInitializer(0, 1, {.seed = 1}),
               .use_resource = use_resource,
               .partitioner = FixedSizePartitioner(3)});
}

TEST(SaverInterop, ReferenceVariables) {
  Graph graph;
  GraphScope scope(graph);
  MakeVariables(false);
  SaveAndList("reference", {});
}

TEST(SaverInterop, ResourceVariables) {
  Graph graph;
  GraphScope scope(graph);
  MakeVariables(true);
  SaveAndList("resource", {});
}

TEST(SaverInterop, Shards) {
  Graph graph;
  GraphScope scope(graph);
  MakeVariables(false);
  SaveAndList("shards", {.sharded = true});
}

TEST(SaverInterop, VersionOne) {
  Graph graph;
  GraphScope scope(graph);
  Variable({1.f, 2.f}, {.name = "w"});
  Variable({3, 4}, {.name = "i"});
  SaveAndList("v1", {.write_version = CheckpointVersion::kV1});
}

}  // namespace
}  // namespace weft::train
