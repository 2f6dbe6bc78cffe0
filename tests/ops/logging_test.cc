// SPDX-License-Identifier: Apache-2.0
#include "weft/ops/logging.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_binary.h"

namespace weft {
namespace {

using testing::internal::CaptureStderr;
using testing::internal::CaptureStdout;
using testing::internal::GetCapturedStderr;
using testing::internal::GetCapturedStdout;

class LoggingTest : public testing::Test {
 protected:
  Graph g_;
  GraphScope use_{g_};
  Session session_{g_};
};

TEST_F(LoggingTest, PrintWritesMessageAndValues) {
  const Tensor x = ConstantOf(F32({1, 2.5f, -3, 4}));
  const Tensor y =
      Print(x, {x, ConstantOf(I32(7)), ConstantOf(Str({"a", "b"}))}, {.message = "here: "});
  EXPECT_EQ(y.name(), "Print:0");
  CaptureStderr();
  const Array got = session_.Run(y);
  EXPECT_EQ(GetCapturedStderr(), "here: [1 2.5 -3...][7][a b]\n");
  EXPECT_TRUE(ArraysEqual(got, F32({1, 2.5f, -3, 4})));
}

TEST_F(LoggingTest, PrintSummarizes) {
  const Tensor x = ConstantOf(I32({{1, 2}, {3, 4}}));
  const auto text = [&](int64_t summarize) {
    const Tensor y = Print(x, {x}, {.summarize = summarize});
    CaptureStderr();
    session_.Run(y);
    return GetCapturedStderr();
  };
  EXPECT_EQ(text(3), "[[1 2][3...]...]\n");
  EXPECT_EQ(text(-1), "[[1 2][3 4]]\n");
}

TEST_F(LoggingTest, PrintFirstN) {
  const Tensor x = Placeholder(kFloat32, Shape());
  const Tensor y = Print(x, {x}, {.first_n = 2});
  CaptureStderr();
  for (float v : {1.f, 2.f, 3.f}) session_.Run(y, {{x, F32(v)}});
  EXPECT_EQ(GetCapturedStderr(), "[1]\n[2]\n");
}

TEST_F(LoggingTest, PrintV2Streams) {
  const auto run = [&](const std::string& stream, const std::string& end = "\n") {
    session_.Run(PrintV2(ConstantOf(Str("text")), {.output_stream = stream, .end = end}));
  };
  CaptureStderr();
  run("stderr");
  run("stderr", "|");
  EXPECT_EQ(GetCapturedStderr(), "text\ntext|");
  CaptureStdout();
  run("stdout");
  EXPECT_EQ(GetCapturedStdout(), "text\n");
  for (const char* level : {"info", "warning", "error"}) {
    CaptureStderr();
    run(std::string("log(") + level + ")");
    const std::string got = GetCapturedStderr();
    EXPECT_NE(got.find("text\n"), std::string::npos) << got;
    EXPECT_EQ(got[0], std::toupper(level[0])) << got;
  }
}

TEST_F(LoggingTest, PrintV2AppendsToFiles) {
  const std::string path = testing::TempDir() + "weft_print_v2_test.txt";
  std::filesystem::remove(path);
  const Operation print = PrintV2(ConstantOf(Str("line")), {.output_stream = "file://" + path});
  session_.Run(print);
  session_.Run(print);
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), "line\nline\n");
  std::filesystem::remove(path);
  EXPECT_THROW(session_.Run(PrintV2(ConstantOf(Str("x")),
                                    {.output_stream = "file:///no such folder/at all"})),
               FailedPreconditionError);
}

TEST_F(LoggingTest, AssertSaysWhatItSaw) {
  const Tensor ok = Placeholder(kBool, Shape());
  const Operation check =
      Assert(ok, {ConstantOf(Str("too large:")), ConstantOf(I32({5, 6, 7, 8}))});
  EXPECT_EQ(check.name(), "Assert/Assert");
  session_.Run(check, {{ok, Bool(true)}});
  try {
    session_.Run(check, {{ok, Bool(false)}});
    FAIL() << "the assertion held";
  } catch (const InvalidArgumentError& e) {
    EXPECT_NE(std::string(e.what()).find("assertion failed: [too large:] [5 6 7...]"),
              std::string::npos)
        << e.what();
  }
}

// Values that are dear to fetch are looked at in a branch of their own.
TEST_F(LoggingTest, AssertGuardsItsData) {
  const Tensor x = Placeholder(kFloat32, {2});
  const Tensor ok = Placeholder(kBool, Shape());
  const Operation check = Assert(ok, {x}, {.summarize = 1});
  EXPECT_EQ(check.name(), "Assert/AssertGuard/Merge");
  session_.Run(check, {{ok, Bool(true)}, {x, F32({1, 2})}});
  try {
    session_.Run(check, {{ok, Bool(false)}, {x, F32({1, 2})}});
    FAIL() << "the assertion held";
  } catch (const InvalidArgumentError& e) {
    EXPECT_NE(std::string(e.what()).find("assertion failed: [1...]"), std::string::npos)
        << e.what();
  }
}

TEST_F(LoggingTest, Timestamps) {
  const Tensor now = Timestamp();
  EXPECT_EQ(now.dtype(), kFloat64);
  const double first = *session_.Run(now).data<double>(),
               second = *session_.Run(now).data<double>();
  EXPECT_GT(first, 1.5e9);
  EXPECT_GE(second, first);
}

TEST(LoggingOps, ShapesAndErrors) {
  ExpectShape("Print", {"[?,3]", "int32[2]"}, "[?,3]", {{"U", std::vector<DataType>{kInt32}}});
  ExpectShape("Timestamp", {}, "[]");
  ExpectBuildError("Assert", {"bool[]"}, "", {{"T", std::vector<DataType>{}}});
  ExpectBuildError("PrintV2", {"string[2]"}, "Shape must be rank 0 but is rank 1");
  OpCase("PrintV2")
      .In(Str({"a"}))
      .ExpectRunError(Code::kInvalidArgument, "expected to be scalar, but got [1]");
  OpCase("PrintV2")
      .In(Str("a"))
      .Attr("output_stream", "nowhere")
      .ExpectRunError(Code::kInvalidArgument, "Unknown output stream: nowhere");
  OpCase("Assert")
      .In(Bool({true}))
      .In(Str("a"))
      .Attr("T", std::vector<DataType>{kString})
      .ExpectRunError(Code::kInvalidArgument, "should be a scalar: [1]");
}

TEST(LoggingOps, PrintPassesItsGradientOn) {
  CheckGradientOf(
      [](const std::vector<Tensor>& x) -> std::vector<Tensor> {
        return {Print(Multiply(x[0], x[0]), {}, {.first_n = 0})};
      },
      {{3}});
}

}  // namespace
}  // namespace weft
