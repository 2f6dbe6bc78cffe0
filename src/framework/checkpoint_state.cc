// SPDX-License-Identifier: Apache-2.0
// The "checkpoint" file of a folder, and the files of a checkpoint.
#include <filesystem>

#include "proto/weft/checkpoint_state.pb.h"
#include "src/core/log.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/saver_files.h"
#include "src/graph/proto_text.h"
#include "src/io/bundle.h"
#include "src/io/file.h"
#include "weft/framework/checkpoint.h"

namespace weft::train {
namespace {

std::string StatePath(const std::string& folder, const std::string& latest_filename) {
  return io::JoinPath(folder, latest_filename.empty() ? "checkpoint" : latest_filename);
}

// As os.path.relpath: both against the working folder, by their texts alone.
std::string RelativePath(const std::string& path, const std::string& folder) {
  namespace fs = std::filesystem;
  const fs::path base = fs::absolute(folder.empty() ? fs::path(".") : fs::path(folder));
  return fs::absolute(path).lexically_normal().lexically_relative(base.lexically_normal()).string();
}

// The first file of a checkpoint; "" if there is none.
std::string MainFile(const std::string& prefix) {
  const std::string index = io::BundleIndexName(prefix);
  if (io::FileExists(index)) return index;
  // Of version 1: a file, or the pattern of several. A folder of that name is none.
  for (const std::string& path : ValueOrThrow(io::MatchingPaths(prefix))) {
    const absl::StatusOr<io::FileInfo> info = io::GetFileInfo(path);
    if (info.ok() && !info->is_folder) return path;
  }
  return {};
}

void DeleteMatching(const std::string& pattern) {
  for (const std::string& path : ValueOrThrow(io::MatchingPaths(pattern))) {
    const absl::Status status = io::DeleteFile(path);
    if (!status.ok() && !absl::IsNotFound(status)) ThrowStatus(status);
  }
}

}  // namespace

std::string saving::QuotePattern(std::string_view text, std::string_view special) {
  std::string quoted;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) quoted += '\\';
    quoted += c;
  }
  return quoted;
}

// A name of shards ("model-?????-of-00002") loses what follows the prefix.
std::string saving::MetaGraphFilename(std::string prefix, const std::string& suffix) {
  const size_t of = prefix.rfind("-of-");
  const auto only = [&](size_t begin, size_t end, std::string_view allowed) {
    return begin < end && prefix.find_first_not_of(allowed, begin) >= end;
  };
  if (of != std::string::npos && only(of + 4, prefix.size(), "0123456789")) {
    const size_t dash = of == 0 ? std::string::npos : prefix.rfind('-', of - 1);
    if (dash != std::string::npos && only(dash + 1, of, "0123456789?")) prefix.resize(dash);
  }
  return StrCat(prefix, ".", suffix);
}

bool CheckpointExists(const std::string& prefix) { return !MainFile(prefix).empty(); }

std::vector<double> GetCheckpointMtimes(const std::vector<std::string>& prefixes) {
  std::vector<double> times;
  for (const std::string& prefix : prefixes) {
    const std::string path = MainFile(prefix);
    if (path.empty()) continue;
    const absl::StatusOr<io::FileInfo> info = io::GetFileInfo(path);
    if (info.ok()) times.push_back(static_cast<double>(info->modified_ns) * 1e-9);
  }
  return times;
}

void RemoveCheckpoint(const std::string& prefix, const std::string& meta_graph_suffix) {
  DeleteMatching(saving::QuotePattern(saving::MetaGraphFilename(prefix, meta_graph_suffix)));
  const std::string index = io::BundleIndexName(prefix);
  if (io::FileExists(index)) {
    // The index first: without it no reader takes the rest for a checkpoint.
    DeleteMatching(saving::QuotePattern(index));
    DeleteMatching(saving::QuotePattern(prefix) + ".data-\?\?\?\?\?-of-\?\?\?\?\?");
  } else {
    // Shards of version 1 are a pattern of question marks; nothing else is taken for one here.
    DeleteMatching(saving::QuotePattern(prefix, "*[\\"));
  }
}

std::optional<CheckpointState> GetCheckpointState(const std::string& folder,
                                                  const std::string& latest_filename) {
  const std::string path = StatePath(folder, latest_filename);
  if (!io::FileExists(path)) return std::nullopt;
  const absl::StatusOr<std::string> text = ReadFile(path);
  proto::CheckpointState parsed;
  if (!text.ok() || !ParseProtoText(*text, &parsed).ok()) {
    LogWarning(
        StrCat(path, ": ",
               text.ok() ? "not the text of a CheckpointState" : StrCat(text.status().message())));
    LogWarning(StrCat(path, ": Checkpoint ignored"));
    return std::nullopt;
  }
  if (parsed.model_checkpoint_path().empty()) {
    ThrowError(Code::kInvalidArgument, StrCat("Invalid checkpoint state loaded from ", folder,
                                              ": it names no model_checkpoint_path"));
  }
  CheckpointState state;
  state.model_checkpoint_path = io::JoinPath(folder, parsed.model_checkpoint_path());
  for (const std::string& p : parsed.all_model_checkpoint_paths())
    state.all_model_checkpoint_paths.push_back(io::JoinPath(folder, p));
  state.all_model_checkpoint_timestamps = {parsed.all_model_checkpoint_timestamps().begin(),
                                           parsed.all_model_checkpoint_timestamps().end()};
  state.last_preserved_timestamp = parsed.last_preserved_timestamp();
  return state;
}

std::string LatestCheckpoint(const std::string& folder, const std::string& latest_filename) {
  const std::optional<CheckpointState> state = GetCheckpointState(folder, latest_filename);
  if (!state) return {};
  if (CheckpointExists(state->model_checkpoint_path)) return state->model_checkpoint_path;
  LogWarning(StrCat("Couldn't match files for checkpoint ", state->model_checkpoint_path));
  return {};
}

void UpdateCheckpointState(const std::string& folder, const std::string& model_checkpoint_path,
                           const UpdateCheckpointStateOptions& options) {
  std::vector<std::string> all = options.all_model_checkpoint_paths;
  if (all.empty() || all.back() != model_checkpoint_path) all.push_back(model_checkpoint_path);
  const auto& times = options.all_model_checkpoint_timestamps;
  if (!times.empty() && times.size() != all.size()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Checkpoint timestamps, if provided, must match checkpoint paths (got ",
                      all.size(), " paths and ", times.size(), " timestamps)"));
  }
  // Relative paths in the file start at its folder.
  const bool folder_is_absolute = io::IsAbsolutePath(folder);
  const auto written = [&](const std::string& path) {
    if (io::IsAbsolutePath(path))
      return options.save_relative_paths ? RelativePath(path, folder) : path;
    return folder_is_absolute ? path : RelativePath(path, folder);
  };
  proto::CheckpointState state;
  state.set_model_checkpoint_path(written(model_checkpoint_path));
  for (const std::string& path : all) state.add_all_model_checkpoint_paths(written(path));
  for (const double t : times) state.add_all_model_checkpoint_timestamps(t);
  state.set_last_preserved_timestamp(options.last_preserved_timestamp);
  const std::string path = StatePath(folder, options.latest_filename);
  if (path == state.model_checkpoint_path()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Save path '", model_checkpoint_path,
                      "' conflicts with path used for checkpoint state.  Please use a different "
                      "save path."));
  }
  ThrowIfError(WriteFileAtomically(path, ProtoToText(state)));
}

}  // namespace weft::train
