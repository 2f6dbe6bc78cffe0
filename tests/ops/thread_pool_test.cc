// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/op_case.h"
#include "weft/core/handle.h"

namespace weft {
namespace {

Tensor ThreadPoolOf(int64_t threads, const std::string& shared_name = "") {
  absl::StatusOr<Operation> node =
      AddNode("ThreadPoolHandle", {},
              {{"num_threads", threads}, {"display_name", "pool"}, {"shared_name", shared_name}});
  EXPECT_TRUE(node.ok()) << node.status();
  return node->output(0);
}

TEST(ThreadPoolHandle, SharesByName) {
  Graph graph;
  const GraphScope scope(graph);
  const Tensor one = ThreadPoolOf(2, "mine"), same = ThreadPoolOf(2, "mine"),
               other = ThreadPoolOf(0);
  EXPECT_EQ(ShapeText(one.shape()), "[]");
  Session session(graph);
  const auto handle = [&](const Tensor& t) { return session.Run(t).scalar<ResourceHandle>(); };
  EXPECT_EQ(handle(one), handle(same));
  EXPECT_FALSE(handle(one) == handle(other));
}

TEST(ThreadPoolHandle, NumberOfThreads) {
  for (const auto& [threads, why] : {std::pair<int64_t, const char*>{-1, "must be >= 0"},
                                     {65536, "must be < 65536"},
                                     {int64_t{1} << 40, "must be < 65536"}}) {
    Graph graph;
    const GraphScope scope(graph);
    const Tensor handle = ThreadPoolOf(threads);
    try {
      Session(graph).Run(handle);
      ADD_FAILURE() << threads;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::kInvalidArgument);
      EXPECT_THAT(e.what(), testing::HasSubstr(why));
    }
  }
}

}  // namespace
}  // namespace weft
