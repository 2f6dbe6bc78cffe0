// SPDX-License-Identifier: Apache-2.0
// The nodes of a Saver: names, order and attributes are TensorFlow's.
#include "src/framework/saver_builder.h"

#include <algorithm>
#include <set>

#include "src/core/device_name.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "weft/framework/partitioned_variable.h"
#include "weft/graph/attr_value.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/control.h"

namespace weft::train {
namespace {

// A variable, or a part of one, under a name in the checkpoint.
struct Saveable {
  std::string name;
  std::string slice;  // "": the whole
  Variable variable;

  // What SaveV2 reads: the reference itself of a whole variable; of a part of a resource variable a
  // read that makes no copy, brought to the host.
  Tensor Value() const {
    if (slice.empty() && !variable.is_resource()) return variable.ref();
    if (slice.empty() || !variable.is_resource()) return variable.GraphElement();
    const DeviceScope there(variable.device());
    Tensor value;
    {
      const NameScope read("Read");
      OpBuilder("DisableCopyOnRead", NameOptions()).In(variable.handle()).Build();
      value = OpBuilder("ReadVariableOp", NameOptions())
                  .In(variable.handle())
                  .Attr("dtype", variable.dtype())
                  .Output();
    }
    value = OpBuilder("Identity", NameOptions()).In(value).Output();
    const DeviceScope on_host("/device:CPU:0");
    return OpBuilder("Identity", NameOptions()).In(value).Output();
  }
};

using Named = std::map<std::string, std::vector<Variable>>;

void AddByOwnName(const Variable& v, Named* named) {
  if (v.is_partitioned()) {
    for (const Variable& part : PartitionedVariable(v)) AddByOwnName(part, named);
    return;
  }
  const bool is_slice = v.save_slice_info().has_value();
  const std::string& name = is_slice ? v.save_slice_info()->full_name : v.op_name();
  std::vector<Variable>& list = (*named)[name];
  if (!list.empty() && list[0].save_slice_info().has_value() != is_slice) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Mixing slices and non-slices with the same name: ", name));
  }
  if (!list.empty() && !is_slice) {
    ThrowError(Code::kInvalidArgument, StrCat("At least two variables have the same name: ", name));
  }
  list.push_back(v);
}

Named ByName(const SaverVariables& variables) {
  if (variables.named()) {
    Named named;
    for (const auto& [name, list] : *variables.named()) {
      std::vector<Variable>& flat = named[name];
      for (const Variable& v : list) {
        if (v.valid() && v.is_partitioned()) {
          const PartitionedVariable parts(v);
          flat.insert(flat.end(), parts.begin(), parts.end());
        } else {
          flat.push_back(v);
        }
      }
    }
    return named;
  }
  std::vector<Variable> list = variables.list() ? *variables.list() : GlobalVariables();
  for (const Variable& v : list) {
    if (!v.valid()) ThrowError(Code::kInvalidArgument, "Saver: an empty Variable is to be saved");
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const Variable& a, const Variable& b) { return a.name() < b.name(); });
  Named named;
  for (const Variable& v : list) AddByOwnName(v, &named);
  return named;
}

std::vector<Saveable> SaveablesOf(const SaverVariables& variables) {
  std::vector<Saveable> saveables;
  std::set<std::string> seen;
  for (const auto& [name, list] : ByName(variables)) {
    for (const Variable& v : list) {
      if (!v.valid()) {
        ThrowError(Code::kInvalidArgument,
                   StrCat("Saver: an empty Variable is to be saved as ", name));
      }
      if (list.size() > 1 && !v.save_slice_info())
        ThrowError(Code::kInvalidArgument, StrCat("Slices must all be slices: ", v.name()));
      if (!seen.insert(v.name()).second) {
        ThrowError(Code::kInvalidArgument,
                   StrCat("The same saveable will be restored with two names: ", name));
      }
      saveables.push_back({name, v.save_slice_info() ? v.save_slice_info()->Spec() : "", v});
    }
  }
  return saveables;
}

// The device of the first core of the machine that `device` is of.
std::string CpuOf(const std::string& device) {
  DeviceName name;
  DeviceName::Parse(device, &name);
  name.type = "CPU";
  name.index = 0;
  return name.ToString();
}

class Builder {
 public:
  explicit Builder(const SaverOptions& options) : options_(options) {}

  SaverDef Build(const std::vector<Saveable>& saveables) {
    const NameScope scope(options_.name.empty() ? "save" : options_.name);
    const Array default_name(options_.filename.empty() ? std::string("model") : options_.filename);
    const Tensor given = PlaceholderWithDefault(default_name, "filename");
    prefix_ = PlaceholderWithDefault(given, "Const");
    SaverDef def;
    def.filename_tensor_name = prefix_.name();
    if (options_.sharded) {
      const Shards shards = ByDevice(saveables);
      def.save_tensor_name =
          (options_.write_version == CheckpointVersion::kV2 ? SaveShards(shards)
                                                            : SaveShardsV1(shards))
              .name();
      def.restore_op_name = RestoreShards(shards).name();
    } else {
      def.save_tensor_name = Save(prefix_, saveables).name();
      def.restore_op_name = Restore(saveables, "restore_all").name();
    }
    def.max_to_keep = options_.max_to_keep;
    def.sharded = options_.sharded;
    def.keep_checkpoint_every_n_hours = static_cast<float>(options_.keep_checkpoint_every_n_hours);
    def.version = options_.write_version;
    return def;
  }

 private:
  using Shards = std::map<std::string, std::vector<Saveable>>;

  static Tensor PlaceholderWithDefault(const Input& value, const char* name) {
    return OpBuilder("PlaceholderWithDefault", name)
        .In(value)
        .Attr("shape", PartialShape::Scalar())
        .Output();
  }
  static Input Names(const std::vector<Saveable>& saveables) {
    std::vector<std::string> names;
    for (const Saveable& s : saveables) names.push_back(s.name);
    return Array::FromVector(names);
  }
  static Input Slices(const std::vector<Saveable>& saveables) {
    std::vector<std::string> slices;
    for (const Saveable& s : saveables) slices.push_back(s.slice);
    return Array::FromVector(slices);
  }

  // The filename, once all is saved.
  Tensor Save(const Tensor& filename, const std::vector<Saveable>& saveables) const {
    std::vector<Input> values;
    for (const Saveable& s : saveables) values.push_back(s.Value());
    const bool v2 = options_.write_version == CheckpointVersion::kV2;
    const Operation save = OpBuilder(v2 ? "SaveV2" : "SaveSlices", v2 ? "SaveV2" : "save")
                               .In(filename)
                               .In(Names(saveables))
                               .In(Slices(saveables))
                               .InList(values)
                               .Build();
    return WithDependencies({save}, filename);
  }

  Operation Restore(const std::vector<Saveable>& saveables, const char* name) const {
    std::vector<DataType> dtypes;
    for (const Saveable& s : saveables) dtypes.push_back(s.variable.dtype());
    std::vector<Tensor> values;
    {
      const DeviceScope on_cpu("/device:CPU:0");
      values = OpBuilder("RestoreV2", NameOptions())
                   .In(prefix_)
                   .In(Names(saveables))
                   .In(Slices(saveables))
                   .Attr("dtypes", dtypes)
                   .Outputs();
    }
    std::vector<Operation> assigned;
    for (size_t i = 0; i < saveables.size(); ++i)
      assigned.push_back(Assign(saveables[i], values[i]));
    return Group(assigned, name);
  }

  Operation Assign(const Saveable& s, Tensor value) const {
    const Variable& v = s.variable;
    if (options_.reshape) {
      const Tensor current = s.Value();
      const PartialShape& shape = current.shape();
      value = shape.IsFullyKnown() ? ReshapedTo(value, shape.ToShape())
                                   : OpBuilder("Reshape", NameOptions())
                                         .In(value)
                                         .In(OpBuilder("Shape", NameOptions()).In(current).Output())
                                         .Output();
    }
    return saving::RestoreInto(v, value, !options_.reshape);
  }

  static Tensor ReshapedTo(const Tensor& value, const Shape& shape) {
    std::vector<int32_t> dims;
    for (const int64_t d : shape.dims()) dims.push_back(static_cast<int32_t>(d));
    return OpBuilder("Reshape", NameOptions()).In(value).In(Array::FromVector(dims)).Output();
  }

  static Shards ByDevice(const std::vector<Saveable>& saveables) {
    Shards shards;
    for (const Saveable& s : saveables) {
      DeviceName name;
      DeviceName::Parse(s.variable.device(), &name);
      shards[name.ToString()].push_back(s);
    }
    return shards;
  }

  static Tensor ShardName(const Tensor& base, int shard, const Tensor& num_shards) {
    return OpBuilder("ShardedFilename", NameOptions())
        .In(base)
        .In(Array(int32_t{shard}))
        .In(num_shards)
        .Output();
  }

  // Each shard goes to a checkpoint of its own in "<prefix>_temp/", then they are merged.
  Tensor SaveShards(const Shards& shards) const {
    Tensor part_prefix;
    {
      const DeviceScope on_cpu("/device:CPU:*");
      const Tensor on_s3 = OpBuilder("StaticRegexFullMatch", NameOptions())
                               .In(prefix_)
                               .Attr("pattern", std::string("^s3://.*"))
                               .Output();
      const Tensor for_s3 = AsTensor(Array(std::string(".part")));
      const Tensor for_others = AsTensor(Array(std::string("_temp/part")));
      const Tensor suffix =
          OpBuilder("Select", NameOptions()).In(on_s3).In(for_s3).In(for_others).Output();
      part_prefix = OpBuilder("StringJoin", NameOptions())
                        .InList({prefix_, suffix})
                        .Attr("separator", std::string())
                        .Output();
    }
    const Tensor num_shards = NumShards(shards);
    std::vector<Input> parts;
    std::vector<Operation> saved;
    for (const auto& [device, saveables] : shards) {
      const DeviceScope there(CpuOf(device));
      const Tensor part = ShardName(part_prefix, static_cast<int>(parts.size()), num_shards);
      parts.push_back(part);
      saved.push_back(Save(part, saveables).op());
    }
    const ControlDependencies after(saved);
    const DeviceScope where_the_last_is(CpuOf(shards.rbegin()->first));
    const ControlDependencies merged({Merge(parts)});
    return OpBuilder("Identity", NameOptions()).In(prefix_).Output();
  }

  Operation Merge(const std::vector<Input>& parts) const {
    const NameScope scope("MergeV2Checkpoints");
    const Tensor all = OpBuilder("Pack", NameOptions("checkpoint_prefixes"))
                           .InList(parts)
                           .Attr("axis", int64_t{0})
                           .Output();
    return OpBuilder("MergeV2Checkpoints", scope.name())
        .In(all)
        .In(prefix_)
        .Attr("delete_old_dirs", true)
        .Build();
  }

  // Of version 1: files of their own, which one pattern matches.
  Tensor SaveShardsV1(const Shards& shards) const {
    const Tensor num_shards = NumShards(shards);
    std::vector<Operation> saved;
    for (const auto& [device, saveables] : shards) {
      const DeviceScope there(device);
      const Tensor name = ShardName(prefix_, static_cast<int>(saved.size()), num_shards);
      saved.push_back(Save(name, saveables).op());
    }
    const ControlDependencies after(saved);
    return OpBuilder("ShardedFilespec", NameOptions()).In(prefix_).In(num_shards).Output();
  }

  Operation RestoreShards(const Shards& shards) const {
    std::vector<Operation> restored;
    for (const auto& [device, saveables] : shards) {
      const DeviceScope there(device);
      restored.push_back(Restore(saveables, "restore_shard"));
    }
    return Group(restored, "restore_all");
  }

  static Tensor NumShards(const Shards& shards) {
    return AsTensor(Array(static_cast<int32_t>(shards.size())), kInvalidType, "num_shards");
  }

  const SaverOptions& options_;
  Tensor prefix_;
};

}  // namespace

SaverVariables::SaverVariables(const std::map<std::string, Variable>& named) {
  named_.emplace();
  for (const auto& [name, v] : named) (*named_)[name] = {v};
}

Operation saving::RestoreInto(const Variable& v, const Tensor& value, bool validate_shape) {
  if (v.is_resource()) {
    const DeviceScope there(v.device());
    const Tensor copied = OpBuilder("Identity", NameOptions()).In(value).Output();
    return OpBuilder("AssignVariableOp", NameOptions()).In(v.handle()).In(copied).Build();
  }
  return OpBuilder("Assign", NameOptions())
      .In(v.ref())
      .In(value)
      .Attr("validate_shape", validate_shape && v.ref().shape().IsFullyKnown())
      .Build();
}

std::optional<SaverDef> saving::BuildSaver(const SaverVariables& variables,
                                           const SaverOptions& options) {
  if (options.max_to_keep < 0) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Saver: max_to_keep is ", options.max_to_keep, ", not 0 or more"));
  }
  const std::vector<Saveable> saveables = SaveablesOf(variables);
  if (!saveables.empty()) return Builder(options).Build(saveables);
  if (options.allow_empty) return std::nullopt;
  ThrowError(Code::kInvalidArgument, "No variables to save");
}

}  // namespace weft::train
