// SPDX-License-Identifier: Apache-2.0
// Graph files whose large constants go straight to arrays: the same graph as by parsing, and
// damaged files.
#include "src/graph/graph_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "src/core/status.h"
#include "src/graph/proto_convert.h"
#include "tests/support/temporary_folder.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_unary.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

using testing::HasSubstr;

Array Numbers(int64_t n) {
  std::vector<float> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 0.5f);
  return Array::FromVector(values);
}

GraphDef SomeGraph() {
  const Graph graph;
  const GraphScope scope(graph);
  const Tensor large = Constant(Numbers(5000), "large");
  const Tensor small = Constant(Numbers(10), "small");
  Constant(Array(kInt64, Shape({0, 3})), "none");
  std::vector<std::string> words(2000, "word");
  Constant(Array::FromVector(words), "words");
  Identity(large, "y");
  Identity(small, "z");
  GraphDef def = graph.AsGraphDef();
  // Large, but no number: stays in the message.
  (*def.mutable_proto().mutable_node(0)->mutable_attr())["_note"].set_s(std::string(9000, 'n'));
  return def;
}

void Write(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(GraphFile, IsTheGraphThatParsingGives) {
  const test::TemporaryFolder folder;
  const std::string path = folder.File("graph.pb");
  const GraphDef def = SomeGraph();
  def.WriteFile(path);
  const GraphFile file = ValueOrThrow(ReadGraphFile(path));
  ASSERT_EQ(file.values.size(), 1u);
  EXPECT_EQ(file.values.at("large"), Numbers(5000));
  EXPECT_LT(SerializeProto(file.def).size(), def.Serialize().size() - 5000 * sizeof(float));

  const Graph graph;
  const auto imported = ImportWithValues(file.def, file.values, {.prefix = ""}, graph.impl());
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(graph.AsGraphDef().Serialize(), def.Serialize());
}

TEST(GraphFile, KernelsReadWhatWasRead) {
  const test::TemporaryFolder folder;
  const std::string path = folder.File("graph.pb");
  SomeGraph().WriteFile(path);
  const GraphFile file = ValueOrThrow(ReadGraphFile(path));
  const void* memory = file.values.at("large").raw_data();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % kAllocatorAlignment, 0u);
  const Graph graph;
  ASSERT_TRUE(ImportWithValues(file.def, file.values, {.prefix = ""}, graph.impl()).ok());
  Session session(graph);
  EXPECT_EQ(session.Run("y:0").raw_data(), memory);
}

TEST(GraphFile, ContentOfAnotherSizeThanTheShape) {
  const test::TemporaryFolder folder;
  GraphDef def = SomeGraph();
  auto& tensor = *(*def.mutable_proto().mutable_node(0)->mutable_attr())["value"].mutable_tensor();
  ASSERT_EQ(def.proto().node(0).name(), "large");
  tensor.mutable_tensor_shape()->mutable_dim(0)->set_size(5001);
  def.WriteFile(folder.File("graph.pb"));
  const auto file = ReadGraphFile(folder.File("graph.pb"));
  EXPECT_TRUE(absl::IsInvalidArgument(file.status())) << file.status();
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("20000 bytes instead of 20004"));
  tensor.mutable_tensor_shape()->mutable_dim(0)->set_size(int64_t{1} << 61);
  def.WriteFile(folder.File("graph.pb"));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadGraphFile(folder.File("graph.pb")).status()));
}

TEST(GraphFile, DamagedFiles) {
  const test::TemporaryFolder folder;
  const std::string path = folder.File("graph.pb");
  const std::string bytes = SomeGraph().Serialize();
  EXPECT_TRUE(absl::IsNotFound(ReadGraphFile(path).status()));
  Write(path, "no graph at all, but some text");
  EXPECT_TRUE(absl::IsDataLoss(ReadGraphFile(path).status()));
  // Cut anywhere, a file is refused or, between two fields, a smaller graph.
  int refused = 0;
  for (size_t size = 1; size < bytes.size(); size += 61) {
    Write(path, std::string_view(bytes).substr(0, size));
    refused += !ReadGraphFile(path).ok();
  }
  EXPECT_GT(refused, static_cast<int>(bytes.size() / 61) - 20);
  // Any byte of what is not content may be wrong.
  std::string changed = bytes;
  for (size_t i = 0; i < bytes.size(); i += i < 200 ? 1 : 97) {
    changed[i] = static_cast<char>(changed[i] ^ 0x5b);
    Write(path, changed);
    const auto file = ReadGraphFile(path);
    if (file.ok()) {
      const Graph graph;
      (void)ImportWithValues(file->def, file->values, {.prefix = ""}, graph.impl());
    }
    changed[i] = bytes[i];
  }
}

}  // namespace
}  // namespace weft
