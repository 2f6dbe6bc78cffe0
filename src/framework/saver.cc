// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/saver.h"
#include "src/framework/nodes.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>

#include "proto/weft/saver.pb.h"
#include "proto/weft/trackable_object_graph.pb.h"
#include "src/core/log.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/saver_builder.h"
#include "src/framework/saver_files.h"
#include "src/framework/saver_proto.h"
#include "src/graph/proto_convert.h"
#include "src/io/file_system.h"
#include "weft/framework/meta_graph.h"

namespace weft::train {
namespace {

// The key under which checkpoints of TensorFlow 2 keep their graph of objects.
constexpr const char* kObjectGraphKey = "_CHECKPOINTABLE_OBJECT_GRAPH";

double Now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

[[noreturn]] void ThrowRestoreError(const Error& e, std::string_view reason) {
  ThrowError(e.code(),
             StrCat("Restoring from checkpoint failed. This is most likely due to ", reason,
                    " from the checkpoint. Please ensure that you have not altered the graph "
                    "expected based on the checkpoint. Original error:\n\n",
                    e.what()),
             e.op_name(), e.op_type());
}

}  // namespace

std::map<std::string, std::string> saving::KeysOfObjects(const std::string& prefix) {
  const CheckpointReader reader(prefix);
  std::map<std::string, std::string> keys;
  if (!reader.HasTensor(kObjectGraphKey)) return keys;
  proto::TrackableObjectGraph objects;
  const Array bytes = reader.GetTensor(kObjectGraphKey);
  if (bytes.dtype() != kString || bytes.num_elements() != 1 ||
      !ParseProto(*bytes.data<std::string>(), &objects)) {
    ThrowError(Code::kDataLoss, StrCat(prefix, ": ", kObjectGraphKey, " is no object graph"));
  }
  for (const auto& node : objects.nodes()) {
    for (const auto& attribute : node.attributes())
      keys[attribute.full_name()] = attribute.checkpoint_key();
  }
  return keys;
}

struct Saver::State {
  struct Checkpoint {
    std::string path;
    double time = 0;  // seconds since the epoch
  };

  // What an empty Saver saves is nothing.
  bool empty = false;
  SaverDef def;
  SaverVariables variables;
  SaverOptions options;
  std::vector<Checkpoint> last;
  std::deque<Checkpoint> to_delete;
  double next_kept = 0;
  std::optional<Saver> by_objects;  // for checkpoints of TensorFlow 2

  void Use(SaverDef d);
  std::string PathOf(const std::string& path, std::optional<int64_t> step,
                     const SaveOptions& o) const;
  void RecordLast(const std::string& path);
  void DeleteOld(const std::string& meta_graph_suffix);
  bool RestoreByObjects(Session& session, const std::string& path);
};

std::optional<int64_t> GlobalStep::Value(Session& session) const {
  if (!tensor_.valid()) return number_;
  const Array value = session.Run(tensor_);
  if (value.num_elements() != 1 || !IsInteger(value.dtype())) {
    ThrowError(Code::kInvalidArgument,
               StrCat("global_step must be an integer scalar; '", tensor_.name(), "' is ",
                      DTypeName(value.dtype()), value.shape().ToString()));
  }
  return value.AsInt64();
}

// ---- Saver::State -------------------------------------------------------------------------------

void Saver::State::Use(SaverDef d) {
  const auto check = [](const std::string& name, const char* what) {
    if (name.empty())
      ThrowError(Code::kInvalidArgument, StrCat("saver_def must specify the ", what));
  };
  check(d.save_tensor_name, "save_tensor_name");
  check(d.restore_op_name, "restore_op_name");
  check(d.filename_tensor_name, "filename_tensor_name");
  def = std::move(d);
  next_kept = Now() + static_cast<double>(def.keep_checkpoint_every_n_hours) * 3600;
}

std::string Saver::State::PathOf(const std::string& path, std::optional<int64_t> step,
                                 const SaveOptions& o) const {
  if (step) {
    char number[32];
    std::snprintf(number, sizeof number, options.pad_step_number ? "-%08lld" : "-%lld",
                  static_cast<long long>(*step));
    return path + number;
  }
  const std::string latest = o.latest_filename.empty() ? "checkpoint" : o.latest_filename;
  // Data file and state file would be one.
  if (io::Basename(path) == latest && !def.sharded) {
    ThrowError(Code::kInvalidArgument, StrCat("'latest_filename' collides with 'save_path': '",
                                              latest, "' and '", path, "'"));
  }
  return path;
}

void Saver::State::RecordLast(const std::string& path) {
  if (def.max_to_keep == 0) return;
  std::erase_if(last, [&](const Checkpoint& c) { return c.path == path; });
  last.push_back({path, Now()});
  if (last.size() <= static_cast<size_t>(def.max_to_keep)) return;
  to_delete.push_back(last.front());
  last.erase(last.begin());
}

void Saver::State::DeleteOld(const std::string& meta_graph_suffix) {
  if (to_delete.empty()) return;
  const Checkpoint oldest = to_delete.front();
  to_delete.pop_front();
  if (oldest.time > next_kept) {
    next_kept += static_cast<double>(def.keep_checkpoint_every_n_hours) * 3600;
    return;
  }
  try {
    RemoveCheckpoint(oldest.path, meta_graph_suffix);
  } catch (const Error& e) {
    LogWarning(StrCat("Ignoring: ", e.what()));
  }
}

bool Saver::State::RestoreByObjects(Session& session, const std::string& path) {
  const std::map<std::string, std::string> keys = saving::KeysOfObjects(path);
  if (keys.empty()) return false;
  if (!by_objects) {
    std::map<std::string, Variable> by_key;
    std::vector<std::string> missing;
    const GraphScope use(session.graph());
    for (const Variable& v : variables.list() ? *variables.list() : GlobalVariables()) {
      const auto found = keys.find(v.op_name());
      if (found == keys.end()) {
        missing.push_back(v.op_name());
      } else {
        by_key[found->second] = v;
      }
    }
    if (!missing.empty()) {
      ThrowError(Code::kNotFound,
                 StrCat("The checkpoint was written by objects of TensorFlow 2 and has no "
                        "variables of these names: ",
                        StrJoin(missing, ", ")));
    }
    LogWarning(
        "Restoring an object-based checkpoint using a name-based saver. This works where the "
        "variables' names have not changed since.");
    by_objects = Saver(by_key, {.allow_empty = true});
  }
  by_objects->Restore(session, path);
  return true;
}

// ---- Saver --------------------------------------------------------------------------------------

Saver::Saver(const SaverVariables& variables, const SaverOptions& options)
    : state_(std::make_shared<State>()) {
  state_->variables = variables;
  state_->options = options;
  std::optional<SaverDef> def = saving::BuildSaver(variables, options);
  state_->empty = !def;
  if (def) state_->Use(*std::move(def));
}

Saver Saver::FromDef(const SaverDef& def, const std::string& import_scope) {
  auto state = std::make_shared<State>();
  SaverDef scoped = def;
  scoped.filename_tensor_name = weft::internal::InScope(import_scope, def.filename_tensor_name);
  scoped.save_tensor_name = weft::internal::InScope(import_scope, def.save_tensor_name);
  scoped.restore_op_name = weft::internal::InScope(import_scope, def.restore_op_name);
  state->options.write_version = def.version;
  state->Use(std::move(scoped));
  return Saver(std::move(state));
}

std::string Saver::Save(Session& session, const std::string& path, const GlobalStep& step,
                        const SaveOptions& options) const {
  State& s = *state_;
  if (options.latest_filename.find('/') != std::string::npos)
    ThrowError(Code::kInvalidArgument, "'latest_filename' must not contain path components");
  if (io::Basename(path).empty())
    ThrowError(Code::kInvalidArgument, StrCat("Saver::Save: '", path, "' names no file"));
  const std::string prefix = s.PathOf(path, step.Value(session), options);
  const std::string folder(io::Dirname(path));
  std::string saved;
  if (!s.empty) {
    try {
      saved = session.Run(Fetch(s.def.save_tensor_name), {{s.def.filename_tensor_name, prefix}})
                  .scalar<std::string>();
    } catch (const Error& e) {
      const bool no_folder = !folder.empty() && !io::FileExists(folder);
      if (no_folder && (e.code() == Code::kNotFound || e.code() == Code::kFailedPrecondition)) {
        ThrowError(Code::kInvalidArgument,
                   StrCat("Parent directory of ", path, " doesn't exist, can't save."));
      }
      throw;
    }
  }
  if (options.write_meta_graph) {
    train::ExportMetaGraph(
        {.filename = saving::MetaGraphFilename(prefix, options.meta_graph_suffix),
         .saver_def = s.empty ? std::nullopt : std::optional<SaverDef>(s.def),
         .strip_default_attrs = options.strip_default_attrs,
         .graph = session.graph()});
  }
  if (s.empty) return {};
  // All that the state file names is on the disk when it is replaced.
  if (options.write_state) {
    s.RecordLast(saved);
    UpdateCheckpointState(folder, saved,
                          {.all_model_checkpoint_paths = last_checkpoints(),
                           .latest_filename = options.latest_filename,
                           .save_relative_paths = s.options.save_relative_paths});
    s.DeleteOld(options.meta_graph_suffix);
  }
  return saved;
}

void Saver::Restore(Session& session, const std::string& path) const {
  State& s = *state_;
  if (s.empty) return;
  if (path.empty() || !CheckpointExists(path)) {
    ThrowError(Code::kInvalidArgument,
               StrCat("The passed save_path is not a valid checkpoint: ", path));
  }
  LogInfo(StrCat("Restoring parameters from ", path));
  try {
    session.Run(Fetch(s.def.restore_op_name), {{s.def.filename_tensor_name, path}});
  } catch (const NotFoundError& e) {
    if (!s.RestoreByObjects(session, path))
      ThrowRestoreError(e, "a Variable name or other graph key that is missing");
  } catch (const InvalidArgumentError& e) {
    ThrowRestoreError(e, "a mismatch between the current graph and the graph");
  }
}

std::vector<std::string> Saver::last_checkpoints() const {
  std::vector<std::string> paths;
  for (const State::Checkpoint& c : state_->last) paths.push_back(c.path);
  return paths;
}

void Saver::set_last_checkpoints(const std::vector<std::string>& paths) const {
  state_->last.clear();
  for (const std::string& path : paths) state_->last.push_back({path, Now()});
}

void Saver::set_last_checkpoints_with_time(
    const std::vector<std::pair<std::string, double>>& paths_and_times) const {
  state_->last.clear();
  for (const auto& [path, time] : paths_and_times) state_->last.push_back({path, time});
}

void Saver::RecoverLastCheckpoints(const std::vector<std::string>& paths) const {
  state_->last.clear();
  for (const std::string& path : paths) {
    const std::vector<double> times = GetCheckpointMtimes({path});
    if (!times.empty()) state_->last.push_back({path, times[0]});
  }
}

const SaverDef& Saver::AsSaverDef() const { return state_->def; }

MetaGraphDef Saver::ExportMetaGraph(const std::string& filename) const {
  return train::ExportMetaGraph(
      {.filename = filename,
       .saver_def = state_->empty ? std::nullopt : std::optional<SaverDef>(state_->def)});
}

// ---- Messages -----------------------------------------------------------------------------------

void saving::SaverDefToProto(const SaverDef& def, proto::SaverDef* proto) {
  proto->set_filename_tensor_name(def.filename_tensor_name);
  proto->set_save_tensor_name(def.save_tensor_name);
  proto->set_restore_op_name(def.restore_op_name);
  proto->set_max_to_keep(def.max_to_keep);
  proto->set_sharded(def.sharded);
  proto->set_keep_checkpoint_every_n_hours(def.keep_checkpoint_every_n_hours);
  proto->set_version(def.version == CheckpointVersion::kV2 ? proto::SaverDef::V2
                                                           : proto::SaverDef::V1);
}

SaverDef saving::SaverDefFromProto(const proto::SaverDef& proto) {
  SaverDef def;
  def.filename_tensor_name = proto.filename_tensor_name();
  def.save_tensor_name = proto.save_tensor_name();
  def.restore_op_name = proto.restore_op_name();
  def.max_to_keep = std::max(proto.max_to_keep(), 0);
  def.sharded = proto.sharded();
  def.keep_checkpoint_every_n_hours = proto.keep_checkpoint_every_n_hours();
  def.version =
      proto.version() == proto::SaverDef::V2 ? CheckpointVersion::kV2 : CheckpointVersion::kV1;
  return def;
}

}  // namespace weft::train
