// SPDX-License-Identifier: Apache-2.0
// Initial values from a checkpoint (tf.train.init_from_checkpoint, tf.train.warm_start): what was
// trained before is a part of a new model, under other names, in other parts, or with another
// vocabulary. To restore a whole model use weft/framework/saver.h.
//
//   wf::train::InitFromCheckpoint("/models/old", {{"encoder/", "new/encoder/"}, {"table", table}});
//   wf::train::WarmStart("/models/old", {.variables = "encoder/.*"});
//   session.Run(wf::GlobalVariablesInitializer());
//
// Nothing is read but the index of the checkpoint: the variables' initializers are replaced by
// nodes that read it when they run. So call these before VariablesInitializer. Of the default
// graph; they change its variables, so no other thread may use them meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "weft/framework/variable.h"
#include "weft/ops/int_list.h"

namespace weft::train {

// Where a value goes: a name of a variable of GetVariable ("layer/w", whole or in parts), a scope
// ("layer/", or "/" for all), a variable, or the parts of one.
class AssignmentTarget {
 public:
  AssignmentTarget(const char* name) : target_(std::string(name)) {}            // NOLINT
  AssignmentTarget(std::string name) : target_(std::move(name)) {}              // NOLINT
  AssignmentTarget(const Variable& variable) : target_(variable) {}             // NOLINT
  AssignmentTarget(std::vector<Variable> parts) : target_(std::move(parts)) {}  // NOLINT

  using Target = std::variant<std::string, Variable, std::vector<Variable>>;
  const Target& target() const { return target_; }

 private:
  Target target_;
};
// From what is in the checkpoint: the name of a tensor, or, for a target that is a scope, a scope
// ("old/"; "/" is the whole checkpoint). A name may be there several times.
using AssignmentMap = std::vector<std::pair<std::string, AssignmentTarget>>;

// Replaces initializers. `folder_or_prefix`: a checkpoint, or a folder whose newest one is meant.
// InvalidArgumentError if the checkpoint lacks a tensor, if a tensor has another shape than the
// variable it is given to by name, if a name that is no variable's is mapped to something else than
// a scope, or if parts are not all of one tensor; NotFoundError if there is no checkpoint. What the
// index doesn't tell (the dtype) shows when the initializer runs.
void InitFromCheckpoint(const std::string& folder_or_prefix, const AssignmentMap& assignment_map);

// How the rows (or columns) of a matrix are numbered, now and in the checkpoint: by the lines of
// text files. Rows of new entries, and those of buckets for what is in no vocabulary, which follow
// the others, are made by `backup_initializer`.
struct VocabInfo {
  std::string new_vocab = {};  // path
  int64_t new_vocab_size = 0;  // so many of its lines are used
  int64_t num_oov_buckets = 0;
  std::string old_vocab = {};   // path
  int64_t old_vocab_size = -1;  // so many of its lines were used; -1: all
  // float32 values of a shape that may be known in a run only: [](const IntList& shape) { return
  // TruncatedNormal(shape, {.stddev = .1f}); }. Zeros if empty.
  std::function<Tensor(const IntList& shape)> backup_initializer = {};
  int axis = 0;  // 0: rows, 1: columns
};

// Which variables are started warm.
class WarmStartVariables {
 public:
  // Trainable ones whose names begin with a match of a regular expression.
  WarmStartVariables(const char* regex) : choice_(std::string(regex)) {}  // NOLINT
  WarmStartVariables(std::string regex) : choice_(std::move(regex)) {}    // NOLINT
  // Of all global variables, by several expressions.
  WarmStartVariables(std::vector<std::string> regexes) : choice_(std::move(regexes)) {}   // NOLINT
  WarmStartVariables(std::vector<Variable> variables) : choice_(std::move(variables)) {}  // NOLINT
  // Those only that have a VocabInfo.
  WarmStartVariables(std::nullopt_t) : choice_(std::monostate()) {}  // NOLINT

  using Choice =
      std::variant<std::monostate, std::string, std::vector<std::string>, std::vector<Variable>>;
  const Choice& choice() const { return choice_; }

 private:
  Choice choice_;
};

struct WarmStartOptions {
  WarmStartVariables variables = ".*";
  // By the name of the (whole) variable: float32 matrices.
  std::map<std::string, VocabInfo> var_name_to_vocab_info = {};
  // What a variable is called in the checkpoint, if not by its name.
  std::map<std::string, std::string> var_name_to_prev_var_name = {};
};
// InitFromCheckpoint of all these variables, under the names that they have; those with a VocabInfo
// get their rows or columns from where the old vocabulary has them. Checkpoints of TensorFlow 2 are
// read by their object graph. InvalidArgumentError as above, for a VocabInfo without files or with
// another axis, and for entries of the maps that name no variable among those chosen.
void WarmStart(const std::string& folder_or_prefix, const WarmStartOptions& options = {});

}  // namespace weft::train
