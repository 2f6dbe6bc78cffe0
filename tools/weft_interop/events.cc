// SPDX-License-Identifier: Apache-2.0
// Event files: each event (expected_raw.json), and by tags what TensorBoard shows of them
// (expected.json). What was read is written again by the library's writer.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "proto/weft/config.pb.h"
#include "proto/weft/event.pb.h"
#include "proto/weft/meta_graph.pb.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "src/io/crc32c.h"
#include "src/io/event_writer.h"
#include "tools/golden/container.h"
#include "tools/weft_interop/items.h"
#include "tools/weft_interop/json_array.h"
#include "tools/weft_interop/record_file.h"

namespace weft::interop {
namespace {

namespace fs = std::filesystem;
using golden::Mismatch;
using Events = std::vector<proto::Event>;

Events ReadEvents(const std::string& path) {
  const RecordFile file = ReadRecordFile(path, io::Compression::kNone);
  if (!file.status.ok()) throw Mismatch(file.status.ToString());
  Events events(file.records.size());
  for (size_t i = 0; i < events.size(); ++i) {
    if (!ParseProto(file.records[i], &events[i]))
      throw Mismatch(StrCat(path, ": record ", i, " is no Event"));
  }
  return events;
}

// The name of the field of a message's oneof that is set.
std::string NameOfSet(const google::protobuf::Message& message, const char* oneof) {
  const auto* field = message.GetReflection()->GetOneofFieldDescriptor(
      message, message.GetDescriptor()->FindOneofByName(oneof));
  return field ? field->name() : "";
}

// Numbers of every kind are exact; "nan" and "inf" stand for themselves.
Json Number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

// ---- As it stands in the file -------------------------------------------------------------------

Json RawEvent(const proto::Event& event) {
  Json raw = {
      {"step", event.step()}, {"wall_time", event.wall_time()}, {"what", NameOfSet(event, "what")}};
  if (event.has_file_version()) raw["file_version"] = event.file_version();
  if (event.has_session_log())
    raw["status"] = proto::SessionLog::SessionStatus_Name(event.session_log().status());
  if (!event.has_summary()) return raw;
  raw["values"] = Json::array();
  for (const auto& value : event.summary().value()) {
    raw["values"].push_back({{"tag", value.tag()},
                             {"value", NameOfSet(value, "value")},
                             {"plugin", value.metadata().plugin_data().plugin_name()}});
  }
  return raw;
}

void CheckRaw(const Events& events, const Json& want) {
  if (events.size() != want.size())
    throw Mismatch(StrCat(events.size(), " events, expected ", want.size()));
  for (size_t i = 0; i < events.size(); ++i) {
    const Json got = RawEvent(events[i]);
    if (got != want[i])
      throw Mismatch(StrCat("event ", i, " is ", got.dump(), ", expected ", want[i].dump()));
  }
}

// Copies the events with the library's writer; the messages must come out the same.
void CheckWrittenAgain(const Events& events) {
  auto writer = io::EventWriter::Create("again");
  absl::Status status = writer.status();
  for (size_t i = 1; i < events.size() && status.ok(); ++i) status = (*writer)->Write(events[i]);
  if (status.ok()) status = (*writer)->Close();
  if (!status.ok()) throw Mismatch(StrCat("writing: ", status.ToString()));
  const Events again = ReadEvents((*writer)->path());
  if (again.size() != events.size() || again[0].file_version() != events[0].file_version())
    throw Mismatch("written and read again the number of events or the version differs");
  for (size_t i = 1; i < events.size(); ++i) {
    if (SerializeProto(again[i]) != SerializeProto(events[i]))
      throw Mismatch(StrCat("written and read again event ", i, " differs"));
  }
}

// ---- By tags, as TensorBoard lists them ---------------------------------------------------------

// tag -> the events of the tag, each with its step and time.
struct Tagged {
  Json scalars = Json::object(), histograms = Json::object(), audio = Json::object(),
       images = Json::object(), tensors = Json::object();
  std::map<std::string, std::vector<Array>> values;  // of the tensors
};

std::vector<Json> Numbers(const google::protobuf::RepeatedField<double>& values) {
  std::vector<Json> numbers;
  for (const double v : values) numbers.push_back(Number(v));
  return numbers;
}

Json HistogramOf(const proto::HistogramProto& h) {
  return {{"min", Number(h.min())},
          {"max", Number(h.max())},
          {"num", Number(h.num())},
          {"sum", Number(h.sum())},
          {"sum_squares", Number(h.sum_squares())},
          {"bucket_limit", Numbers(h.bucket_limit())},
          {"bucket", Numbers(h.bucket())}};
}

Json AudioOf(const proto::Summary::Audio& audio) {
  char crc[16];
  std::snprintf(crc, sizeof crc, "%08x", io::Crc32c(audio.encoded_audio_string()));
  return {{"sample_rate", audio.sample_rate()},
          {"length_frames", audio.length_frames()},
          {"content_type", audio.content_type()},
          {"bytes", audio.encoded_audio_string().size()},
          {"crc32c", crc}};
}

void Take(const proto::Event& event, const proto::Summary::Value& value, Tagged* to) {
  const auto add = [&](Json& list, Json item) {
    item["step"] = event.step();
    item["wall_time"] = event.wall_time();
    list[value.tag()].push_back(std::move(item));
  };
  if (value.has_simple_value()) add(to->scalars, {{"value", Number(value.simple_value())}});
  if (value.has_histo()) add(to->histograms, HistogramOf(value.histo()));
  if (value.has_audio()) add(to->audio, AudioOf(value.audio()));
  if (value.has_image())
    add(to->images, {{"width", value.image().width()}, {"height", value.image().height()}});
  if (!value.has_tensor()) return;
  Json& tensor = to->tensors[value.tag()];
  if (!tensor.contains("plugin")) tensor["plugin"] = value.metadata().plugin_data().plugin_name();
  add(tensor, Json::object());
  absl::StatusOr<Array> array = ArrayFromProto(value.tensor());
  if (!array.ok()) throw Mismatch(StrCat(value.tag(), ": ", array.status().ToString()));
  to->values[value.tag()].push_back(*std::move(array));
}

void ExpectSame(const std::string& what, const Json& got, const Json& want) {
  if (got != want)
    throw Mismatch(StrCat(what, " differ: ", Json::diff(want, got).dump().substr(0, 500)));
}

// The pixels of pictures are left to the tests of the image ops: here is what the event tells.
void CheckImages(const Json& got, Json want) {
  for (auto& [tag, list] : want.items()) {
    for (Json& image : list) image.erase("pixels");
  }
  ExpectSame("images", got, want);
}

void CheckTensors(const Tagged& got, const Json& want) {
  ExpectSame("the number of tensor tags", got.tensors.size(), want.size());
  for (const auto& [tag, tensor] : want.items()) {
    const Json& list = got.tensors.at(tag);
    ExpectSame(tag + "'s plugin", list.at("plugin"), tensor.at("plugin"));
    const Json& events = tensor.at("events");
    const std::vector<Array>& values = got.values.at(tag);
    ExpectSame("the number of events of " + tag, values.size(), events.size());
    for (size_t i = 0; i < values.size(); ++i) CheckArray(tag, values[i], events[i]);
  }
}

void CheckGraph(const std::string& bytes, const Json& want) {
  proto::GraphDef graph;
  if (!ParseProto(bytes, &graph)) throw Mismatch("the graph is no GraphDef");
  Json names = Json::array();
  for (const auto& node : graph.node()) names.push_back(node.name());
  ExpectSame("the graph's nodes", names, want.at("node_names"));
  ExpectSame("the number of functions", graph.library().function_size(), want.at("functions"));
}

void CheckMetaGraph(const std::string& bytes, const Json& want) {
  proto::MetaGraphDef meta;
  if (!ParseProto(bytes, &meta)) throw Mismatch("the meta graph is no MetaGraphDef");
  std::set<std::string> collections;
  for (const auto& [name, collection] : meta.collection_def()) collections.insert(name);
  ExpectSame("the meta graph's nodes", meta.graph_def().node_size(), want.at("nodes"));
  ExpectSame("the meta graph's collections", collections, want.at("collections"));
}

void CheckRunMetadata(const proto::TaggedRunMetadata& tagged, const Json& want) {
  proto::RunMetadata metadata;
  if (!ParseProto(tagged.run_metadata(), &metadata))
    throw Mismatch(tagged.tag() + " is no RunMetadata");
  Json devices = Json::array();
  std::set<std::string> nodes;
  for (const auto& device : metadata.step_stats().dev_stats()) {
    devices.push_back(device.device());
    for (const auto& node : device.node_stats()) nodes.insert(node.node_name());
  }
  ExpectSame("the devices of " + tagged.tag(), devices, want.at(tagged.tag()).at("devices"));
  ExpectSame("the nodes of " + tagged.tag(), nodes, want.at(tagged.tag()).at("nodes"));
}

void CheckShown(const Events& events, const Json& want) {
  Tagged got;
  size_t graphs = 0, meta_graphs = 0, runs = 0;
  for (const proto::Event& event : events) {
    for (const auto& value : event.summary().value()) Take(event, value, &got);
    if (event.has_graph_def()) {
      CheckGraph(event.graph_def(), want.at("graph"));
      ++graphs;
    } else if (event.has_meta_graph_def()) {
      CheckMetaGraph(event.meta_graph_def(), want.at("meta_graph"));
      ++meta_graphs;
    } else if (event.has_tagged_run_metadata()) {
      CheckRunMetadata(event.tagged_run_metadata(), want.at("run_metadata"));
      ++runs;
    }
  }
  ExpectSame("the number of graphs", graphs, want.contains("graph") ? 1 : 0);
  ExpectSame("meta graphs", meta_graphs > 0, want.contains("meta_graph"));
  ExpectSame("the number of traced runs", runs, want.at("run_metadata").size());
  ExpectSame("scalars", got.scalars, want.at("scalars"));
  ExpectSame("histograms", got.histograms, want.at("histograms"));
  ExpectSame("audio", got.audio, want.at("audio"));
  CheckImages(got.images, want.at("images"));
  CheckTensors(got, want.at("tensors"));
  ExpectSame("the time of the first event", events.at(0).wall_time(),
             want.at("first_event_timestamp"));
}

}  // namespace

std::vector<Item> EventItems(const fs::path& dir) {
  std::vector<Item> items;
  const fs::path root = dir / "events";
  if (!fs::exists(root / "expected_raw.json")) return items;
  const Json raw = ReadJson(root / "expected_raw.json"), shown = ReadJson(root / "expected.json");
  for (const auto& [name, want] : raw.items()) {
    const std::string run = fs::path(name).parent_path().string();
    items.push_back({"events", StrCat("events/", run),
                     [file = (root / "logs" / name).string(), want = want, show = shown.at(run)] {
                       const Events events = ReadEvents(file);
                       CheckRaw(events, want);
                       CheckShown(events, show);
                       CheckWrittenAgain(events);
                     }});
  }
  return items;
}

}  // namespace weft::interop
