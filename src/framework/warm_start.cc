// SPDX-License-Identifier: Apache-2.0
// WarmStart: names of nodes are TensorFlow's.
#include "weft/framework/warm_start.h"

#include <algorithm>
#include <limits>

#include "src/core/log.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/init_from_checkpoint.h"
#include "src/framework/nodes.h"
#include "src/framework/saver_files.h"
#include "weft/framework/initializers.h"
#include "weft/ops/array.h"
#include "weft/ops/math_binary.h"

namespace weft::train {
namespace {

using weft::internal::Op;

[[noreturn]] void Refuse(const std::string& text) { ThrowError(Code::kInvalidArgument, text); }

// ---- Variables with a vocabulary ----------------------------------------------------------------

// The initial value of one variable, or of one part of it.
class RemappedMatrix {
 public:
  RemappedMatrix(const std::string& prefix, const std::string& tensor, const VocabInfo& vocab,
                 int64_t total_rows)
      : prefix_(prefix), tensor_(tensor), vocab_(vocab), total_rows_(total_rows) {}

  Tensor Of(const Variable& v) const {
    const Shape shape = CheckedShape(v);
    const bool by_rows = vocab_.axis == 0;
    const int64_t vocab_rows = by_rows ? vocab_.new_vocab_size : total_rows_;
    const int64_t row_buckets = by_rows ? vocab_.num_oov_buckets : 0;
    const int64_t begin = OffsetOf(v, shape);
    const int64_t rows = shape.dim(0);
    if (begin + rows > vocab_rows + row_buckets) {
      Refuse(StrCat("Trying to initialize ", rows, " additional rows after ", begin,
                    " rows have already been initialized, which would exceed expected total row "
                    "count of new_row_vocab_size (",
                    vocab_rows, ") + num_row_oov_buckets (", row_buckets,
                    ") = ", vocab_rows + row_buckets, "."));
    }
    const int64_t bucket_rows = std::min(rows, std::max<int64_t>(0, begin + rows - vocab_rows));
    if (begin > vocab_rows) return Backup(shape);  // nothing but buckets
    return Loaded(begin, rows - bucket_rows, bucket_rows,
                  by_rows ? shape.dim(1) : vocab_.new_vocab_size);
  }

 private:
  Shape CheckedShape(const Variable& v) const {
    if (v.dtype() != kFloat32) {
      Refuse(StrCat("WarmStart: variable ", v.name(),
                    " has a VocabInfo. Currently, only float32 is supported. Received dtype: ",
                    DTypeName(v.dtype())));
    }
    const PartialShape& shape = v.shape();
    if (!shape.IsFullyKnown() || shape.rank() != 2) {
      Refuse(StrCat("WarmStart: variable ", v.name(),
                    ": Expected 2-dim shape, but received: ", shape.ToString()));
    }
    if (shape.dim(0) <= 0) {
      Refuse(
          StrCat("WarmStart: variable ", v.name(),
                 ": Expected 1st dim of shape to be > 0, but received shape: ", shape.ToString()));
    }
    const int64_t columns = vocab_.new_vocab_size + vocab_.num_oov_buckets;
    if (vocab_.axis == 1 && shape.dim(1) != columns) {
      Refuse(StrCat("WarmStart: variable ", v.name(),
                    ": Expected 2nd dim of shape to be new_col_vocab_size (", vocab_.new_vocab_size,
                    ") + num_col_oov_buckets (", vocab_.num_oov_buckets, ") = ", columns,
                    ", but received shape: ", shape.ToString()));
    }
    return shape.ToShape();
  }

  // The first row, in the whole, of a part that is cut along the rows.
  static int64_t OffsetOf(const Variable& v, const Shape& shape) {
    if (!v.save_slice_info()) return 0;
    const SaveSliceInfo& slice = *v.save_slice_info();
    const PartitionInfo part{Shape(slice.full_shape), slice.var_offset};
    if (part.SingleSliceDim(shape) != 0)
      Refuse(StrCat("WarmStart: ", v.name(), " has a VocabInfo, but is no part cut along rows"));
    return part.SingleOffset(shape);
  }

  Tensor Backup(const IntList& shape) const {
    return vocab_.backup_initializer ? vocab_.backup_initializer(shape) : Zeros(shape);
  }

  // Rows [begin, begin + rows) by the new numbering, then those of buckets.
  Tensor Loaded(int64_t begin, int64_t rows, int64_t bucket_rows, int64_t columns) const {
    const bool by_rows = vocab_.axis == 0;
    if (columns > std::numeric_limits<int32_t>::max() / std::max<int64_t>(rows, 1)) {
      Refuse(StrCat("WarmStart: a matrix of ", rows, " x ", columns,
                    " elements has too many of them for an int32"));
    }
    Input row_remapping = Tensor(), column_remapping = Array(kInt64, Shape({0}));
    Tensor present;  // the number of elements that the checkpoint has
    if (by_rows) {
      const std::vector<Tensor> remapping = Remapping(begin, rows, vocab_.old_vocab_size);
      row_remapping = remapping[0];
      present = remapping[1] * static_cast<int32_t>(columns);
    } else {
      row_remapping = Range(begin, begin + rows, 1, {.dtype = kInt64});
      const std::vector<Tensor> remapping = Remapping(0, columns, -1);
      column_remapping = remapping[0];
      present = static_cast<int32_t>(rows) * remapping[1];
    }
    const Tensor missing = static_cast<int32_t>(rows * columns) - present;
    const Tensor values = Backup({missing, 1});
    Tensor matrix =
        Op("LoadAndRemapMatrix", {prefix_, tensor_, row_remapping, column_remapping, values}, {},
           {{"num_rows", rows}, {"num_cols", columns}});
    if (by_rows && bucket_rows > 0) matrix = Concat({matrix, Backup({bucket_rows, columns})}, 0);
    if (!by_rows && vocab_.num_oov_buckets > 0)
      matrix = Concat({matrix, Backup({rows, vocab_.num_oov_buckets})}, 1);
    return matrix;
  }

  std::vector<Tensor> Remapping(int64_t offset, int64_t count, int64_t old_size) const {
    return OpBuilder("GenerateVocabRemapping", NameOptions())
        .In(vocab_.new_vocab)
        .In(vocab_.old_vocab)
        .Attr("new_vocab_offset", offset)
        .Attr("num_new_vocab", count)
        .Attr("old_vocab_size", old_size)
        .Outputs();
  }

  const std::string& prefix_;
  const std::string& tensor_;
  const VocabInfo& vocab_;
  int64_t total_rows_;
};

// Of a resource variable tf.assign gives a read of the new value, after the op that is meant.
Operation AssignmentOf(const Variable& v, const Tensor& value) {
  const Operation made = Assign(v, value).op();
  if (!v.is_resource()) return made;
  for (const Operation& before : made.control_inputs()) {
    if (before.type() == "AssignVariableOp" && before.input(0) == v.handle()) return before;
  }
  return made;
}

void CheckVocab(const std::string& name, const VocabInfo& vocab) {
  if (vocab.new_vocab.empty() || vocab.new_vocab_size == 0 || vocab.old_vocab.empty()) {
    Refuse(StrCat("WarmStart: the VocabInfo of ", name,
                  ": Invalid args: Must provide all of [current_vocab_path, current_vocab_size, "
                  "prev_ckpt, prev_vocab_path}."));
  }
  if (vocab.axis != 0 && vocab.axis != 1) {
    Refuse(StrCat("WarmStart: the VocabInfo of ", name,
                  ": The only supported values for the axis argument are 0 and 1.  Provided axis: ",
                  vocab.axis));
  }
  constexpr int64_t kMost = int64_t{1} << 31;  // what fits the ops' int32 counts, and more than any
  const auto check = [&](const char* what, int64_t n, int64_t least) {
    if (n < least || n >= kMost)
      Refuse(StrCat("WarmStart: the VocabInfo of ", name, ": ", what, " is ", n));
  };
  check("new_vocab_size", vocab.new_vocab_size, 1);
  check("num_oov_buckets", vocab.num_oov_buckets, 0);
  check("old_vocab_size", vocab.old_vocab_size, -1);
}

void StartWithVocab(const std::string& name, const std::vector<Variable>& variables,
                    const VocabInfo& vocab, const std::string& prefix, const std::string& tensor) {
  CheckVocab(name, vocab);
  int64_t total_rows = 0;
  for (const Variable& v : variables) {
    if (v.shape().IsFullyKnown() && v.shape().rank() > 0) total_rows += v.shape().dim(0);
  }
  const RemappedMatrix matrix(prefix, tensor, vocab, total_rows);
  for (const Variable& v : variables) {
    const Tensor value = matrix.Of(v);
    saving::ReplaceInitializer(v, AssignmentOf(v, value), Tensor());
  }
}

// ---- Which variables ----------------------------------------------------------------------------

// Variables, or all parts of one, by the name in a checkpoint; in the order in which they are
// found.
struct Group {
  std::string name;
  std::vector<Variable> variables;
};

std::vector<Group> Grouped(const std::vector<Variable>& list) {
  std::vector<Group> groups;
  for (const Variable& v : saving::SingleVariables(list)) {
    const std::string name = v.save_slice_info() ? v.save_slice_info()->full_name : v.op_name();
    const auto found =
        std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.name == name; });
    if (found == groups.end()) {
      groups.push_back({name, {v}});
    } else {
      found->variables.push_back(v);
    }
  }
  return groups;
}

std::vector<Group> Chosen(const WarmStartVariables& variables) {
  const WarmStartVariables::Choice& choice = variables.choice();
  if (const auto* regex = std::get_if<std::string>(&choice))
    return Grouped(TrainableVariables(*regex));
  if (const auto* list = std::get_if<std::vector<Variable>>(&choice)) return Grouped(*list);
  if (const auto* regexes = std::get_if<std::vector<std::string>>(&choice)) {
    std::vector<Variable> all;
    for (const std::string& regex : *regexes) {
      const std::vector<Variable> some = GlobalVariables(regex);
      all.insert(all.end(), some.begin(), some.end());
    }
    return Grouped(all);
  }
  return Grouped(TrainableVariables());
}

std::string Names(const std::vector<Group>& groups) {
  std::vector<std::string> names;
  for (const Group& g : groups) names.push_back(g.name);
  return StrJoin(names, ", ");
}

// Names in the checkpoint: as told, or those of its objects if it is one of TensorFlow 2.
std::map<std::string, std::string> PreviousNames(const std::string& prefix,
                                                 const std::vector<Group>& groups,
                                                 const WarmStartOptions& options) {
  if (!options.var_name_to_prev_var_name.empty()) return options.var_name_to_prev_var_name;
  const std::map<std::string, std::string> keys = saving::KeysOfObjects(prefix);
  if (keys.empty()) return {};
  std::map<std::string, std::string> previous;
  std::vector<std::string> missing;
  for (const Group& g : groups) {
    const auto found = keys.find(g.name);
    if (found == keys.end()) {
      missing.push_back(g.name);
    } else {
      previous[g.name] = found->second;
    }
  }
  if (missing.empty()) return previous;
  Refuse(
      StrCat("Attempting to warm-start from an object-based checkpoint, but found that the "
             "checkpoint did not contain values for all variables. The following variables were "
             "missing: ",
             StrJoin(missing, ", ")));
}

template <typename V>
void CheckAllUsed(const char* what, const std::map<std::string, V>& entries,
                  const std::vector<Group>& groups) {
  std::vector<std::string> unused;
  for (const auto& [name, value] : entries) {
    const bool used = std::any_of(groups.begin(), groups.end(),
                                  [&, &key = name](const Group& g) { return g.name == key; });
    if (!used) unused.push_back(name);
  }
  if (unused.empty()) return;
  Refuse(StrCat("You provided the following variables in ", what,
                " that were not used: ", StrJoin(unused, ", "),
                ".  Perhaps you misspelled them?  Here is the list of viable variable names: ",
                Names(groups)));
}

}  // namespace

void WarmStart(const std::string& folder_or_prefix, const WarmStartOptions& options) {
  LogInfo(StrCat("Warm-starting from: ", folder_or_prefix));
  const std::string prefix = saving::CheckpointPrefix(folder_or_prefix);
  const std::vector<Group> groups = Chosen(options.variables);
  const std::map<std::string, std::string> previous = PreviousNames(prefix, groups, options);
  // Before the graph is changed.
  CheckAllUsed("var_name_to_prev_var_name", previous, groups);
  CheckAllUsed("var_name_to_vocab_info", options.var_name_to_vocab_info, groups);
  const bool all = !std::holds_alternative<std::monostate>(options.variables.choice());

  AssignmentMap plain;
  size_t started = 0;
  for (const Group& g : groups) {
    const auto renamed = previous.find(g.name);
    const std::string& tensor = renamed == previous.end() ? g.name : renamed->second;
    const auto vocab = options.var_name_to_vocab_info.find(g.name);
    if (vocab != options.var_name_to_vocab_info.end()) {
      StartWithVocab(g.name, g.variables, vocab->second, prefix, tensor);
    } else if (all) {
      // Nodes are named in the order in which they are made; a tensor for two variables ends a
      // round, as in TensorFlow.
      const bool again = std::any_of(plain.begin(), plain.end(),
                                     [&](const auto& entry) { return entry.first == tensor; });
      if (again) {
        InitFromCheckpoint(prefix, plain);
        plain.clear();
      }
      plain.emplace_back(tensor, g.variables.size() == 1 ? AssignmentTarget(g.variables[0])
                                                         : AssignmentTarget(g.variables));
    } else {
      continue;
    }
    ++started;
  }
  if (!plain.empty()) InitFromCheckpoint(prefix, plain);
  LogInfo(StrCat("Warm-started ", started, " variables."));
}

}  // namespace weft::train
