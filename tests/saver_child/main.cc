// SPDX-License-Identifier: Apache-2.0
// Saves until it is killed, or until the disk is full: what is left is for a test to look at.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include "tests/saver_child/saves.h"

namespace weft::train {
namespace {

// Tells of each save; goes on from what is there.
int SaveForEver(const std::string& folder, bool sharded) {
  Graph graph;
  const GraphScope scope(graph);
  const Model model;
  const Saver saver({.sharded = sharded, .max_to_keep = 3});
  Session session(graph, kOneThread);
  session.Run(model.initialize);
  if (const auto state = GetCheckpointState(folder)) {
    saver.RecoverLastCheckpoints(state->all_model_checkpoint_paths);
    saver.Restore(session, LatestCheckpoint(folder));
  }
  while (true) {
    session.Run(model.next);
    if (write(STDOUT_FILENO, &kSaveBegins, 1) != 1) return 1;
    saver.Save(session, io::JoinPath(folder, "m"), model.step);
  }
}

// Takes all that the disk has left but some pages.
bool Fill(const std::string& filler, uint64_t pages_left) {
  (void)io::DeleteFile(filler);
  {
    auto file = io::WritableFile::Create(filler);
    if (!file.ok()) return false;
    while ((*file)->Append(std::string(4096, 'x')).ok() && (*file)->Flush().ok()) {
    }
  }
  const auto info = io::GetFileInfo(filler);
  if (!info.ok()) return false;
  std::filesystem::resize_file(filler, info->size - std::min(info->size, 4096 * pages_left));
  return true;
}

// Saves with less and less of the disk left: the error comes at each place of a save.
int FillDisk(const std::string& folder) {
  Graph graph;
  const GraphScope scope(graph);
  const Model model;
  const Saver saver({.max_to_keep = 1});
  Session session(graph, kOneThread);
  session.Run(model.initialize);
  session.Run(model.next);
  const std::string prefix = io::JoinPath(folder, "m");
  saver.Save(session, prefix, model.step);
  int64_t saved = 1;
  int full = 0, good = 0, wrong = 0;
  const auto check = [&](uint64_t pages, bool right, const std::string& what) {
    if (right) return;
    std::fprintf(stderr, "with %d pages left: %s\n", static_cast<int>(pages), what.c_str());
    ++wrong;
  };
  for (uint64_t pages = 0; pages < 100; ++pages) {
    if (!Fill(io::JoinPath(folder, "filler"), pages)) return 1;
    session.Run(model.next);
    const int64_t step = session.Run(model.step).scalar<int64_t>();
    bool done = true;
    try {
      saver.Save(session, prefix, model.step);
    } catch (const ResourceExhaustedError& e) {
      done = false;
      const std::string_view text = e.what();
      check(pages, text.find("No space left on device") != text.npos, std::string(text));
    }
    (done ? good : full) += 1;
    const Newest newest = FindNewest(folder);
    check(pages, newest.problem.empty(), newest.problem);
    check(pages, newest.step == (done ? step : saved), StrCat("the newest is ", newest.step));
    saved = newest.step;
    // Files that were complete before the error remain; here they would fill the disk for good.
    if (!done) RemoveCheckpoint(StrCat(prefix, "-", step));
    for (const std::string& name : TemporariesIn(folder)) check(pages, false, name);
  }
  std::fprintf(stderr, "%d saves found the disk full, %d did not\n", full, good);
  return wrong == 0 && full > 10 && good > 10 ? 0 : 1;
}

}  // namespace
}  // namespace weft::train

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: saver_child save|save_shards|fill_disk FOLDER\n");
    return 2;
  }
  const std::string_view mode = argv[1];
  try {
    if (mode == weft::train::kFillDisk) return weft::train::FillDisk(argv[2]);
    return weft::train::SaveForEver(argv[2], mode == weft::train::kSaveShardsForEver);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
