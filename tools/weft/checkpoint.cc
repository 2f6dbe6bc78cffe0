// SPDX-License-Identifier: Apache-2.0
// weft checkpoint: the tensors of a checkpoint.
#include "weft/framework/checkpoint.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>

#include "src/core/strings.h"
#include "tools/weft/command.h"
#include "tools/weft/json.h"
#include "tools/weft/model_options.h"
#include "tools/weft/npy.h"
#include "tools/weft/style.h"
#include "weft/core/error.h"

namespace weft::tool {
namespace {

struct CheckpointFlags {
  std::string path, tensor, slice, out, diff;
  bool json = false, values = false;
};

void ShowTensor(const train::CheckpointReader& reader, const CheckpointFlags& options) {
  const Array value = options.slice.empty() ? reader.GetTensor(options.tensor)
                                            : reader.GetSlice(options.tensor, options.slice);
  if (!options.out.empty()) return WriteNpy(options.out, value);
  std::cout << options.tensor << ": " << DTypeName(value.dtype()) << " " << value.shape().ToString()
            << "\n"
            << value << "\n";
}

void WriteJson(const std::string& prefix, const train::CheckpointReader& reader) {
  const std::map<std::string, DataType> dtypes = reader.GetVariableToDtypeMap();
  Json tensors = Json::array();
  for (const auto& [name, shape] : reader.GetVariableToShapeMap()) {
    const auto dims = shape.dims();
    tensors.push_back({{"name", name},
                       {"dtype", DTypeName(dtypes.at(name))},
                       {"shape", std::vector<int64_t>(dims.begin(), dims.end())},
                       {"slices", reader.GetSlices(name)}});
  }
  PrintJson({{"checkpoint", prefix}, {"tensors", tensors}});
}

void List(const std::string& prefix, const train::CheckpointReader& reader, bool values) {
  const std::map<std::string, DataType> dtypes = reader.GetVariableToDtypeMap();
  int64_t elements = 0;
  int tensors = 0;
  for (const auto& [name, shape] : reader.GetVariableToShapeMap()) {
    const size_t parts = reader.GetSlices(name).size();
    std::cout << Bold(name) << "  " << DTypeName(dtypes.at(name)) << " " << shape.ToString();
    if (parts > 0) std::cout << "  in " << parts << " slices";
    std::cout << "\n";
    if (values) std::cout << reader.GetTensor(name) << "\n";
    elements += shape.num_elements();
    ++tensors;
  }
  std::cout << prefix << ": " << tensors << (tensors == 1 ? " tensor, " : " tensors, ") << elements
            << (elements == 1 ? " element\n" : " elements\n");
}

// ---- The differences of two checkpoints ---------------------------------------------------------

// "" if the values are the same, bit by bit.
std::string Difference(const Array& a, const Array& b) {
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) {
    return StrCat(DTypeName(a.dtype()), " ", a.shape().ToString(), " and ", DTypeName(b.dtype()),
                  " ", b.shape().ToString());
  }
  if (a == b) return "";
  const int64_t n = a.num_elements();
  if (!IsFloating(a.dtype()) && !IsInteger(a.dtype())) return "the values differ";
  int64_t differing = 0;
  double greatest = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double x = a.AsDouble(i), y = b.AsDouble(i);
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    ++differing;
    greatest = std::max(greatest, std::abs(x - y));
  }
  if (differing == 0) return "";
  return StrCat(differing, " of ", n, " elements differ, by up to ", greatest);
}

struct Differences {
  std::vector<std::string> only_first, only_second;
  std::map<std::string, std::string> differing;
  int same = 0;
  bool any() const { return !only_first.empty() || !only_second.empty() || !differing.empty(); }
};

Differences Compare(const train::CheckpointReader& first, const train::CheckpointReader& second) {
  Differences d;
  for (const auto& [name, shape] : first.GetVariableToShapeMap()) {
    if (!second.HasTensor(name)) {
      d.only_first.push_back(name);
      continue;
    }
    std::string difference = Difference(first.GetTensor(name), second.GetTensor(name));
    if (difference.empty())
      ++d.same;
    else
      d.differing[name] = std::move(difference);
  }
  for (const auto& [name, shape] : second.GetVariableToShapeMap()) {
    if (!first.HasTensor(name)) d.only_second.push_back(name);
  }
  return d;
}

// Ends the program with kFailed if there are differences, as diff does.
void Diff(const train::CheckpointReader& first, const std::string& other, bool json) {
  const Differences d = Compare(first, train::CheckpointReader(PrefixOf(other)));
  if (json) {
    PrintJson({{"only_in_first", d.only_first},
               {"only_in_second", d.only_second},
               {"differing", d.differing},
               {"same", d.same}});
  } else {
    for (const std::string& name : d.only_first) std::cout << "- " << name << "\n";
    for (const std::string& name : d.only_second) std::cout << "+ " << name << "\n";
    for (const auto& [name, text] : d.differing)
      std::cout << "! " << Bold(name) << "  " << text << "\n";
    std::cout << d.same << " tensors are the same, " << d.differing.size() << " differ, "
              << d.only_first.size() << " are in the first only, " << d.only_second.size()
              << " in the second only\n";
  }
  if (d.any()) throw CLI::RuntimeError(kFailed);
}

void Checkpoint(const CheckpointFlags& options) {
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
  if (!options.diff.empty()) return Diff(reader, options.diff, options.json);
  if (options.json) return WriteJson(prefix, reader);
  List(prefix, reader, options.values);
}

}  // namespace

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

void AddCheckpoint(CLI::App& weft) {
  auto options = std::make_shared<CheckpointFlags>();
  CLI::App* command = weft.add_subcommand(
      "checkpoint", "Lists the tensors of a checkpoint, prints, copies or compares them");
  command
      ->add_option("CHECKPOINT", options->path,
                   "its prefix (model.ckpt-100), one of its files, or a folder: its newest")
      ->required();
  CLI::Option* tensor = command->add_option("--tensor", options->tensor, "this one only, by name");
  command->add_option("--slice", options->slice, "a part of it: 0,4:- (start and length, or all)")
      ->needs(tensor);
  command->add_option("-o,--out", options->out,
                      "write a .npy file (with --tensor) or a .npz file of all");
  command->add_option("--diff", options->diff,
                      "compare with this checkpoint; ends with 1 if there are differences");
  command->add_flag("--values", options->values, "list the values, too");
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options] { Checkpoint(*options); });
}

}  // namespace weft::tool
