// SPDX-License-Identifier: Apache-2.0
// TFRecord files: read record by record, with the Examples in them and the errors they end with,
// and written again.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "proto/weft/example.pb.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "src/io/crc32c.h"
#include "tools/golden/container.h"
#include "tools/weft_interop/items.h"
#include "tools/weft_interop/json_array.h"
#include "tools/weft_interop/record_file.h"

namespace weft::interop {
namespace {

namespace fs = std::filesystem;
using golden::Mismatch;

std::string HexCrc(std::string_view bytes) {
  char text[16];
  std::snprintf(text, sizeof text, "%08x", io::Crc32c(bytes));
  return text;
}

template <typename List>
void CheckList(const std::string& name, const List& list, DataType dtype, const Json& values) {
  using T = std::decay_t<decltype(list.Get(0))>;
  Array got(dtype, Shape({list.size()}));
  for (int i = 0; i < list.size(); ++i) got.mutable_data<T>()[i] = list.Get(i);
  CheckArray(name, got,
             {{"dtype", DTypeName(dtype)}, {"shape", {values.size()}}, {"values", values}});
}

// {"int64_list": [1, 2]}, or null for a feature without a kind.
void CheckFeature(const std::string& name, const proto::Feature& got, const Json& want) {
  const auto kind = got.kind_case();
  if (want.is_null()) {
    if (kind != proto::Feature::KIND_NOT_SET) throw Mismatch(name + " should have no kind");
  } else if (want.contains("bytes_list") && kind == proto::Feature::kBytesList) {
    CheckList(name, got.bytes_list().value(), kString, want["bytes_list"]);
  } else if (want.contains("float_list") && kind == proto::Feature::kFloatList) {
    CheckList(name, got.float_list().value(), kFloat32, want["float_list"]);
  } else if (want.contains("int64_list") && kind == proto::Feature::kInt64List) {
    CheckList(name, got.int64_list().value(), kInt64, want["int64_list"]);
  } else {
    throw Mismatch(StrCat(name, ": the kind should be that of ", want.dump()));
  }
}

void CheckFeatures(const std::string& name, const proto::Features& got, const Json& want) {
  if (got.feature().size() != want.size())
    throw Mismatch(StrCat(name, ": ", got.feature().size(), " features, expected ", want.size()));
  for (const auto& [key, feature] : want.items()) {
    const auto found = got.feature().find(key);
    if (found == got.feature().end()) throw Mismatch(StrCat(name, " has no feature ", key));
    CheckFeature(StrCat(name, ", feature ", key), found->second, feature);
  }
}

void CheckFeatureLists(const std::string& name, const proto::FeatureLists& got, const Json& want) {
  if (got.feature_list().size() != want.size())
    throw Mismatch(StrCat(name, ": the number of feature lists differs"));
  for (const auto& [key, list] : want.items()) {
    const auto found = got.feature_list().find(key);
    if (found == got.feature_list().end() ||
        found->second.feature_size() != static_cast<int>(list.size()))
      throw Mismatch(StrCat(name, ": feature list ", key, " differs in length"));
    for (size_t i = 0; i < list.size(); ++i)
      CheckFeature(StrCat(name, ", ", key, "[", i, "]"), found->second.feature(static_cast<int>(i)),
                   list[i]);
  }
}

void CheckRecord(const std::string& name, const std::string& got, const Json& want) {
  if (got.size() != want.at("length").get<size_t>())
    throw Mismatch(StrCat(name, " has ", got.size(), " bytes, expected ", want["length"].dump()));
  if (HexCrc(got) != Text(want, "crc32c")) throw Mismatch(name + ": the bytes differ");
  if (want.contains("features")) {
    proto::Example example;
    if (!ParseProto(got, &example)) throw Mismatch(name + " is no Example");
    CheckFeatures(name, example.features(), want["features"]);
  }
  if (want.contains("feature_lists")) {
    proto::SequenceExample example;
    if (!ParseProto(got, &example)) throw Mismatch(name + " is no SequenceExample");
    CheckFeatures(name + ", context", example.context(), want.at("context"));
    CheckFeatureLists(name, example.feature_lists(), want["feature_lists"]);
  }
}

// What TensorFlow's reader ends with; its texts stand in ours, after the name of the file.
void CheckEnd(const absl::Status& got, const Json& want) {
  if (want.is_null()) {
    if (!got.ok()) throw Mismatch(StrCat("should end well, but: ", got.ToString()));
    return;
  }
  if (got.ok()) throw Mismatch(StrCat("ends well, expected ", want.dump()));
  if (Text(want, "code") != "DataLossError" || !absl::IsDataLoss(got) ||
      !std::string(got.message()).ends_with(Text(want, "message")))
    throw Mismatch(StrCat("ends with ", got.ToString(), ", expected ", want.dump()));
}

// The same records in each compression.
void CheckWrittenAgain(const std::vector<std::string>& records) {
  for (const auto compression :
       {io::Compression::kNone, io::Compression::kZlib, io::Compression::kGzip}) {
    auto writer = io::RecordWriter::Create("again.tfrecord", {compression});
    absl::Status status = writer.status();
    for (const std::string& record : records) {
      if (status.ok()) status = (*writer)->Write(record);
    }
    if (status.ok()) status = (*writer)->Close();
    if (!status.ok()) throw Mismatch(StrCat("writing: ", status.ToString()));
    const RecordFile again = ReadRecordFile("again.tfrecord", compression);
    if (!again.status.ok() || again.records != records)
      throw Mismatch("written and read again the records differ");
  }
}

void RunFile(const fs::path& file, const Json& want) {
  const RecordFile got = ReadRecordFile(file.string(), CompressionOf(Text(want, "compression")));
  CheckEnd(got.status, want.at("error"));
  if (got.records.size() != want.at("count").get<size_t>())
    throw Mismatch(StrCat(got.records.size(), " records, expected ", want["count"].dump()));
  const Json records = want.value("records", Json::array());
  for (size_t i = 0; i < records.size(); ++i)
    CheckRecord(StrCat("record ", i), got.records.at(i), records[i]);
  const std::string joined = Text(want, "crc32c_of_all_records_joined");
  if (!joined.empty() && HexCrc(StrJoin(got.records, "")) != joined)
    throw Mismatch("the checksum of all records differs");
  CheckWrittenAgain(got.records);
}

}  // namespace

io::Compression CompressionOf(const std::string& name) {
  const auto compression = io::CompressionFromName(name == "none" ? "" : name);
  if (!compression.ok()) throw Mismatch(StrCat("unknown compression ", name));
  return *compression;
}

RecordFile ReadRecordFile(const std::string& path, io::Compression compression) {
  RecordFile file;
  auto reader = io::RecordReader::Open(path, {.compression = compression});
  file.status = reader.status();
  std::string record;
  while (file.status.ok()) {
    const absl::StatusOr<bool> more = (*reader)->Read(&record);
    file.status = more.status();
    if (!more.ok() || !*more) break;
    file.records.push_back(record);
  }
  return file;
}

std::vector<Item> RecordItems(const fs::path& dir) {
  std::vector<Item> items;
  const fs::path root = dir / "tfrecord";
  if (!fs::exists(root / "expected.json")) return items;
  const Json expected = ReadJson(root / "expected.json");
  for (const auto& [name, want] : expected.items()) {
    items.push_back({"tfrecord", StrCat("tfrecord/", name),
                     [file = root / name, want = want] { RunFile(file, want); }});
  }
  return items;
}

}  // namespace weft::interop
