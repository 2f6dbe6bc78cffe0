// SPDX-License-Identifier: Apache-2.0
// Files that hold graphs, with each byte damaged and cut at each length: loading and running what
// is left ends with a wf::Error or goes on, in bounded time and memory. (That a checkpoint's
// values are never wrong is tested in tests/io/bundle_test.cc.)
//
// Each damage costs an import, a session and a run, so of a file of more than kSamples bytes every
// n-th byte is taken, with a fixed n that spreads kSamples of them over the file. With
// WEFT_DAMAGE_ALL in the environment it is every byte, with more kinds of damage.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <fstream>
#include <functional>

#include "src/io/file.h"
#include "src/io/file_system.h"
#include "tests/support/temporary_folder.h"
#include "weft/framework/graph_util.h"
#include "weft/framework/meta_graph.h"
#include "weft/framework/saved_model.h"
#include "weft/weft.h"

#ifdef __SANITIZE_ADDRESS__
// A graph that asks for more memory than there is gets an error, as without the sanitizer.
extern "C" const char* __asan_default_options() {
  return "allocator_may_return_null=1:max_allocation_size_mb=4096";
}
#endif

namespace weft {
namespace {

constexpr size_t kSamples = 700;

// While it lives, this process can have a few more gigabytes of memory only: a damaged size is an
// error of the allocator then, and no test of the machine's patience. (The sanitizers reserve
// more than that for themselves and have a limit of their own.)
class MemoryLimit {
 public:
  MemoryLimit() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    getrlimit(RLIMIT_DATA, &before_);
    rlimit limit = before_;
    limit.rlim_cur = std::min<rlim_t>(before_.rlim_max, rlim_t{4} << 30);
    setrlimit(RLIMIT_DATA, &limit);
#endif
  }
  ~MemoryLimit() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    setrlimit(RLIMIT_DATA, &before_);
#endif
  }

 private:
  rlimit before_{};
};

const ConfigProto kConfig{.intra_op_parallelism_threads = 1, .operation_timeout_in_ms = 5000};

// True if `use` went through, false if it threw a wf::Error; whatever else comes out fails.
bool Survives(const std::function<void()>& use) {
  try {
    use();
    return true;
  } catch (const Error& e) {
    EXPECT_STRNE(e.what(), "");
    return false;
  }
}

// Calls use(bytes) for what each damage makes of `good`.
void ForEachDamage(const std::string& good, const std::function<void(const std::string&)>& use) {
  const MemoryLimit limit;
  ASSERT_TRUE(Survives([&] { use(good); }));
  const bool all = std::getenv("WEFT_DAMAGE_ALL") != nullptr;
  const size_t stride = all ? 1 : (good.size() + kSamples - 1) / kSamples;
  int refused = 0;
  for (size_t i = 0; i < good.size(); i += stride) {
    std::vector<int> flips = {1 << (i / stride % 8)};
    if (all) flips = {1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0xff};
    for (const int flip : flips) {
      SCOPED_TRACE("byte " + std::to_string(i) + " flipped by " + std::to_string(flip));
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      refused += !Survives([&] { use(bad); });
    }
  }
  EXPECT_GT(refused, 0);
  refused = 0;
  for (size_t n = 0; n < good.size(); n += stride) {
    SCOPED_TRACE("cut to " + std::to_string(n) + " bytes");
    refused += !Survives([&] { use(good.substr(0, n)); });
  }
  EXPECT_GT(refused, 0);
}

// y = relu(x w + b) with a variable of each form, and a constant.
class DamagedGraphs : public ::testing::Test {
 protected:
  DamagedGraphs() { session_.Run(GlobalVariablesInitializer()); }
  static Feeds Input() { return {{"x:0", Array({{1.f, 2.f}})}}; }
  static void RunImported(const Graph& graph) {
    Session session(graph, kConfig);
    session.Run("y:0", Input());
  }

  test::TemporaryFolder folder_;
  Graph graph_;
  GraphScope scope_{graph_};
  const Tensor x_ = Placeholder(kFloat32, {-1, 2}, "x");
  const Variable w_{{{1.f, -2.f}, {3.f, 4.f}}, {.name = "w"}};
  const Variable b_{{.5f, .25f}, {.name = "b", .use_resource = true}};
  const Tensor y_ =
      nn::Relu(Add(Multiply(MatMul(x_, w_), Constant({2.f, 3.f})), b_.AsTensor()), "y");
  Session session_{graph_, kConfig};
};

TEST_F(DamagedGraphs, MetaGraph) {
  const std::string prefix = train::Saver().Save(session_, folder_.File("m"));
  ForEachDamage(*ReadFile(prefix + ".meta"), [&](const std::string& bytes) {
    Graph graph;
    const GraphScope scope(graph);
    const auto saver = train::ImportMetaGraph(train::MetaGraphDef::Parse(bytes));
    Session session(graph, kConfig);
    // What Saver::Restore does, without its line on the terminal.
    if (saver) {
      session.Run(saver->AsSaverDef().restore_op_name,
                  {{saver->AsSaverDef().filename_tensor_name, Array(prefix)}});
    }
    session.Run("y:0", Input());
  });
}

TEST_F(DamagedGraphs, MetaGraphAsText) {
  const std::string text = train::ExportMetaGraph().ToText();
  ForEachDamage(text, [&](const std::string& bytes) {
    Graph graph;
    const GraphScope scope(graph);
    train::ImportMetaGraph(train::MetaGraphDef::ParseText(bytes));
    Session session(graph, kConfig);
    session.Run(GlobalVariablesInitializer());
    session.Run("y:0", Input());
  });
}

TEST_F(DamagedGraphs, FrozenGraph) {
  const GraphDef frozen =
      graph_util::ConvertVariablesToConstants(session_, graph_.AsGraphDef(), {"y"}, {.log = false});
  ForEachDamage(frozen.Serialize(), [&](const std::string& bytes) {
    Graph graph;
    ImportGraphDef(GraphDef::Parse(bytes), {.prefix = ""}, graph);
    RunImported(graph);
  });
}

// Each file of a SavedModel. What a damaged checkpoint restores is right or an error.
class DamagedSavedModel : public DamagedGraphs {
 protected:
  DamagedSavedModel() { saved_model::SimpleSave(session_, model_, {{"x", x_}}, {{"y", y_}}); }
  Array LoadAndRun() const {
    Graph graph;
    Session session(graph, kConfig);
    const auto model = saved_model::Load(session, {saved_model::kServing}, model_);
    const auto& signature = model.signatures.at(saved_model::kDefaultServingSignatureKey);
    return session.Run(signature.outputs.at("y").name,
                       {{signature.inputs.at("x").name, Array({{1.f, 2.f}})}});
  }
  void DamageFile(const std::string& name, const std::function<void()>& use) {
    const std::string path = model_ + "/" + name;
    ForEachDamage(*ReadFile(path), [&](const std::string& bytes) {
      std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
      use();
    });
  }
  const std::string model_ = folder_.File("model");
};

TEST_F(DamagedSavedModel, Graph) {
  DamageFile("saved_model.pb", [&] {
    try {
      LoadAndRun();
    } catch (const std::out_of_range&) {
      throw NotFoundError("the signature is gone");  // .at() of this test
    }
  });
}

TEST_F(DamagedSavedModel, Index) {
  const Array want = LoadAndRun();
  DamageFile("variables/variables.index", [&] { EXPECT_TRUE(LoadAndRun() == want); });
}

TEST_F(DamagedSavedModel, Data) {
  const Array want = LoadAndRun();
  DamageFile("variables/variables.data-00000-of-00001", [&] { EXPECT_TRUE(LoadAndRun() == want); });
}

// The text file that names the newest checkpoint: another name, none, or an error.
TEST_F(DamagedGraphs, StateFile) {
  train::Saver().Save(session_, folder_.File("m"));
  const std::string path = folder_.File("checkpoint");
  int good = 0;
  ForEachDamage(*ReadFile(path), [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    const std::string latest = train::LatestCheckpoint(folder_.path());
    if (latest.empty()) throw NotFoundError("no checkpoint");
    EXPECT_EQ(latest, folder_.File("m"));
    ++good;
  });
  EXPECT_GT(good, 1);
}

}  // namespace
}  // namespace weft
