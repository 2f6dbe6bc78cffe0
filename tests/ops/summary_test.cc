// SPDX-License-Identifier: Apache-2.0
// Expected bytes and buckets are TensorFlow 2.15.1's.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "proto/weft/summary.pb.h"
#include "tests/support/op_case.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/basic.h"

namespace weft {
namespace {

using std::string_literals::operator""s;

TEST(ScalarSummary, Values) {
  OpCase("ScalarSummary")
      .In(Str({"a", "b"}))
      .In(F32({1, 2}))
      .Out(Str("\n\x08\n\x01"s + "a\x15\0\0\x80?\n\x08\n\x01"s + "b\x15\0\0\0@"s))
      .RunEverywhere();
  OpCase("ScalarSummary")
      .In(Str("x"))
      .In(Array(int64_t{1}))
      .Out(Str("\n\x08\n\x01x\x15\0\0\x80?"s))
      .RunEverywhere();
}

TEST(ScalarSummary, ShapesMustAgree) {
  OpCase("ScalarSummary")
      .In(Str({"a", "b"}))
      .In(F32({1, 2, 3}))
      .ExpectRunError(Code::kInvalidArgument, "tags and values are not the same shape: [2] != [3]");
  OpCase("ScalarSummary")
      .In(Str("a"))
      .In(F32({1}))
      .ExpectRunError(Code::kInvalidArgument, "[] != [1] (tag 'a')");
}

class HistogramSummaryTest : public testing::Test {
 protected:
  proto::HistogramProto Run(const Array& values) {
    Graph graph;
    GraphScope use(graph);
    const Tensor t = OpBuilder("HistogramSummary", "h").In("tag").In(values).Output();
    Session session;
    proto::Summary summary;
    EXPECT_TRUE(summary.ParseFromString(session.Run(t).scalar<std::string>()));
    EXPECT_EQ(summary.value(0).tag(), "tag");
    return summary.value(0).histo();
  }
  using Doubles = std::vector<double>;
};

TEST_F(HistogramSummaryTest, BucketsGrowByTenPercent) {
  const proto::HistogramProto h = Run(F32({0, 1, -1, 2, 1, 1e30f}));
  EXPECT_EQ(h.min(), -1);
  EXPECT_EQ(h.max(), 1.0000000150474662e+30);
  EXPECT_EQ(h.num(), 6);
  EXPECT_EQ(h.sum(), 1.0000000150474662e+30);
  EXPECT_EQ(h.sum_squares(), 1.0000000300949327e+60);
  EXPECT_EQ(Doubles(h.bucket_limit().begin(), h.bucket_limit().end()),
            (Doubles{-1.0089710279437536, -0.917246389039776, 0, 1e-12, 0.917246389039776,
                     1.0089710279437536, 1.9661990955585713, 2.1628190051144287,
                     9.9207756218597835e+19, 1.7976931348623157e+308}));
  EXPECT_EQ(Doubles(h.bucket().begin(), h.bucket().end()), (Doubles{0, 1, 0, 1, 0, 2, 0, 1, 0, 1}));
}

TEST_F(HistogramSummaryTest, OfNothingAndOfExtremes) {
  const double largest = std::numeric_limits<double>::max();
  const proto::HistogramProto none = Run(Array(kFloat32, Shape({0})));
  EXPECT_EQ(none.min(), largest);
  EXPECT_EQ(none.max(), -largest);
  EXPECT_EQ(Doubles(none.bucket_limit().begin(), none.bucket_limit().end()), Doubles{largest});
  const proto::HistogramProto h = Run(F64({largest, -largest}));
  EXPECT_EQ(h.num(), 2);
  double counted = 0;
  for (double c : h.bucket()) counted += c;
  EXPECT_EQ(counted, 2);
}

TEST(HistogramSummary, BadValues) {
  OpCase("HistogramSummary")
      .In(Str({"x"}))
      .In(F32(1))
      .ExpectRunError(Code::kInvalidArgument, "tags must be scalar");
  OpCase("HistogramSummary")
      .In(Str("x"))
      .In(F32({1, kNaN}))
      .ExpectRunError(Code::kInvalidArgument, "Nan in summary histogram for: ");
  OpCase("HistogramSummary")
      .In(Str("x"))
      .In(F64({-INFINITY}))
      .ExpectRunError(Code::kInvalidArgument, "Infinity in Histogram for: ");
}

TEST(MergeSummary, JoinsAllAndRefusesTwins) {
  const std::string a = "\n\x08\n\x01"s + "a\x15\0\0\x80?"s, b = "\n\x08\n\x01"s + "b\x15\0\0\0@"s;
  OpCase("MergeSummary").In(Str(a)).In(Str({b, ""})).Attr("N", 2).Out(Str(a + b)).RunEverywhere();
  OpCase("MergeSummary")
      .In(Str(a))
      .In(Str(a))
      .Attr("N", 2)
      .ExpectRunError(Code::kInvalidArgument, "Duplicate tag a found in summary inputs");
  OpCase("MergeSummary")
      .In(Str("bad"))
      .Attr("N", 1)
      .ExpectRunError(Code::kInvalidArgument, "Could not parse one of the summary inputs");
}

TEST(TensorSummary, Values) {
  OpCase("TensorSummaryV2")
      .In(Str("tt"))
      .In(F32(1))
      .In(Str("\x12\x01"s + "D\x1a\x01"s + "d"))
      .Out(Str("\n\x18\n\x02ttB\n\x08\x01\x12\0\"\x04\0\0\x80?J\x06\x12\x01"s + "D\x1a\x01"s + "d"))
      .RunEverywhere();
  OpCase("TensorSummaryV2")
      .In(Str({"a"}))
      .In(F32(1))
      .In(Str(""))
      .ExpectRunError(Code::kInvalidArgument, "tag must be scalar");
  OpCase("TensorSummaryV2")
      .In(Str("a"))
      .In(F32(1))
      .In(Str({""}))
      .ExpectRunError(Code::kInvalidArgument, "serialized_summary_metadata must be scalar");
  Graph graph;
  GraphScope use(graph);
  Session session;
  const Tensor ts = OpBuilder("TensorSummary", "ts").In(ConstantOf(Str({"x", "y"}))).Output();
  EXPECT_EQ(session.Run(ts).scalar<std::string>(),
            "\n\x14:\x02tsB\x0e\x08\x07\x12\x04\x12\x02\x08\x02"s + "B\x01xB\x01y"s);
}

TEST(Summaries, Shapes) {
  ExpectShape("ScalarSummary", {"?", "?"}, "[]");
  ExpectShape("HistogramSummary", {"?", "[3]"}, "[]");
  ExpectShape("TensorSummary", {"[2]"}, "[]");
}

}  // namespace
}  // namespace weft
