// SPDX-License-Identifier: Apache-2.0
// weft checkpoint: the tensors of a checkpoint.
#include "weft/framework/checkpoint.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "src/core/strings.h"
#include "tools/weft/command.h"
#include "tools/weft/json.h"
#include "tools/weft/npy.h"
#include "weft/core/error.h"

namespace weft::tool {
namespace {

struct Options {
  std::string path, tensor, slice, out;
  bool json = false, values = false;
};

// A folder stands for its newest checkpoint; the name of one of the files for the checkpoint.
std::string PrefixOf(const std::string& path) {
  if (std::filesystem::is_directory(path)) {
    const std::string newest = train::LatestCheckpoint(path);
    if (newest.empty()) ThrowError(Code::kNotFound, path + ": it has no checkpoint");
    return newest;
  }
  for (const std::string_view suffix : {".index", ".meta"}) {
    if (path.ends_with(suffix)) return path.substr(0, path.size() - suffix.size());
  }
  return path.substr(0, path.find(".data-"));
}

void ShowTensor(const train::CheckpointReader& reader, const Options& options) {
  const Array value = options.slice.empty() ? reader.GetTensor(options.tensor)
                                            : reader.GetSlice(options.tensor, options.slice);
  if (!options.out.empty()) return WriteNpy(options.out, value);
  std::cout << options.tensor << ": " << DTypeName(value.dtype()) << " " << value.shape().ToString()
            << "\n"
            << value << "\n";
}

void WriteJson(const std::string& prefix, const train::CheckpointReader& reader) {
  const std::map<std::string, DataType> dtypes = reader.GetVariableToDtypeMap();
  JsonWriter json(std::cout);
  json.BeginObject().Key("checkpoint").Value(prefix).Key("tensors").BeginArray();
  for (const auto& [name, shape] : reader.GetVariableToShapeMap()) {
    json.BeginObject().Key("name").Value(name).Key("dtype").Value(DTypeName(dtypes.at(name)));
    json.Key("shape").BeginArray();
    for (const int64_t d : shape.dims()) json.Value(d);
    json.End().Key("slices").BeginArray();
    for (const std::string& slice : reader.GetSlices(name)) json.Value(slice);
    json.End().End();
  }
  json.End().End();
}

void List(const std::string& prefix, const train::CheckpointReader& reader, bool values) {
  const std::map<std::string, DataType> dtypes = reader.GetVariableToDtypeMap();
  int64_t elements = 0;
  int tensors = 0;
  for (const auto& [name, shape] : reader.GetVariableToShapeMap()) {
    const size_t parts = reader.GetSlices(name).size();
    std::cout << name << "  " << DTypeName(dtypes.at(name)) << " " << shape.ToString();
    if (parts > 0) std::cout << "  in " << parts << " slices";
    std::cout << "\n";
    if (values) std::cout << reader.GetTensor(name) << "\n";
    elements += shape.num_elements();
    ++tensors;
  }
  std::cout << prefix << ": " << tensors << " tensors, " << elements << " elements\n";
}

void Checkpoint(const Options& options) {
  const std::string prefix = PrefixOf(options.path);
  const train::CheckpointReader reader(prefix);
  if (!options.tensor.empty()) return ShowTensor(reader, options);
  if (options.out.ends_with(".npz")) {
    std::map<std::string, Array> arrays;
    for (const auto& [name, shape] : reader.GetVariableToShapeMap()) {
      arrays[name] = reader.GetTensor(name);
    }
    return WriteNpz(options.out, arrays);
  }
  if (!options.out.empty()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("--out ", options.out, ": all tensors go to a .npz file"));
  }
  if (options.json) return WriteJson(prefix, reader);
  List(prefix, reader, options.values);
}

}  // namespace

void AddCheckpoint(CLI::App& weft) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      weft.add_subcommand("checkpoint", "Lists the tensors of a checkpoint, prints or copies them");
  command
      ->add_option("CHECKPOINT", options->path,
                   "its prefix (model.ckpt-100), one of its files, or a folder: its newest")
      ->required();
  CLI::Option* tensor = command->add_option("--tensor", options->tensor, "this one only, by name");
  command->add_option("--slice", options->slice, "a part of it: 0,4:- (start and length, or all)")
      ->needs(tensor);
  command->add_option("-o,--out", options->out,
                      "write a .npy file (with --tensor) or a .npz file of all");
  command->add_flag("--values", options->values, "list the values, too");
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options] { Checkpoint(*options); });
}

}  // namespace weft::tool
