// SPDX-License-Identifier: Apache-2.0
// checkpoint_save_500mb, checkpoint_restore_500mb: 100 float variables [1250, 1000], 500 MB, saved
// to and restored from one prefix without a meta graph. A save begins on a disk at rest and ends
// when the disk has the files.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench/weft_bench/config.h"
#include "bench/weft_bench/data.h"
#include "bench/weft_bench/measure.h"
#include "weft/framework/saver.h"
#include "weft/framework/variable.h"
#include "weft/graph/graph.h"
#include "weft/ops/array.h"

namespace weft::bench {
namespace {

constexpr int kSavedVariables = 100;
constexpr double kMegabytes = 500;

// A folder that is gone with all in it afterwards.
class Folder {
 public:
  Folder() {
    std::string pattern = (settings().tmp_dir.empty() ? std::filesystem::temp_directory_path()
                                                      : std::filesystem::path(settings().tmp_dir)) /
                          "weft_bench_XXXXXX";
    if (!mkdtemp(pattern.data())) throw std::runtime_error("no folder " + pattern);
    path_ = pattern;
  }
  ~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  std::string File(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Seconds of each save but the first. Programs save once in minutes: what others have left to
// write, and the blocks of the files that a save has replaced, are not of the next one's time.
std::vector<double> TimeSaves(const std::function<void()>& save) {
  std::vector<double> seconds;
  for (int r = 0; r <= settings().reps; ++r) {
    ::sync();
    std::this_thread::sleep_for(std::chrono::seconds(1));
    ::sync();
    const auto start = std::chrono::steady_clock::now();
    save();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    if (r > 0) seconds.push_back(time.count());
  }
  return seconds;
}

void EmitBandwidth(const char* workload, const std::vector<double>& seconds, double check) {
  Result result{workload, "bandwidth", "MB/s", true, {}, {check}};
  for (const double s : seconds) result.reps.push_back(kMegabytes / s);
  Emit(result);
}

}  // namespace

void RunCheckpoint() {
  const Folder folder;
  Graph graph;
  const GraphScope scope(graph);
  const Shape shape({1250, 1000});
  std::vector<Variable> variables;
  for (int i = 0; i < kSavedVariables; ++i) {
    variables.emplace_back(Zeros(shape),
                           VariableOptions{.name = "v" + std::to_string(i), .use_resource = true});
  }
  Session session(graph, BenchConfig());
  for (int i = 0; i < kSavedVariables; ++i) {
    variables[static_cast<size_t>(i)].Load(Uniform(static_cast<uint64_t>(8300 + i), shape, 0, 1),
                                           session);
  }
  const train::Saver saver(variables);
  const std::string prefix = folder.File("m");
  const int reps = settings().reps;
  settings().reps = std::min(reps, 3);
  const std::vector<double> saved =
      TimeSaves([&] { saver.Save(session, prefix, {}, {.write_meta_graph = false}); });
  EmitBandwidth("checkpoint_save_500mb", saved, kSavedVariables);
  const auto restored = Measure([&] { saver.Restore(session, prefix); }, 0);
  const Array last = session.Run(variables.back());
  if (!(last == Uniform(8300 + kSavedVariables - 1, shape, 0, 1)))
    throw std::runtime_error("restored other values");
  EmitBandwidth("checkpoint_restore_500mb", restored, last.AsDouble(1));
  settings().reps = reps;
}

}  // namespace weft::bench
