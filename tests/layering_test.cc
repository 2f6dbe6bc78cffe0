// SPDX-License-Identifier: Apache-2.0
//
// Holds the order of the layers, the size of the public include and the size of the build files, by
// reading the source tree. Run anywhere at or below the project's root folder.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// In order: a layer may include itself and the layers before it. The public headers of a layer,
// include/weft/<layer>/, and its inner ones, src/<layer>/, are one layer here.
constexpr std::array<std::string_view, 13> kLayers = {
    "proto",   "core",      "io", "graph", "ops",       "raw",    "gradients",
    "runtime", "framework", "nn", "data",  "estimator", "serving"};

// Kernels come after these, and are included by no layer.
constexpr std::array<std::string_view, 5> kSeenByKernels = {"proto", "core", "io", "graph",
                                                            "runtime"};

// Of the runtime, kernels see its kernel interface: the headers whose name begins so.
constexpr std::array<std::string_view, 8> kKernelInterface = {
    "kernel", "resource",   "device",   "allocator",
    "stream", "rendezvous", "function", "cancellation"};

// Headers of packages that a program using Weft need not have.
constexpr std::array<std::string_view, 19> kPrivatePackages = {"google/protobuf/",
                                                               "Eigen/",
                                                               "unsupported/Eigen/",
                                                               "dnnl",
                                                               "oneapi/dnnl/",
                                                               "cuda",
                                                               "cublas",
                                                               "cudnn",
                                                               "nccl",
                                                               "hwy/",
                                                               "cblas",
                                                               "openblas",
                                                               "leveldb/",
                                                               "snappy",
                                                               "re2/",
                                                               "png",
                                                               "jpeglib",
                                                               "mpi.h",
                                                               "zlib.h"};

struct SourceFile {
  std::vector<std::string> includes;
  int lines = 0;
};
using SourceTree = std::map<std::string, SourceFile>;  // by path from the root, with '/'

template <typename Prefixes>
bool StartsWithAny(std::string_view text, const Prefixes& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return text.starts_with(prefix); });
}

fs::path Root() {
  for (fs::path dir = fs::current_path(); !dir.empty(); dir = dir.parent_path()) {
    if (fs::exists(dir / "include" / "weft") && fs::exists(dir / "CMakePresets.json")) return dir;
    if (dir == dir.root_path()) break;
  }
  return {};
}

// Drops `prefix` and the blanks after it from the front of `text`, if it stands there.
bool Consume(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return true;
}

// The path that an #include line names, or "".
std::string_view IncludedPath(std::string_view line) {
  Consume(line, "");  // the indentation
  if (!Consume(line, "#") || !Consume(line, "include") || line.empty()) return "";
  const char close = line[0] == '"' ? '"' : '>';
  if (line[0] != '"' && line[0] != '<') return "";
  const size_t end = line.find(close, 1);
  return end == std::string_view::npos ? "" : line.substr(1, end - 1);
}

SourceFile Parse(std::istream& in) {
  SourceFile file;
  for (std::string line; std::getline(in, line); ++file.lines) {
    const std::string_view path = IncludedPath(line);
    if (!path.empty()) file.includes.emplace_back(path);
  }
  return file;
}

SourceTree ReadTree(const fs::path& root) {
  static const std::set<std::string> kExtensions = {".h", ".cc", ".cu", ".cuh", ".inc"};
  SourceTree tree;
  for (const char* top : {"include", "src", "kernels"}) {
    if (!fs::exists(root / top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      if (!entry.is_regular_file() || !kExtensions.contains(entry.path().extension())) continue;
      std::ifstream in(entry.path());
      tree[fs::relative(entry.path(), root).generic_string()] = Parse(in);
    }
  }
  return tree;
}

// "src/core/x.cc" and "include/weft/core/x.h" are of core, "kernels/cpu/x.cc" of kernels/cpu,
// "weft/weft.h" of "" (the whole library). Nothing for what is not of this project.
std::optional<std::string> LayerOf(std::string path) {
  if (path.ends_with(".pb.h") || path.starts_with("proto/")) return "proto";
  if (path.starts_with("include/")) path = path.substr(sizeof("include/") - 1);
  for (const std::string& top : {std::string("weft/"), std::string("src/")}) {
    if (!path.starts_with(top)) continue;
    const size_t slash = path.find('/', top.size());
    return slash == std::string::npos ? "" : path.substr(top.size(), slash - top.size());
  }
  if (path.starts_with("kernels/")) return path.substr(0, path.find('/', sizeof("kernels/") - 1));
  return std::nullopt;
}

std::string_view FileName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Why `from` may not include `to`; empty if it may.
std::string Objection(const std::string& from, const std::string& to) {
  const std::optional<std::string> target = LayerOf(to);
  if (to.starts_with("../") || to.starts_with("./")) return "paths start at the project's root";
  if (!target) return "";
  const std::string layer = LayerOf(from).value_or("");
  if (from == "include/weft/weft.h") {
    return to.starts_with("weft/") && *target != "proto" ? "" : "weft.h includes public headers";
  }
  if (target->empty()) return "weft.h is for users of the library alone";

  const bool to_kernels = target->starts_with("kernels/");
  if (layer.starts_with("kernels/")) {
    if (to_kernels) {
      const bool near = *target == layer || *target == "kernels/common";
      return near ? "" : "kernels of one device do not use those of another";
    }
    if (std::find(kSeenByKernels.begin(), kSeenByKernels.end(), *target) == kSeenByKernels.end()) {
      return "kernels see core, io, graph and the runtime's kernel interface";
    }
    if (*target == "runtime" && !StartsWithAny(FileName(to), kKernelInterface)) {
      return "of the runtime, kernels see the kernel interface";
    }
    return "";
  }

  if (to_kernels) return "nothing outside kernels/ includes kernels/";
  const auto own = std::find(kLayers.begin(), kLayers.end(), layer);
  const auto other = std::find(kLayers.begin(), kLayers.end(), *target);
  if (own == kLayers.end()) return "'" + layer + "' is not a layer";
  if (other == kLayers.end()) return "'" + *target + "' is not a layer";
  if (other > own) return *target + " comes after " + layer;
  if (layer == "runtime" && (*target == "ops" || *target == "gradients")) {
    return "the runtime sees ops by name, through the registries";
  }
  if (from.starts_with("include/") && !to.starts_with("weft/")) {
    return "a public header includes public headers only";
  }
  return "";
}

std::vector<std::string> Objections(const SourceTree& tree) {
  std::vector<std::string> found;
  for (const auto& [path, file] : tree) {
    for (const std::string& include : file.includes) {
      const std::string why = Objection(path, include);
      if (!why.empty()) found.push_back(path + " includes " + include + ": " + why);
    }
  }
  return found;
}

struct Reach {
  std::set<std::string> headers;      // of this project, the first one too
  std::vector<std::string> problems;  // private packages, headers that do not exist
  int lines = 0;
};

// What a program reads of this project, and through it, when it includes the public header `first`.
Reach ReachOf(const SourceTree& tree, const std::string& first) {
  Reach reach;
  std::vector<std::string> todo = {first};
  while (!todo.empty()) {
    const std::string path = todo.back();
    todo.pop_back();
    if (!reach.headers.insert(path).second) continue;
    const auto file = tree.find(path);
    if (file == tree.end()) {
      reach.problems.push_back(path + " does not exist");
      continue;
    }
    reach.lines += file->second.lines;
    for (const std::string& include : file->second.includes) {
      if (include.ends_with(".pb.h") || StartsWithAny(include, kPrivatePackages)) {
        reach.problems.push_back(path + " includes " + include);
      } else if (include.starts_with("weft/")) {
        todo.push_back("include/" + include);
      }
    }
  }
  return reach;
}

std::string Lines(const std::set<std::string>& names) {
  std::ostringstream out;
  for (const std::string& name : names) out << "  " << name << "\n";
  return out.str();
}

class SourceTreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(root_.empty()) << "no project at or above " << fs::current_path();
    tree_ = ReadTree(root_);
    ASSERT_GT(tree_.size(), 10u) << root_;
  }

  fs::path root_ = Root();
  SourceTree tree_;
};

TEST_F(SourceTreeTest, LayersIncludeOnlyEarlierOnes) { EXPECT_THAT(Objections(tree_), IsEmpty()); }

TEST_F(SourceTreeTest, PublicHeadersReachNoPrivatePackage) {
  std::set<std::string> problems;
  for (const auto& [path, file] : tree_) {
    if (!path.starts_with("include/")) continue;
    const Reach reach = ReachOf(tree_, path);
    problems.insert(reach.problems.begin(), reach.problems.end());
  }
  EXPECT_THAT(problems, IsEmpty());
}

TEST_F(SourceTreeTest, TheWholeLibraryIsALightInclude) {
  ASSERT_TRUE(tree_.contains("include/weft/weft.h"));
  const Reach reach = ReachOf(tree_, "include/weft/weft.h");
  EXPECT_LE(reach.headers.size(), 44u) << Lines(reach.headers);
  EXPECT_LE(reach.lines, 6000) << Lines(reach.headers);
}

TEST_F(SourceTreeTest, BuildFilesAreShort) {
  int files = 0;
  for (auto it = fs::recursive_directory_iterator(root_); it != fs::recursive_directory_iterator();
       ++it) {
    const std::string name = it->path().filename().string();
    if (it->is_directory() && (name == "build" || name == "third_party" || name.starts_with("."))) {
      it.disable_recursion_pending();
    }
    if (name != "CMakeLists.txt" && it->path().extension() != ".cmake") continue;
    std::ifstream in(it->path());
    const int limit = it->path() == root_ / "CMakeLists.txt" ? 60 : 40;
    EXPECT_LE(Parse(in).lines, limit) << it->path();
    ++files;
  }
  EXPECT_GT(files, 10);
}

TEST(Objection, HoldsTheOrder) {
  EXPECT_EQ(Objection("src/graph/graph.cc", "weft/core/shape.h"), "");
  EXPECT_EQ(Objection("src/graph/graph.cc", "src/graph/names.h"), "");
  EXPECT_EQ(Objection("src/graph/graph.cc", "proto/weft/graph.pb.h"), "");
  EXPECT_EQ(Objection("src/graph/graph.cc", "absl/status/status.h"), "");
  EXPECT_THAT(Objection("src/core/shape.cc", "weft/graph/graph.h"), HasSubstr("comes after core"));
  EXPECT_THAT(Objection("include/weft/io/file.h", "src/io/posix.h"), HasSubstr("public headers"));
  EXPECT_THAT(Objection("src/graph/graph.cc", "../core/shape.h"), HasSubstr("root"));
  EXPECT_THAT(Objection("src/nn/rnn.cc", "weft/weft.h"), HasSubstr("users"));
  EXPECT_THAT(Objection("src/misc/a.cc", "weft/core/shape.h"), HasSubstr("not a layer"));
  EXPECT_THAT(Objection("include/weft/weft.h", "src/core/pool.h"), HasSubstr("public headers"));
}

TEST(Objection, KeepsKernelsApart) {
  EXPECT_EQ(Objection("kernels/cpu/math.cc", "kernels/common/broadcast.h"), "");
  EXPECT_EQ(Objection("kernels/cpu/math.cc", "weft/runtime/kernel.h"), "");
  EXPECT_NE(Objection("kernels/cpu/math.cc", "weft/runtime/session.h"), "");
  EXPECT_NE(Objection("kernels/cpu/math.cc", "kernels/cuda/launch.h"), "");
  EXPECT_NE(Objection("kernels/common/window.h", "kernels/cpu/math.h"), "");
  EXPECT_NE(Objection("kernels/cpu/math.cc", "src/ops/register.h"), "");
  EXPECT_NE(Objection("src/runtime/session.cc", "kernels/cpu/register.h"), "");
  EXPECT_NE(Objection("src/runtime/session.cc", "src/ops/register.h"), "");
}

TEST(Parse, ReadsIncludeLines) {
  std::istringstream in(
      "// #include \"a.h\"\n#include <b.h>\n  # include \"c/d.h\"  // why\nint x;\n");
  const SourceFile file = Parse(in);
  EXPECT_THAT(file.includes, ::testing::ElementsAre("b.h", "c/d.h"));
  EXPECT_EQ(file.lines, 4);
}

TEST(ReachOf, FollowsProjectHeaders) {
  const SourceTree tree = {{"include/weft/a.h", {{"weft/b.h", "vector"}, 3}},
                           {"include/weft/b.h", {{"weft/a.h", "Eigen/Core", "weft/none.h"}, 4}}};
  const Reach reach = ReachOf(tree, "include/weft/a.h");
  EXPECT_EQ(reach.lines, 7);
  EXPECT_THAT(reach.problems,
              ::testing::UnorderedElementsAre("include/weft/b.h includes Eigen/Core",
                                              "include/weft/none.h does not exist"));
}

}  // namespace
