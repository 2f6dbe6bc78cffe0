// SPDX-License-Identifier: Apache-2.0
// Saver: writes variables to checkpoints and reads them back (tf.train.Saver).
//
//   wf::train::Saver saver;                                    // after all variables were made
//   std::string path = saver.Save(session, "/models/m.ckpt", step);   // "/models/m.ckpt-1000"
//   saver.Restore(session, path);                              // instead of running initializers
//   wf::train::Saver({w, b});                                  // some variables
//   wf::train::Saver({{"v/ExponentialMovingAverage", v}});     // under other names
//
// A save makes model.ckpt-N.index, model.ckpt-N.data-*, model.ckpt-N.meta (the graph) and, last,
// the file "checkpoint" that names the newest; each appears whole or not at all, so that a program
// killed at any time leaves the checkpoints before intact. TensorFlow reads these files, and Saver
// reads TensorFlow's. Saving again under the very same name (without a step) replaces two files,
// one after the other, as in TensorFlow: killed between the two, that name holds neither
// checkpoint, and reading it is an error. Give each save its step, or a name of its own.
//
// A Saver is a cheap handle; copies are the same Saver. Building it adds nodes to the default
// graph. Save and Restore may be called by one thread at a time. Mistakes throw wf::Errors.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weft/framework/checkpoint.h"
#include "weft/framework/variable.h"
#include "weft/runtime/session.h"

namespace weft::train {

class MetaGraphDef;

enum class CheckpointVersion { kV1 = 1, kV2 = 2 };

// How a Saver drives its nodes; kept in meta graphs.
struct SaverDef {
  std::string filename_tensor_name;  // to feed with the prefix
  std::string save_tensor_name;      // to fetch: saves, and gives the prefix
  std::string restore_op_name;       // to run: restores
  int max_to_keep = 0;
  bool sharded = false;
  float keep_checkpoint_every_n_hours = 0;
  CheckpointVersion version = CheckpointVersion::kV2;
};

// What to save: all saveable variables of the graph, or these. In a list variables have their own
// names; parts of partitioned variables (all, or some) are saved as slices of the whole.
class SaverVariables {
 public:
  SaverVariables() = default;                                         // all
  SaverVariables(const std::vector<Variable>& list) : list_(list) {}  // NOLINT
  SaverVariables(std::initializer_list<Variable> list)                // NOLINT
      : list_(std::vector<Variable>(list)) {}
  // By the name in the checkpoint.
  SaverVariables(const std::map<std::string, Variable>& named);                        // NOLINT
  SaverVariables(std::initializer_list<std::pair<const std::string, Variable>> named)  // NOLINT
      : SaverVariables(std::map<std::string, Variable>(named)) {}
  // Several variables that are slices of one tensor.
  SaverVariables(const std::map<std::string, std::vector<Variable>>& named)
      : named_(named) {}  // NOLINT

  const std::optional<std::vector<Variable>>& list() const { return list_; }
  const std::optional<std::map<std::string, std::vector<Variable>>>& named() const {
    return named_;
  }

 private:
  std::optional<std::vector<Variable>> list_;
  std::optional<std::map<std::string, std::vector<Variable>>> named_;
};

struct SaverOptions {
  // Restores values of other shapes, if they have as many elements.
  bool reshape = false;
  // One file for each device that has variables, written in parallel.
  bool sharded = false;
  // The newest so many checkpoints remain; 0: all.
  int max_to_keep = 5;
  // Of those that would be deleted, one each so many hours remains for ever.
  double keep_checkpoint_every_n_hours = 10000.0;
  std::string name = {};  // scope of the nodes: "save"
  // TensorFlow restores in one op anyway; kept for programs that set it.
  bool restore_sequentially = false;
  // No variables: Save and Restore do nothing. Otherwise that is an error.
  bool allow_empty = false;
  CheckpointVersion write_version = CheckpointVersion::kV2;
  // "-00000010" in place of "-10".
  bool pad_step_number = false;
  // In the "checkpoint" file, so that the folder can be moved.
  bool save_relative_paths = false;
  // Default of the file name, where it is not fed.
  std::string filename = {};
};

// The number at the end of a checkpoint's name: none, a number, or the value of a variable or
// tensor.
class GlobalStep {
 public:
  GlobalStep() = default;
  template <std::integral I>
  GlobalStep(I step) : number_(static_cast<int64_t>(step)) {}         // NOLINT
  GlobalStep(const Variable& step) : tensor_(step.GraphElement()) {}  // NOLINT
  GlobalStep(const Tensor& step) : tensor_(step) {}                   // NOLINT
  std::optional<int64_t> Value(Session& session) const;

 private:
  std::optional<int64_t> number_;
  Tensor tensor_;
};

struct SaveOptions {
  std::string latest_filename = {};  // "checkpoint"
  std::string meta_graph_suffix = "meta";
  bool write_meta_graph = true;
  bool write_state = true;
  bool strip_default_attrs = false;
};

class Saver {
 public:
  // Adds the nodes. InvalidArgumentError if there are no variables, two of one name, or one under
  // two names.
  explicit Saver(const SaverVariables& variables = {}, const SaverOptions& options = {});
  explicit Saver(const SaverOptions& options) : Saver(SaverVariables(), options) {}
  // Over nodes that are there (of an imported meta graph); `import_scope` goes before the names.
  static Saver FromDef(const SaverDef& def, const std::string& import_scope = {});

  // Saves to "<path>-<step>", or `path` without a step; gives that prefix ("" if empty).
  // Makes the folder if need be.
  std::string Save(Session& session, const std::string& path, const GlobalStep& step = {},
                   const SaveOptions& options = {}) const;
  // NotFoundError / InvalidArgumentError if the checkpoint lacks a variable or has it in another
  // shape or dtype. Logs the path. Checkpoints of TensorFlow 2 are restored by their object graph.
  void Restore(Session& session, const std::string& path) const;

  // The prefixes of checkpoints that are kept, oldest first.
  std::vector<std::string> last_checkpoints() const;
  // Those that another Saver wrote: they count from now on. Without times, as if written now.
  void set_last_checkpoints(const std::vector<std::string>& paths) const;
  void set_last_checkpoints_with_time(
      const std::vector<std::pair<std::string, double>>& paths_and_times) const;
  // The same of those whose files are still there, with their times.
  void RecoverLastCheckpoints(const std::vector<std::string>& paths) const;

  const SaverDef& AsSaverDef() const;
  // The default graph, its collections and this Saver; see weft/framework/meta_graph.h.
  MetaGraphDef ExportMetaGraph(const std::string& filename = {}) const;

  struct State;
  const std::shared_ptr<State>& state() const { return state_; }
  template <std::same_as<std::shared_ptr<State>> P>
  explicit Saver(P state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

}  // namespace weft::train
