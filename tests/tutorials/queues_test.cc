// SPDX-License-Identifier: Apache-2.0
// The texts' programs on queues.
#include <gtest/gtest.h>

#include "weft/framework/queues.h"
#include "weft/weft.h"

namespace wf = weft;

namespace {

// F3: what is taken out goes in again, one larger.
TEST(Queues, FifoQueueFeedsItself) {
  wf::Graph graph;
  wf::GraphScope scope(graph);
  wf::FIFOQueue q(2, {wf::kInt32});
  auto init = q.EnqueueMany({{0, 10}});
  auto x = q.Dequeue();
  auto y = x + 1;
  auto q_inc = q.Enqueue({y});
  wf::Session session;
  session.Run(init);
  for (int want : {0, 10, 1, 11, 2}) EXPECT_EQ(session.Run({x, q_inc})[0].scalar<int32_t>(), want);
  EXPECT_EQ(session.Run(q.Size()).scalar<int32_t>(), 2);
}

}  // namespace
