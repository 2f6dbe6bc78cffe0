// SPDX-License-Identifier: Apache-2.0
// Checkpoint files: their tensors, and the "checkpoint" file that says which of a folder is the
// newest (tf.train.NewCheckpointReader, latest_checkpoint, ...). For saving and restoring variables
// use weft/framework/saver.h.
//
//   wf::train::CheckpointReader reader(wf::train::LatestCheckpoint("/models/run1"));
//   for (const auto& [name, shape] : reader.GetVariableToShapeMap()) ...
//   wf::Array w = reader.GetTensor("layer1/weights");
//
// Checkpoints of both versions of TensorFlow are read, those of TensorFlow 2 by their keys
// ("w/.ATTRIBUTES/VARIABLE_VALUE"). Files may come from anywhere: damaged ones are DataLossErrors
// (or other wf::Errors), never more. Readers are thread-safe; writers belong to one thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weft/core/array.h"

namespace weft {

namespace io {
class BundleWriter;
class CheckpointFile;
}  // namespace io

namespace train {

class CheckpointReader {
 public:
  // `prefix`: "model.ckpt-100", of files model.ckpt-100.index and model.ckpt-100.data-*; or the
  // file, or a pattern for the files, of version 1. NotFoundError if there is none.
  explicit CheckpointReader(const std::string& prefix);

  bool HasTensor(std::string_view name) const;
  std::map<std::string, Shape> GetVariableToShapeMap() const;
  std::map<std::string, DataType> GetVariableToDtypeMap() const;
  // The value, put together if it is stored in slices. Reads its bytes only, and checks them.
  // NotFoundError "Key v not found in checkpoint".
  Array GetTensor(std::string_view name) const;
  // A part, whatever parts are stored: `slice` is "0,4:-", start and length or all of each
  // dimension.
  Array GetSlice(std::string_view name, std::string_view slice) const;
  // The slices that are stored; none for a tensor that is stored whole.
  std::vector<std::string> GetSlices(std::string_view name) const;
  // A line a tensor: "w (DT_FLOAT) [2,3]".
  std::string DebugString() const;

 private:
  std::shared_ptr<io::CheckpointFile> file_;
};

// Writes a checkpoint of version 2. Nothing is at `prefix` before Finish, and all of it is after;
// without Finish nothing remains.
class CheckpointWriter {
 public:
  explicit CheckpointWriter(const std::string& prefix);
  ~CheckpointWriter();
  CheckpointWriter(CheckpointWriter&&) noexcept;
  CheckpointWriter& operator=(CheckpointWriter&&) noexcept;

  // InvalidArgumentError for a name that was written already, UnimplementedError for resources.
  void Write(std::string_view name, const Array& value);
  // Part `slice` ("0,4:-") of a tensor of shape `full_shape`.
  void WriteSlice(std::string_view name, const Shape& full_shape, std::string_view slice,
                  const Array& value);
  void Finish();

 private:
  std::unique_ptr<io::BundleWriter> writer_;
};

// A prefix, or a folder whose newest checkpoint is meant (NotFoundError if it has none).
CheckpointReader LoadCheckpoint(const std::string& folder_or_prefix);
// Names and shapes, by name.
std::vector<std::pair<std::string, Shape>> ListVariables(const std::string& folder_or_prefix);
// "w" or "w:0".
Array LoadVariable(const std::string& folder_or_prefix, std::string_view name);

// ---- Which checkpoints a folder has -------------------------------------------------------------

// Whether files of this prefix are there, of either version.
bool CheckpointExists(const std::string& prefix);
// When the files of these prefixes were written, in seconds since the epoch. Prefixes without files
// are left out.
std::vector<double> GetCheckpointMtimes(const std::vector<std::string>& prefixes);
// Deletes the files of a checkpoint, and its meta graph. Missing ones are no error.
void RemoveCheckpoint(const std::string& prefix, const std::string& meta_graph_suffix = "meta");

// The "checkpoint" file (a text) of a folder.
struct CheckpointState {
  std::string model_checkpoint_path;                    // the newest
  std::vector<std::string> all_model_checkpoint_paths;  // oldest first
  std::vector<double> all_model_checkpoint_timestamps;  // seconds since the epoch; may be empty
  double last_preserved_timestamp = 0;
};
// Nothing if there is no such file or it is no text of that kind (a warning says so). Paths in it
// that are relative are taken to be relative to the folder.
std::optional<CheckpointState> GetCheckpointState(const std::string& folder,
                                                  const std::string& latest_filename = {});
// The prefix of the newest checkpoint; "" if there is none or its files are gone.
std::string LatestCheckpoint(const std::string& folder, const std::string& latest_filename = {});

struct UpdateCheckpointStateOptions {
  std::vector<std::string> all_model_checkpoint_paths = {};  // the newest is added if it isn't last
  std::string latest_filename = {};                          // "checkpoint"
  std::vector<double> all_model_checkpoint_timestamps = {};
  double last_preserved_timestamp = 0;
  // Writes paths relative to the folder, so that it can be moved.
  bool save_relative_paths = false;
};
// Writes the file in one step: who reads it sees the old or the new one.
void UpdateCheckpointState(const std::string& folder, const std::string& model_checkpoint_path,
                           const UpdateCheckpointStateOptions& options = {});

}  // namespace train
}  // namespace weft
