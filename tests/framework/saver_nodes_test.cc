// SPDX-License-Identifier: Apache-2.0
// The nodes of Savers, one by one as TensorFlow makes them.
#include <gtest/gtest.h>

#include "tests/support/graph_golden.h"
#include "weft/framework/partitioned_variable.h"
#include "weft/framework/saver.h"
#include "weft/weft.h"

namespace weft {
namespace {

void ExpectSaver(const std::string& section, const std::function<void()>& build,
                 std::source_location where = std::source_location::current()) {
  GoldenGraphs("tests/framework/data/saver.golden").Expect(section, build, where);
}

Variable Get(const char* name, const Shape& shape, bool use_resource = false) {
  return GetVariable(name, shape,
                     {.initializer = ZerosInitializer(), .use_resource = use_resource});
}

TEST(SaverNodes, ReferenceVariables) {
  ExpectSaver("reference_variables", [] {
    Get("w", {2, 3});
    Get("b", {3});
    train::Saver();
    train::Saver({.name = "backup", .filename = "best"});
  });
}

TEST(SaverNodes, ResourceVariables) {
  ExpectSaver("resource_variables", [] {
    Get("w", {2, 3}, true);
    {
      DeviceScope device("/device:CPU:0");
      Get("b", {3}, true);
    }
    train::Saver();
  });
}

TEST(SaverNodes, InShards) {
  ExpectSaver("in_shards", [] {
    {
      DeviceScope device("/device:CPU:1");
      Get("w", {2, 3});
      Get("v", {2});
    }
    {
      DeviceScope device("/device:CPU:0");
      Get("b", {3}, true);
    }
    Get("anywhere", {1});
    train::Saver({.sharded = true});
  });
}

TEST(SaverNodes, InParts) {
  ExpectSaver("in_parts", [] {
    GetVariable("p/w", {4, 3},
                {.initializer = ZerosInitializer(), .partitioner = FixedSizePartitioner(2)});
    GetVariable("r", {3, 4},
                {.initializer = ZerosInitializer(),
                 .use_resource = true,
                 .partitioner = FixedSizePartitioner(2, 1)});
    Get("b", {3});
    train::Saver();
  });
}

TEST(SaverNodes, Reshaped) {
  ExpectSaver("reshaped", [] {
    Get("w", {2, 3});
    Get("u", {2, 3}, true);
    Variable(Placeholder(kFloat32, PartialShape::Unknown(), "x"),
             {.name = "b", .validate_shape = false});
    train::Saver({.reshape = true, .restore_sequentially = true});
  });
}

TEST(SaverNodes, VersionOne) {
  ExpectSaver("version_1", [] {
    const Variable w = Get("w", {2, 3});
    train::Saver({{"x", w}}, {.write_version = train::CheckpointVersion::kV1});
  });
  ExpectSaver("version_1_in_shards", [] {
    {
      DeviceScope device("/device:CPU:0");
      Get("w", {2, 3});
    }
    {
      DeviceScope device("/device:CPU:1");
      Get("b", {3});
    }
    train::Saver({.sharded = true, .write_version = train::CheckpointVersion::kV1});
  });
}

TEST(SaverNodes, SomeVariables) {
  ExpectSaver("some_variables", [] {
    const Variable w = Get("w", {2, 3}), b = Get("b", {3});
    Get("c", {3});
    {
      NameScope model("model");
      train::Saver({w, b});
    }
    train::Saver({{"new/w", w}, {"a", b}});
  });
}

}  // namespace
}  // namespace weft
