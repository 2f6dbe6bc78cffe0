// SPDX-License-Identifier: Apache-2.0
// Record files and event files.
#include "src/io/record.h"

#include "proto/weft/example.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "tests/tensorflow/expected.h"
#include "weft/framework/summary.h"
#include "weft/weft.h"

namespace weft::for_tensorflow {
namespace {

namespace fs = std::filesystem;

// Record i is an Example of i's multiples; check.py knows the rule.
void WriteExamples(const fs::path& folder, io::Compression compression) {
  fs::create_directories(folder);
  auto writer =
      ValueOrThrow(io::RecordWriter::Create((folder / "a.tfrecord").string(), {compression}));
  std::vector<std::string> records;
  for (int64_t i = 0; i < 200; ++i) {
    proto::Example example;
    auto& features = *example.mutable_features()->mutable_feature();
    for (int64_t j = 0; j < i % 5; ++j) {
      features["ints"].mutable_int64_list()->add_value(i * j - 7);
      features["floats"].mutable_float_list()->add_value(static_cast<float>(i * j) / 8);
      features["texts"].mutable_bytes_list()->add_value(StrCat(i, "/", j));
    }
    records.push_back(SerializeProto(example));
    ThrowIfError(writer->Write(records.back()));
  }
  ThrowIfError(writer->Close());
  Array expected(kString, Shape({static_cast<int64_t>(records.size())}));
  for (size_t i = 0; i < records.size(); ++i) expected.mutable_data<std::string>()[i] = records[i];
  WriteExpected(folder, "records", "a.tfrecord", {.expected = {{"records", expected}}});
}

void WriteEvents(const fs::path& folder) {
  const Graph graph;
  const GraphScope scope(graph);
  const Tensor x = Placeholder(kFloat32, {-1}, "x");
  summary::Scalar("average", ReduceMean(x));
  summary::Histogram("spread", x);
  summary::Text("note", Constant("hello"));
  const Tensor merged = summary::MergeAll();
  Session session;
  summary::FileWriter writer((folder / "logs").string(), graph);
  writer.AddSessionLog(summary::FileWriter::SessionStatus::kStart);
  std::vector<float> means;
  for (int step = 0; step < 20; ++step) {
    const auto value = static_cast<float>(step) / 2;
    means.push_back(value);
    writer.AddSummary(session.Run(merged, {{x, Array({value - 1, value, value + 1})}}), step);
  }
  writer.Close();
  WriteExpected(folder, "events", "logs", {.expected = {{"average", Array::FromVector(means)}}});
}

}  // namespace

void WriteRecords(const fs::path& root) {
  WriteExamples(root / "records", io::Compression::kNone);
  WriteExamples(root / "records_zlib", io::Compression::kZlib);
  WriteExamples(root / "records_gzip", io::Compression::kGzip);
  WriteEvents(root / "events");
}

}  // namespace weft::for_tensorflow
