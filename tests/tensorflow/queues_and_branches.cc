// SPDX-License-Identifier: Apache-2.0
// A meta graph with a queue and its runner, and with a conditional and its contexts: TensorFlow
// starts the runner, runs both branches and differentiates through them, for which it needs the
// contexts.
#include "proto/weft/control_flow.pb.h"
#include "proto/weft/queue_runner.pb.h"
#include "src/graph/proto_convert.h"
#include "tests/tensorflow/expected.h"
#include "weft/framework/meta_graph.h"
#include "weft/framework/queues.h"
#include "weft/weft.h"

namespace weft::for_tensorflow {
namespace {

namespace fs = std::filesystem;

// Two threads put 0, 1, 2, ... in, doubled.
Tensor AddQueue() {
  const Variable count(0.f, {.name = "count", .trainable = false});
  const NameScope scope("input");
  const FIFOQueue queue(4, {kFloat32}, {.shapes = {PartialShape({})}});
  const Tensor next = count.AssignAdd(1.f) * 2.f;
  proto::QueueRunnerDef def;
  def.set_queue_name(queue.name());
  for (int i = 0; i < 2; ++i) def.add_enqueue_op_name(queue.Enqueue({next}).name());
  def.set_close_op_name(queue.Close().name());
  def.set_cancel_op_name(queue.Close({.cancel_pending_enqueues = true}).name());
  def.add_queue_closed_exception_types(proto::error::OUT_OF_RANGE);
  Graph::Default().AddToCollection(GraphKeys::kQueueRunners, {SerializeProto(def)});
  return queue.DequeueMany(3);
}

// What a branch sees: inside by a Switch, or by its own names.
void AddContext(const std::string& name, const Tensor& pred, const Tensor& pivot, int branch,
                const Tensor& outside, const Tensor& inside, const Tensor& result) {
  proto::CondContextDef def;
  def.set_context_name(name);
  def.set_pred_name(pred.name());
  def.set_pivot_name(pivot.name());
  def.set_branch(branch);
  for (const Tensor& t : {outside, inside, result, pred, pivot})
    def.mutable_values_def()->add_values(t.name());
  auto& external = *def.mutable_values_def()->mutable_external_values();
  external[outside.name()] = inside.name();
  external[pred.name()] = pred.name();
  Graph::Default().AddToCollection(GraphKeys::kCondContext, {SerializeProto(def)});
}

// pred ? x * x : -x, made of the nodes that tf.cond makes.
Tensor AddBranches(const Tensor& x, const Tensor& pred) {
  const NameScope scope("cond");
  const Branches pivots = Switch(pred, pred);
  const Tensor pivot_true = Identity(pivots.output_true, "switch_t");
  const Tensor pivot_false = Identity(pivots.output_false, "switch_f");
  const Tensor pred_id = Identity(pred, "pred_id");
  const Tensor in_true = Switch(x, pred_id, "Mul/Switch").output_true;
  const Tensor in_false = Switch(x, pred_id, "Neg/Switch").output_false;
  const Tensor squared = Multiply(in_true, in_true, "Mul");
  const Tensor negated = Negative(in_false, "Neg");
  AddContext("cond/cond_text", pred_id, pivot_true, 1, x, in_true, squared);
  AddContext("cond/cond_text_1", pred_id, pivot_false, 0, x, in_false, negated);
  return Merge({negated, squared}).output;
}

}  // namespace

void WriteQueuesAndBranches(const fs::path& root) {
  const fs::path folder = root / "queues_and_branches";
  const Graph graph;
  const GraphScope scope(graph);
  const Variable w({1.f, 2.f, 3.f}, {.name = "w"});
  const Tensor batch = AddQueue();
  const Tensor x = PlaceholderWithDefault({3.f, -2.f}, {2}, "x");
  const Tensor pred = Placeholder(kBool, Shape({}), "pred");
  const Tensor y = AddBranches(x, pred);
  Graph::Default().AddToCollection("batch", {batch});
  Graph::Default().AddToCollection("branches", {y});
  Graph::Default().AddToCollection("x", {x});
  Graph::Default().AddToCollection("pred", {pred});
  Session session;
  session.Run(GlobalVariablesInitializer());
  train::Saver().Save(session, (folder / "model.ckpt").string());
  Expected expected;
  for (const bool taken : {true, false})
    expected.expected.emplace_back(taken ? "true" : "false",
                                   session.Run(y, {{pred, Array(taken)}}));
  // d y / d x by hand: 2 x, -1.
  expected.gradients = {{"true", Array({6.f, -4.f})}, {"false", Array({-1.f, -1.f})}};
  WriteExpected(folder, "queues_and_branches", "model.ckpt", expected);
}

}  // namespace weft::for_tensorflow
