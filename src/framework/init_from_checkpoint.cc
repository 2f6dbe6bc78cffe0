// SPDX-License-Identifier: Apache-2.0
// InitFromCheckpoint: names of nodes are TensorFlow's.
#include "src/framework/init_from_checkpoint.h"

#include <algorithm>
#include <set>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/saver_builder.h"
#include "src/framework/variable_data.h"
#include "src/framework/variable_store.h"
#include "src/io/file_system.h"
#include "weft/framework/checkpoint.h"
#include "weft/framework/partitioned_variable.h"
#include "weft/graph/attr_value.h"
#include "weft/graph/op_builder.h"

namespace weft::train {
namespace {

using Shapes = std::map<std::string, Shape>;
using VariablesByName = std::map<std::string, Variable, std::less<>>;

// As Python prints a list: "[2, 3]".
std::string ListText(const Shape& shape) { return StrCat("[", StrJoin(shape.dims(), ", "), "]"); }

std::string DictText(const Shapes& shapes) {
  std::string text = "{";
  for (const auto& [name, shape] : shapes)
    StrAppend(&text, text.size() > 1 ? ", '" : "'", name, "': ", ListText(shape));
  return text + "}";
}

class Assigner {
 public:
  explicit Assigner(const std::string& folder_or_prefix)
      : given_(folder_or_prefix),
        prefix_(saving::CheckpointPrefix(folder_or_prefix)),
        shapes_(CheckpointReader(prefix_).GetVariableToShapeMap()),
        store_(weft::internal::StoreOf(Graph::Default()).variables) {}

  void Assign(const std::string& tensor, const AssignmentTarget& target) const {
    if (const auto* v = std::get_if<Variable>(&target.target()))
      return AssignTensor(tensor, {saving::SingleVariables({*v}), v->is_partitioned()});
    if (const auto* parts = std::get_if<std::vector<Variable>>(&target.target()))
      return AssignTensor(tensor, {saving::SingleVariables(*parts), true});
    const std::string& name = std::get<std::string>(target.target());
    const Found named = Named(name);
    if (!named.variables.empty()) return AssignTensor(tensor, named);
    AssignScope(tensor, name);
  }

 private:
  struct Found {
    std::vector<Variable> variables;
    bool are_parts = false;  // each gets its slice
  };

  // The variable of that name, or its parts; nothing if there is none.
  Found Named(const std::string& name) const {
    if (const auto found = store_.find(name); found != store_.end()) return {{found->second}};
    Found parts{{}, true};
    for (int i = 0;; ++i) {
      const auto found = store_.find(StrCat(name, "/part_", i));
      if (found == store_.end()) return parts;
      parts.variables.push_back(found->second);
    }
  }

  void AssignTensor(const std::string& tensor, const Found& found) const {
    const auto stored = shapes_.find(tensor);
    if (stored == shapes_.end()) {
      ThrowError(Code::kInvalidArgument, StrCat("Tensor ", tensor, " is not found in ", given_,
                                                " checkpoint ", DictText(shapes_)));
    }
    if (!found.are_parts &&
        !found.variables[0].shape().IsCompatibleWith(PartialShape(stored->second))) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Shape of variable ", found.variables[0].name(), " (",
                        found.variables[0].shape().ToPythonString(),
                        ") doesn't match with shape of tensor ", tensor, " (",
                        ListText(stored->second), ") from checkpoint reader."));
    }
    SetInitializers(found, tensor);
  }

  // All variables below a scope, from tensors of the same names below another.
  void AssignScope(const std::string& from, const std::string& to) const {
    const size_t slash = to.rfind('/');
    const std::string scope = slash == std::string::npos ? "" : to.substr(0, slash);
    if (!from.ends_with('/')) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Assignment map with scope only name ", scope, " should map to scope only ",
                        from, ". Should be 'scope/': 'other_scope/'."));
    }
    std::set<std::string> names;
    for (const auto& [name, variable] : store_) {
      if (scope.empty() || name.starts_with(scope + "/"))
        names.insert(name.substr(0, name.find("/part_")));
    }
    for (const std::string& name : names) {
      const std::string below = name.substr(scope.size() + (to == "/" ? 0 : 1));
      std::string tensor = from == "/" ? below : from + below;
      if (tensor.ends_with('/')) tensor.pop_back();
      if (!shapes_.contains(tensor)) {
        ThrowError(
            Code::kInvalidArgument,
            StrCat("Tensor ", tensor, " (", name.substr(std::min(name.size(), scope.size() + 1)),
                   " in ", from, ") is not found in ", given_, " checkpoint"));
      }
      SetInitializers(Named(name), tensor);
    }
  }

  void SetInitializers(const Found& found, const std::string& tensor) const {
    if (!found.are_parts) return SetInitializer(found.variables[0], tensor, "");
    const std::string* whole = nullptr;
    for (const Variable& v : found.variables) {
      if (!v.save_slice_info()) {
        ThrowError(Code::kInvalidArgument,
                   StrCat("InitFromCheckpoint: several variables get tensor ", tensor, ", but ",
                          v.name(), " is no part of a larger one"));
      }
      const std::string& name = v.save_slice_info()->full_name;
      if (whole && *whole != name) {
        ThrowError(Code::kInvalidArgument,
                   StrCat("Slices must all be from the same tensor: ", *whole, " != ", name));
      }
      whole = &name;
      SetInitializer(v, tensor, v.save_slice_info()->Spec());
    }
  }

  void SetInitializer(const Variable& v, const std::string& tensor, const std::string& spec) const {
    Tensor value;
    {
      const DeviceScope there(v.device());
      const DeviceScope on_cpu("/cpu:0");
      value = OpBuilder("RestoreV2", "checkpoint_initializer")
                  .In(prefix_)
                  .In(Array::FromVector(std::vector<std::string>{tensor}))
                  .In(Array::FromVector(std::vector<std::string>{spec}))
                  .Attr("dtypes", std::vector<DataType>{v.dtype()})
                  .Output();
    }
    const Operation assign = saving::RestoreInto(v, value);
    value.set_shape(v.shape());
    saving::ReplaceInitializer(v, assign, value);
  }

  const std::string& given_;
  const std::string prefix_;
  const Shapes shapes_;
  const VariablesByName& store_;
};

}  // namespace

std::vector<Variable> saving::SingleVariables(const std::vector<Variable>& variables) {
  std::vector<Variable> singles;
  for (const Variable& v : variables) {
    if (!v.valid())
      ThrowError(Code::kInvalidArgument,
                 "An empty Variable can't be initialised from a checkpoint");
    if (v.is_partitioned()) {
      const PartitionedVariable parts(v);
      singles.insert(singles.end(), parts.begin(), parts.end());
    } else {
      singles.push_back(v);
    }
  }
  return singles;
}

std::string saving::CheckpointPrefix(const std::string& folder_or_prefix) {
  const absl::StatusOr<io::FileInfo> info = io::GetFileInfo(folder_or_prefix);
  if (!info.ok() || !info->is_folder) return folder_or_prefix;
  std::string latest = LatestCheckpoint(folder_or_prefix);
  if (!latest.empty()) return latest;
  ThrowError(Code::kNotFound,
             StrCat("Couldn't find 'checkpoint' file or checkpoints in given directory ",
                    folder_or_prefix));
}

void saving::ReplaceInitializer(const Variable& v, const Operation& initializer,
                                const Tensor& value) {
  Variable::Data& data = weft::internal::SingleData(v, "initializer");
  data.initializer = initializer;
  if (value.valid()) data.initial_value = value;
}

void InitFromCheckpoint(const std::string& folder_or_prefix, const AssignmentMap& assignment_map) {
  const Assigner assigner(folder_or_prefix);
  AssignmentMap sorted = assignment_map;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [tensor, target] : sorted) assigner.Assign(tensor, target);
}

}  // namespace weft::train
