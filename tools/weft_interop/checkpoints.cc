// SPDX-License-Identifier: Apache-2.0
// Checkpoints: read tensor by tensor, written again and read back, restored into the graph that
// was saved beside them; "checkpoint" files.
#include <set>
#include <string>
#include <vector>

#include "proto/weft/meta_graph.pb.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "tools/golden/container.h"
#include "tools/weft_interop/items.h"
#include "tools/weft_interop/json_array.h"
#include "weft/core/error.h"
#include "weft/framework/checkpoint.h"
#include "weft/graph/graph.h"
#include "weft/graph/op_def.h"

namespace weft::interop {
namespace {

namespace fs = std::filesystem;
using golden::Mismatch;

void CheckTensors(const train::CheckpointReader& reader, const Json& tensors) {
  const auto shapes = reader.GetVariableToShapeMap();
  if (shapes.size() != tensors.size())
    throw Mismatch(
        StrCat("the checkpoint lists ", shapes.size(), " tensors, expected ", tensors.size()));
  for (const auto& [name, want] : tensors.items()) CheckArray(name, reader.GetTensor(name), want);
}

void CheckSlices(const train::CheckpointReader& reader, const Json& slices) {
  for (const auto& [part, want] : slices.items()) {
    // "10 4 0,4:0,4": the full shape, then the slice.
    const std::string spec = Text(want, "slice_spec");
    const std::string slice = spec.substr(spec.rfind(' ') + 1);
    const std::string name = Text(want, "full_name");
    const Array got = reader.GetSlice(name, slice);
    Json whole = want;
    whole["dtype"] = DTypeName(got.dtype());
    CheckArray(part, got, whole);
  }
}

// What was read is written as version 2, read again, and must be the same.
void CheckWrittenAgain(const train::CheckpointReader& reader, const Json& tensors) {
  {
    train::CheckpointWriter writer("again");
    for (const auto& [name, want] : tensors.items()) writer.Write(name, reader.GetTensor(name));
    writer.Finish();
  }
  CheckTensors(train::CheckpointReader("again"), tensors);
}

// Imports the .meta and runs the restore op of its Saver.
void Restore(const std::string& meta_file, const std::string& prefix, const Graph& graph,
             Session& session) {
  proto::MetaGraphDef meta;
  if (!meta.ParseFromString(golden::ReadBytes(meta_file)))
    throw Mismatch(StrCat(meta_file, " is no MetaGraphDef"));
  ImportOptions options;
  options.prefix = "";
  ImportGraphDef(GraphDef(meta.graph_def()), options, graph);
  session.Run({Fetch(meta.saver_def().restore_op_name())},
              {{meta.saver_def().filename_tensor_name(), Array(prefix)}});
}

ConfigProto ThreeDevices() {
  ConfigProto config;
  config.device_count["CPU"] = 3;
  config.allow_soft_placement = true;
  return config;
}

void CheckVariables(const std::string& meta_file, const std::string& prefix, const Json& tensors) {
  const Graph graph;
  GraphScope scope(graph);
  Session session(graph, ThreeDevices());
  Restore(meta_file, prefix, graph, session);
  for (const auto& [name, want] : tensors.items()) {
    if (!graph.FindOperation(name)) continue;  // a slice, or what the graph doesn't hold
    const Operation op = graph.OperationByName(name);
    if (op.type() != "VariableV2" && op.type() != "Variable") continue;
    CheckArray(StrCat("restored ", name), session.Run(op.output(0)), want);
  }
}

void RunCheckpoint(const fs::path& dir) {
  const Json about = ReadJson(dir / "about.json"), expected = ReadJson(dir / "expected.json");
  const std::string prefix = (dir / Text(about, "prefix")).string();
  const train::CheckpointReader reader(prefix);
  CheckTensors(reader, expected.at("tensors"));
  if (expected.contains("slices")) CheckSlices(reader, expected.at("slices"));
  CheckWrittenAgain(reader, expected.at("tensors"));
  if (fs::exists(prefix + ".meta")) CheckVariables(prefix + ".meta", prefix, expected["tensors"]);
}

// A meta graph that goes on from a checkpoint.
void RunMeta(const fs::path& dir) {
  const Json about = ReadJson(dir / "about.json");
  const std::string prefix = (dir / Text(about, "prefix")).string();
  CheckTensors(train::CheckpointReader(prefix), ReadJson(dir / "expected.json").at("tensors"));
  const Graph graph;
  GraphScope scope(graph);
  Session session(graph, ThreeDevices());
  Restore((dir / Text(about, "meta")).string(), prefix, graph, session);
  golden::Container((dir / "expected.pb").string()).Check(graph, session, false);
}

std::string Under(const fs::path& dir, const std::string& path) {
  return (dir / path).string();  // an absolute path stays as it is
}

void CheckState(const fs::path& dir, const std::string& file, const Json& want) {
  const auto state = train::GetCheckpointState(dir.string(), file);
  if (!state) throw Mismatch(StrCat("no state in ", file));
  const auto fail = [&](const char* what) { throw Mismatch(StrCat(file, ": ", what, " differs")); };
  if (state->model_checkpoint_path != Under(dir, Text(want, "latest_checkpoint")))
    fail("model_checkpoint_path");
  std::vector<std::string> paths;
  for (const Json& p : want.at("all_model_checkpoint_paths"))
    paths.push_back(Under(dir, p.get<std::string>()));
  if (state->all_model_checkpoint_paths != paths) fail("all_model_checkpoint_paths");
  if (!want.contains("all_model_checkpoint_timestamps")) return;
  if (state->all_model_checkpoint_timestamps !=
      want.at("all_model_checkpoint_timestamps").get<std::vector<double>>())
    fail("all_model_checkpoint_timestamps");
  if (state->last_preserved_timestamp != want.at("last_preserved_timestamp").get<double>())
    fail("last_preserved_timestamp");
}

void RunStateTexts(const fs::path& dir) {
  const Json expected = ReadJson(dir / "expected.json");
  for (const auto& [file, want] : expected.items()) CheckState(dir, file, want);
}

void RunStateFiles(const fs::path& dir) {
  const Json expected = ReadJson(dir / "expected.json");
  CheckState(dir, "checkpoint", expected);
  if (train::LatestCheckpoint(dir.string()) != Under(dir, Text(expected, "latest_checkpoint")))
    throw Mismatch("the latest checkpoint differs");
  for (const auto& [prefix, tensors] : expected.at("checkpoints").items())
    CheckTensors(train::CheckpointReader(Under(dir, prefix)), tensors);
}

void Run(const fs::path& dir) {
  const std::string kind = Text(ReadJson(dir / "about.json"), "kind");
  if (kind == "checkpoint") return RunCheckpoint(dir);
  if (kind == "meta") return RunMeta(dir);
  if (kind == "state_texts") return RunStateTexts(dir);
  if (kind == "checkpoint_state") return RunStateFiles(dir);
  throw Mismatch(StrCat("unknown kind ", kind));
}

}  // namespace

std::vector<Item> CheckpointItems(const fs::path& dir) {
  std::vector<Item> items;
  const fs::path root = dir / "checkpoints";
  if (!fs::is_directory(root)) return items;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().filename() != "about.json") continue;
    const fs::path folder = entry.path().parent_path();
    items.push_back({"checkpoints", StrCat("checkpoints/", fs::relative(folder, root).string()),
                     [folder] { Run(folder); }});
  }
  return items;
}

}  // namespace weft::interop
