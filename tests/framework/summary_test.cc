// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/summary.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "proto/weft/event.pb.h"
#include "proto/weft/graph.pb.h"
#include "src/io/crc32c.h"
#include "tests/support/arrays.h"
#include "weft/weft.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

class SummaryTest : public testing::Test {
 protected:
  SummaryTest()
      : folder_(fs::temp_directory_path() /
                ("weft_summary_test." + std::to_string(getpid()) + "." +
                 testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(folder_);
  }
  ~SummaryTest() override { fs::remove_all(folder_); }

  proto::Summary Value(Tensor t, const Feeds& feeds = {}) {
    proto::Summary s;
    EXPECT_TRUE(s.ParseFromString(session_.Run(t, feeds).scalar<std::string>()));
    return s;
  }

  Graph graph_;
  GraphScope scope_{graph_};
  Session session_{graph_};
  const fs::path folder_;
};

// The events of a file; each record's checksums are checked.
std::vector<proto::Event> ReadEvents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::vector<proto::Event> events;
  for (size_t at = 0; at < bytes.size();) {
    uint64_t length = 0;
    uint32_t length_crc = 0, data_crc = 0;
    EXPECT_LE(at + 12, bytes.size());
    std::memcpy(&length, bytes.data() + at, 8);
    std::memcpy(&length_crc, bytes.data() + at + 8, 4);
    EXPECT_EQ(io::MaskCrc32c(io::Crc32c(bytes.data() + at, 8)), length_crc);
    EXPECT_LE(at + 16 + length, bytes.size());
    if (at + 16 + length > bytes.size()) break;
    std::memcpy(&data_crc, bytes.data() + at + 12 + length, 4);
    EXPECT_EQ(io::MaskCrc32c(io::Crc32c(bytes.data() + at + 12, length)), data_crc);
    EXPECT_TRUE(
        events.emplace_back().ParseFromArray(bytes.data() + at + 12, static_cast<int>(length)));
    at += 16 + length;
  }
  return events;
}

TEST_F(SummaryTest, NamesAndTagsAreTensorFlows) {
  const Tensor p = Placeholder(kFloat32, PartialShape::Unknown());
  const Feeds feeds = {{p, F32(1)}};
  Tensor loss, in_family, weights;
  {
    NameScope n("n");
    loss = summary::Scalar("/lo ss", p);
    in_family = summary::Scalar("loss", p, {.family = "fam"});
    weights = summary::Histogram("w", p);
  }
  EXPECT_EQ(loss.name(), "n/lo_ss:0");
  EXPECT_EQ(loss.op().input(0).name(), "n/lo_ss/tags:0");
  EXPECT_EQ(Value(loss, feeds).value(0).tag(), "n/lo_ss");
  EXPECT_EQ(in_family.name(), "n/fam/loss:0");
  EXPECT_EQ(Value(in_family, feeds).value(0).tag(), "fam/n/fam/loss");
  EXPECT_EQ(weights.op().input(0).name(), "n/w/tag:0");
  const Tensor all = summary::MergeAll();
  EXPECT_EQ(all.name(), "Merge/MergeSummary:0");
  EXPECT_EQ(Value(all, feeds).value_size(), 3);
  EXPECT_EQ(summary::Merge({loss}, {.name = "m"}).name(), "m/m:0");
  EXPECT_EQ(summary::MergeAll(GraphKeys::kSummaries, "n/fam").op().num_inputs(), 1);
  EXPECT_FALSE(summary::MergeAll("nothing").valid());
  const Tensor text = summary::Text("txt", "hello");
  EXPECT_EQ(text.op().input(2).name(), "txt/serialized_summary_metadata:0");
  EXPECT_EQ(Value(text).value(0).metadata().plugin_data().plugin_name(), "text");
  EXPECT_THROW(summary::Text("number", 1.f), InvalidArgumentError);
}

TEST_F(SummaryTest, FileWriterWritesRecords) {
  const Tensor p = Placeholder(kFloat32, Shape(), "p");
  const Tensor loss = summary::Scalar("loss", p);
  const Tensor text = summary::Text("txt", "hello");
  std::string path;
  {
    summary::FileWriter writer((folder_ / "a/b").string(), graph_);
    path = writer.path();
    for (int step : {1, 2}) {
      writer.AddSummary(session_.Run(loss, {{p, F32(static_cast<float>(step) / 2)}}), step);
      writer.AddSummary(session_.Run(text), step);
    }
    writer.AddScalar("accuracy", 0.25, 3);
    writer.AddSessionLog(summary::FileWriter::SessionStatus::kStart, 4);
    writer.Flush();
    EXPECT_EQ(ReadEvents(path).size(), 8u);
    EXPECT_THROW(writer.AddSummary(F32(1)), InvalidArgumentError);
    EXPECT_THROW(writer.AddSummary(Str("no summary")), InvalidArgumentError);
    writer.Close();
    writer.Close();
    EXPECT_THROW(writer.AddScalar("late", 1), FailedPreconditionError);
  }
  EXPECT_EQ(fs::path(path).filename().string().find("events.out.tfevents."), 0u);
  const std::vector<proto::Event> events = ReadEvents(path);
  ASSERT_EQ(events.size(), 8u);
  EXPECT_EQ(events[0].file_version(), "brain.Event:2");
  EXPECT_GT(events[0].wall_time(), 1.6e9);
  proto::GraphDef graph;
  ASSERT_TRUE(graph.ParseFromString(events[1].graph_def()));
  EXPECT_EQ(graph.node(0).name(), "p");
  EXPECT_EQ(events[2].step(), 1);
  EXPECT_EQ(events[2].summary().value(0).simple_value(), 0.5f);
  EXPECT_TRUE(events[3].summary().value(0).has_metadata());
  EXPECT_FALSE(events[5].summary().value(0).has_metadata()) << "known since step 1";
  EXPECT_EQ(events[6].summary().value(0).tag(), "accuracy");
  EXPECT_EQ(events[7].session_log().status(), proto::SessionLog::START);
}

TEST_F(SummaryTest, ManyWritersAndThreads) {
  summary::FileWriter a(folder_.string(), {.max_queue = 3}), b(folder_.string());
  EXPECT_NE(a.path(), b.path());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) a.AddScalar("t" + std::to_string(t), i, i);
    });
  }
  for (std::thread& t : threads) t.join();
  a.Close();
  EXPECT_EQ(ReadEvents(a.path()).size(), 401u);
  std::ofstream(folder_ / "file") << "x";
  EXPECT_THROW(summary::FileWriter((folder_ / "file" / "in").string()), Error);
}

}  // namespace
}  // namespace weft
