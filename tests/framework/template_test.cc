// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/arrays.h"
#include "tests/support/graph_golden.h"
#include "weft/weft.h"

namespace weft {
namespace {

using testing::HasSubstr;

class Templates : public testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
};

Tensor Scaled(const Tensor& x) {
  return x * GetVariable("factor", {1}, {.initializer = ConstantInitializer(2)});
}

TEST(TemplateNodes, NamesOfVariablesAndOps) {
  GoldenGraphs("tests/framework/data/variables.golden").Expect("templates", [] {
    const Tensor x = Placeholder(kFloat32, {1}, "x");
    auto scale = MakeTemplate("scale", Scaled);
    auto early = MakeTemplate("scale", Scaled, {.create_scope_now = true});
    auto named = MakeTemplate("scale", Scaled, {.unique_name = "only"});
    scale(x);
    early(x);
    {
      const VariableScope outer("outer");
      scale(x);
      early(x);
      named(x);
    }
    named(x);
  });
}

TEST_F(Templates, CallsShareVariables) {
  const Tensor x = Constant({1.f}), y = Constant({5.f});
  auto scale = MakeTemplate("scale", Scaled);
  EXPECT_FALSE(scale.variable_scope().has_value());
  EXPECT_TRUE(scale.trainable_variables().empty());
  auto copy = scale;
  const Tensor a = scale(x), b = copy(y);
  EXPECT_EQ(scale.variable_scope_name(), "scale/");
  ASSERT_EQ(copy.trainable_variables().size(), 1u);
  EXPECT_EQ(copy.global_variables()[0].name(), "scale/factor:0");
  EXPECT_TRUE(copy.local_variables().empty());
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_TRUE(ArraysEqual(session.Run(a), F32({2})));
  EXPECT_TRUE(ArraysEqual(session.Run(b), F32({10})));
}

TEST_F(Templates, LaterCallsMakeNothing) {
  int calls = 0;
  auto by_name =
      MakeTemplate("by_name", [&] { return GetVariable(++calls == 1 ? "a" : "b", {1}); });
  by_name();
  EXPECT_THROW(by_name(), NotFoundError);
  auto unshared = MakeTemplate("unshared", [] { Variable(1.f); });
  unshared();
  try {
    unshared();
    ADD_FAILURE() << "a second call made a variable";
  } catch (const InvalidArgumentError& e) {
    EXPECT_THAT(e.what(), HasSubstr("Trainable variable created when calling template 'unshared' "
                                    "after the first time"));
  }
}

// A first call that fails is not the first one.
TEST_F(Templates, AFailedFirstCall) {
  bool fail = true;
  auto f = MakeTemplate("f", [&] {
    if (fail) throw InvalidArgumentError("no");
    return GetVariable("v", {1});
  });
  EXPECT_THROW(f(), InvalidArgumentError);
  fail = false;
  EXPECT_EQ(f().name(), "f/v:0");
  EXPECT_EQ(VariableScope::Current().name(), "");
}

}  // namespace
}  // namespace weft
