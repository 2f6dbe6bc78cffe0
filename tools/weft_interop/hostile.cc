// SPDX-License-Identifier: Apache-2.0
// Files that are broken, truncated, lying or oversized: each ends in a typed error, or runs if it
// is legal. Crashes, hangs and memory are watched by the process that runs the items.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "proto/weft/event.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "tools/golden/container.h"
#include "tools/weft_interop/items.h"
#include "tools/weft_interop/json.h"
#include "tools/weft_interop/record_file.h"
#include "weft/core/error.h"
#include "weft/framework/checkpoint.h"
#include "weft/framework/meta_graph.h"
#include "weft/framework/saved_model.h"
#include "weft/graph/graph.h"
#include "weft/ops/parsing.h"

namespace weft::interop {
namespace {

namespace fs = std::filesystem;
using golden::Mismatch;

// Loads a file, and runs what the entry says of it.
using Loader = std::function<void(const fs::path& file, const Json& entry)>;

void LoadGraphDef(const fs::path& file, const Json& entry) {
  const Graph graph;
  GraphScope scope(graph);
  ImportOptions options;
  options.prefix = "";
  ImportGraphDef(GraphDef::Parse(golden::ReadBytes(file.string())), options, graph);
  const std::string fetch = Text(entry, "fetch");
  if (fetch.empty()) return;
  Session session(graph);
  session.Run({Fetch(fetch)});
}

void LoadCheckpoint(const fs::path& folder, const Json& entry) {
  const train::CheckpointReader reader((folder / Text(entry, "prefix")).string());
  reader.DebugString();
  for (const auto& [name, shape] : reader.GetVariableToShapeMap()) reader.GetTensor(name);
}

// Finds the newest checkpoint and opens it: a folder without one is an error here.
void LoadState(const fs::path& folder, const Json&) {
  const std::string prefix = train::LatestCheckpoint(folder.string());
  if (prefix.empty()) throw NotFoundError(StrCat("no checkpoint in ", folder.string()));
  const train::CheckpointReader reader(prefix);
  for (const auto& [name, shape] : reader.GetVariableToShapeMap()) reader.GetTensor(name);
}

// As `saver = import_meta_graph(file)` does.
void LoadMetaGraph(const fs::path& file, const Json&) {
  const Graph graph;
  GraphScope scope(graph);
  train::ImportMetaGraph(file.string());
}

void LoadSavedModel(const fs::path& folder, const Json& entry) {
  const Graph graph;
  GraphScope scope(graph);
  Session session(graph);
  saved_model::Load(session, {saved_model::kServing}, folder.string());
  const std::string fetch = Text(entry, "fetch");
  if (fetch.empty()) return;
  Feeds feeds;
  if (fetch == "y:0") feeds.emplace_back("x:0", Array({{1.0f, 2.0f}}));
  session.Run({Fetch(fetch)}, feeds);
}

RecordFile ReadOrThrow(const fs::path& file, const std::string& compression) {
  RecordFile read = ReadRecordFile(file.string(), CompressionOf(compression));
  ThrowIfError(read.status);
  return read;
}

void LoadRecords(const fs::path& file, const Json& entry) {
  ReadOrThrow(file, Text(entry, "compression"));
}

void LoadEvents(const fs::path& file, const Json&) {
  for (const std::string& record : ReadOrThrow(file, "").records) {
    proto::Event event;
    if (!ParseProto(record, &event))
      throw DataLossError(StrCat(file.string(), ": a record is no Event"));
  }
}

void LoadExample(const fs::path& file, const Json&) {
  const Graph graph;
  GraphScope scope(graph);
  const io::ParsedFeatures parsed = io::ParseSingleExample(
      Array(golden::ReadBytes(file.string())), {{"f", io::FixedLenFeature{Shape({3}), kFloat32}},
                                                {"i", io::VarLenFeature{kInt64}},
                                                {"s", io::FixedLenFeature{Shape(), kString}}});
  Session session(graph);
  session.Run({Fetch(parsed.at("f").dense()), Fetch(parsed.at("i").sparse().values),
               Fetch(parsed.at("s").dense())});
}

const std::map<std::string, Loader>& Loaders() {
  static const auto* const loaders = new std::map<std::string, Loader>{
      {"graphdef", LoadGraphDef},      {"checkpoint", LoadCheckpoint},
      {"checkpoint_state", LoadState}, {"metagraph", LoadMetaGraph},
      {"saved_model", LoadSavedModel}, {"tfrecord", LoadRecords},
      {"events", LoadEvents},          {"example", LoadExample},
  };
  return *loaders;
}

void RunHostile(const fs::path& file, const Json& entry) {
  const auto loader = Loaders().find(Text(entry, "loader"));
  if (loader == Loaders().end())
    throw Mismatch(StrCat("nothing reads files of kind ", Text(entry, "loader")));
  const std::string accept = Text(entry, "accept");
  try {
    loader->second(file, entry);
  } catch (const Error& e) {
    if (accept == "success")
      throw Mismatch(StrCat("the file is legal, but: ", CodeName(e.code()), ": ", e.what()));
    return;
  }
  if (accept == "any error") throw Mismatch("an error was expected");
}

}  // namespace

std::vector<Item> HostileItems(const fs::path& dir) {
  std::vector<Item> items;
  const fs::path root = dir / "hostile";
  if (!fs::exists(root / "expected.json")) return items;
  const Json expected = ReadJson(root / "expected.json");
  for (const auto& [path, entry] : expected.items()) {
    items.push_back({"hostile", StrCat("hostile/", path),
                     [file = root / path, entry = entry] { RunHostile(file, entry); }});
  }
  return items;
}

}  // namespace weft::interop
