// SPDX-License-Identifier: Apache-2.0
// Broken, lying and oversized graph files: each must end in a typed error (or be legal), soon and
// in little memory.
#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "src/core/strings.h"
#include "weft/core/error.h"
#include "weft/graph/graph.h"

namespace weft {
namespace {

std::string ReadBytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

// "" if the bytes can be imported, else the error. Anything but a weft::Error fails the test.
std::string ImportBytes(const std::string& bytes) {
  Graph graph;
  try {
    ImportGraphDef(GraphDef::Parse(bytes), {.prefix = ""}, graph);
  } catch (const Error& e) {
    EXPECT_TRUE(graph.operations().empty()) << "the graph is not as it was after: " << e.what();
    EXPECT_STRNE(e.what(), "");
    return e.what();
  }
  return "";
}

const char kGraph[] = R"(
  node { name: 'c' op: 'Const' attr { key: 'dtype' value { type: DT_FLOAT } }
         attr { key: 'value' value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } dim { size: 2 } } tensor_content: '0123456789abcdef' } } } }
  node { name: 'y' op: 'MatMul' input: 'c' input: 'c' attr { key: 'T' value { type: DT_FLOAT } } }
  node { name: 'z' op: 'Reshape' input: 'y' input: 's' attr { key: 'T' value { type: DT_FLOAT } } attr { key: 'Tshape' value { type: DT_INT32 } } }
  node { name: 's' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } }
         attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 1 } } int_val: 4 } } } }
  node { name: 'enter' op: 'Enter' input: 'c' attr { key: 'T' value { type: DT_FLOAT } } attr { key: 'frame_name' value { s: 'f' } } }
  node { name: 'merge' op: 'Merge' input: 'enter' input: 'next' attr { key: 'T' value { type: DT_FLOAT } } attr { key: 'N' value { i: 2 } } }
  node { name: 'next' op: 'NextIteration' input: 'merge' attr { key: 'T' value { type: DT_FLOAT } } }
  library { function { signature { name: 'f' input_arg { name: 'x' type: DT_FLOAT } } } }
  versions { producer: 1645 })";

TEST(HostileGraphTest, EveryTruncation) {
  const std::string bytes = GraphDef::ParseText(kGraph).Serialize();
  ASSERT_EQ(ImportBytes(bytes), "");
  for (size_t n = 0; n < bytes.size(); ++n) ImportBytes(bytes.substr(0, n));
}

TEST(HostileGraphTest, EveryByteChanged) {
  const std::string bytes = GraphDef::ParseText(kGraph).Serialize();
  std::mt19937 random(7);
  int refused = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : {1, 0x80, 0xff, static_cast<int>(random() % 255 + 1)}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      refused += !ImportBytes(changed).empty();
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(HostileGraphTest, RandomBytes) {
  std::mt19937 random(11);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    ImportBytes(bytes);
  }
}

// The collection of hostile files, where it lies beside the project. Those that only fail when they
// run are tests of the session.
TEST(HostileGraphTest, SharedFiles) {
  const std::filesystem::path root = "../shared/interop/hostile/graphs";
  if (!std::filesystem::is_directory(root)) GTEST_SKIP() << "no " << root;
  const std::set<std::string> must_import = {"deep_chain"};
  const std::set<std::string> must_fail = {"attr_list_N_huge",
                                           "attr_list_N_negative",
                                           "attr_missing",
                                           "attr_strides_empty",
                                           "attr_wrong_kind",
                                           "colocate_missing",
                                           "const_bool_bytes",
                                           "const_content_long",
                                           "const_content_short",
                                           "const_dims_overflow",
                                           "const_dims_overflow_empty",
                                           "const_dtype_disagrees",
                                           "const_dtype_invalid",
                                           "const_dtype_unknown",
                                           "const_fill_huge",
                                           "const_negative_pair",
                                           "const_rank_300",
                                           "const_resource",
                                           "const_string_giant_length",
                                           "const_string_too_few",
                                           "const_zero_and_huge",
                                           "cycle_merge",
                                           "cycle_self",
                                           "function_duplicate",
                                           "function_named_like_op",
                                           "input_control_first",
                                           "input_port_garbage",
                                           "input_port_range",
                                           "input_type_mismatch",
                                           "input_unknown",
                                           "inputs_too_few",
                                           "name_bad_chars",
                                           "proto_attr_nested",
                                           "proto_groups_closed",
                                           "proto_groups_open",
                                           "proto_length_past_end",
                                           "proto_not_utf8",
                                           "proto_varint_overlong",
                                           "version_negative",
                                           "version_too_new"};
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (entry.path().extension() != ".pb") continue;
    ++files;
    const std::string name = entry.path().stem().string();
    SCOPED_TRACE(name);
    const auto start = std::chrono::steady_clock::now();
    const std::string error = ImportBytes(ReadBytes(entry.path()));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
    if (must_import.contains(name)) {
      EXPECT_EQ(error, "");
    }
    if (must_fail.contains(name)) {
      EXPECT_NE(error, "") << "was imported";
    }
  }
  EXPECT_GE(files, 50);
}

TEST(HostileGraphTest, SharedTexts) {
  const std::filesystem::path root = "../shared/interop/hostile/meta_graphs";
  if (!std::filesystem::is_directory(root)) GTEST_SKIP() << "no " << root;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    // Texts of MetaGraphDefs: none of them is one of a GraphDef, and none may crash the parser.
    try {
      GraphDef::ParseText(ReadBytes(entry.path()));
    } catch (const InvalidArgumentError&) {
    }
  }
}

}  // namespace
}  // namespace weft
