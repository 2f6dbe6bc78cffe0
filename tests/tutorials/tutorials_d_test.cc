// SPDX-License-Identifier: Apache-2.0
// Variable management: the programs of an introduction to TensorFlow 1, written with Weft; what
// they print is what TensorFlow prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/errors.h"
#include "weft/weft.h"

namespace wf = weft;

namespace {

using weft::test::MessageOf;

using testing::HasSubstr;

class TutorialD : public testing::Test {
 protected:
  wf::Graph graph_;
  wf::GraphScope scope_{graph_};
};

TEST_F(TutorialD, D1_TheSameNameTwice) {
  {
    wf::VariableScope foo("foo");
    auto v = wf::GetVariable("v", {1}, {.initializer = wf::ConstantInitializer(1.0f)});
    EXPECT_EQ(v.name(), "foo/v:0");
  }
  {
    wf::VariableScope foo("foo");
    EXPECT_THAT(MessageOf<wf::AlreadyExistsError>([] { wf::GetVariable("v", {1}); }),
                HasSubstr("Variable foo/v already exists, disallowed. Did you mean to set "
                          "reuse=True in VarScope?"));
  }
  {
    wf::VariableScope foo("foo", {.reuse = wf::Reuse::kTrue});
    EXPECT_EQ(wf::GetVariable("v", {1}).name(), "foo/v:0");
  }
  wf::VariableScope bar("bar", {.reuse = wf::Reuse::kTrue});
  EXPECT_THAT(MessageOf<wf::NotFoundError>([] { wf::GetVariable("v", {1}); }),
              HasSubstr("Variable bar/v does not exist, or was not created with "
                        "tf.get_variable()"));
}

TEST_F(TutorialD, D2_ReuseOfNestedScopes) {
  const auto reuses = [] { return wf::VariableScope::Current().reuse() == wf::Reuse::kTrue; };
  std::ostringstream printed;
  printed << std::boolalpha;
  wf::VariableScope root("root");
  printed << reuses() << " ";
  {
    wf::VariableScope foo("foo", {.reuse = wf::Reuse::kTrue});
    printed << reuses() << " ";
    wf::VariableScope bar("bar");
    printed << reuses();
  }
  EXPECT_EQ(printed.str(), "false true true");
  EXPECT_FALSE(reuses());
}

TEST_F(TutorialD, D3_Names) {
  auto w1 = wf::GetVariable("w", {1});
  EXPECT_EQ(w1.name(), "w:0");
  wf::Variable w3;
  {
    wf::VariableScope space1("space1");
    EXPECT_EQ(wf::GetVariable("w", {1}).name(), "space1/w:0");
    wf::VariableScope space2("space2");
    w3 = wf::GetVariable("w", {1});
    EXPECT_EQ(w3.name(), "space1/space2/w:0");
  }
  wf::VariableScope reuse("", {.reuse = wf::Reuse::kTrue});
  EXPECT_EQ(wf::GetVariable("space1/space2/w", {1}), w3);
  EXPECT_EQ(wf::GetVariable("w", {1}), w1);
}

TEST_F(TutorialD, D4_PrintedVariables) {
  wf::Variable a(wf::Constant({1.0f}), {.name = "v1"}), b(wf::Constant({1.0f}), {.name = "v1"});
  EXPECT_EQ(a.ToString(), "<Variable 'v1:0' shape=(1,) dtype=float32_ref>");
  EXPECT_EQ(b.ToString(), "<Variable 'v1_1:0' shape=(1,) dtype=float32_ref>");
}

}  // namespace
