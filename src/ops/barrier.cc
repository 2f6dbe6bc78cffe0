// SPDX-License-Identifier: Apache-2.0
// Barriers, which put tuples together by key, and staging areas, which hold tuples between runs.
// kernels: kernels/cpu/barrier.cc, staging.cc, map_staging.cc
// test: tests/ops/barrier_test.cc, map_staging_test.cc
#include <string>

#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status BarrierHandleShape(ShapeContext& c) {
  c.set_output(0, PartialShape::Vector(2));
  return absl::OkStatus();
}

absl::Status InsertManyShape(ShapeContext& c) { return c.InputWithRank(1, 1).status(); }

OpDefBuilder&& OfStage(OpDefBuilder&& op) {
  return std::move(op)
      .Attr("capacity: int >= 0 = 0")
      .Attr("memory_limit: int >= 0 = 0")
      .Attr("container: string = ''")
      .Attr("shared_name: string = ''")
      .Stateful();
}

void RegisterBarriers(OpRegistry& ops) {
  ops.Add("Barrier")
      .Summary("A barrier: tuples are put together by key, one component at a time.")
      .Output("handle: Ref(string)")
      .Attr("component_types: list(type) >= 1")
      .Attr("shapes: list(shape) >= 0 = []")
      .Attr("capacity: int = -1")
      .Attr("container: string = ''")
      .Attr("shared_name: string = ''")
      .Stateful()
      .Shape(BarrierHandleShape)
      .NoGradient("a barrier is no number");
  ops.Add("BarrierInsertMany")
      .Summary("Gives one component of the tuples of these keys.")
      .Input("handle: Ref(string)")
      .Input("keys: string")
      .Input("values: T")
      .Attr("T: type")
      .Attr("component_index: int")
      .Shape(InsertManyShape)
      .NoGradient("there is no output");
  ops.Add("BarrierTakeMany")
      .Summary("Takes n whole tuples, in the order in which their keys came; waits for them.")
      .Input("handle: Ref(string)")
      .Input("num_elements: int32")
      .Output("indices: int64")
      .Output("keys: string")
      .Output("values: component_types")
      .Attr("component_types: list(type) >= 1")
      .Attr("allow_small_batch: bool = false")
      // TensorFlow too takes this and does the same for both values.
      .Attr("wait_for_incomplete: bool = false")
      .Attr("timeout_ms: int = -1")
      .Shape(shape::Unknown)
      .NoGradient("what is in a barrier was computed in another run");
  ops.Add("BarrierClose")
      .Summary("Says that no new key will come to a barrier.")
      .Input("handle: Ref(string)")
      .Attr("cancel_pending_enqueues: bool = false")
      .Shape(shape::NoOutputs)
      .NoGradient("there is no output");
  for (const bool ready : {true, false}) {
    ops.Add(ready ? "BarrierReadySize" : "BarrierIncompleteSize")
        .Summary(ready ? "The number of whole tuples."
                       : "The number of tuples that lack something.")
        .Input("handle: Ref(string)")
        .Output("size: int32")
        .Shape(shape::Scalar)
        .NoGradient("a number of elements is an integer");
  }
}

void RegisterStages(OpRegistry& ops) {
  ops.Add("Stage")
      .Summary("Puts a tuple into a staging area; waits for room.")
      .Input("values: dtypes")
      .Apply(OfStage)
      .Attr("dtypes: list(type) >= 1")
      .Shape(shape::NoOutputs)
      .NoGradient("there is no output");
  ops.Add("Unstage")
      .Summary("Takes the first tuple of a staging area; waits for one.")
      .Output("values: dtypes")
      .Apply(OfStage)
      .Attr("dtypes: list(type) >= 1")
      .Shape(shape::Unknown)
      .NoGradient("what is in a staging area was computed in another run");
  ops.Add("StagePeek")
      .Summary("The tuple of this number in a staging area, which keeps it; waits for it.")
      .Input("index: int32")
      .Output("values: dtypes")
      .Apply(OfStage)
      .Attr("dtypes: list(type) >= 1")
      .Shape(shape::Unknown)
      .NoGradient("what is in a staging area was computed in another run");
  ops.Add("StageSize")
      .Summary("The number of tuples in a staging area.")
      .Output("size: int32")
      .Apply(OfStage)
      .Attr("dtypes: list(type)")
      .Shape(shape::Scalar)
      .NoGradient("a number of elements is an integer");
  ops.Add("StageClear")
      .Summary("Empties a staging area.")
      .Apply(OfStage)
      .Attr("dtypes: list(type)")
      .Shape(shape::NoOutputs)
      .NoGradient("there is no output");
}

// Staging areas by key; with an order the least key comes out first where none is asked for.
void RegisterMapStages(OpRegistry& ops, const std::string& prefix) {
  const char* const staged = "what is in a staging area was computed in another run";
  ops.Add(prefix + "Stage")
      .Summary("Puts values of the tuple of a key into a staging area; waits for room.")
      .Input("key: int64")
      .Input("indices: int32")
      .Input("values: fake_dtypes")
      .Apply(OfStage)
      .Attr("dtypes: list(type)")
      .Attr("fake_dtypes: list(type) >= 1")
      .Shape(shape::NoOutputs)
      .NoGradient("there is no output");
  for (const bool peek : {true, false}) {
    ops.Add(prefix + (peek ? "Peek" : "Unstage"))
        .Summary(
            peek ? "Values of the tuple of a key, which stays in the staging area; waits for it."
                 : "Takes values of the tuple of a key out of a staging area; waits for it.")
        .Input("key: int64")
        .Input("indices: int32")
        .Output("values: dtypes")
        .Apply(OfStage)
        .Attr("dtypes: list(type) >= 1")
        .Shape(shape::Unknown)
        .NoGradient(staged);
  }
  ops.Add(prefix + "UnstageNoKey")
      .Summary("Takes values of some tuple out of a staging area, with its key; waits for one.")
      .Input("indices: int32")
      .Output("key: int64")
      .Output("values: dtypes")
      .Apply(OfStage)
      .Attr("dtypes: list(type) >= 1")
      .Shape(shape::Unknown)
      .NoGradient(staged);
  for (const bool whole : {true, false}) {
    ops.Add(prefix + (whole ? "Size" : "IncompleteSize"))
        .Summary(whole ? "The number of whole tuples in a staging area."
                       : "The number of tuples in a staging area that lack something.")
        .Output("size: int32")
        .Apply(OfStage)
        .Attr("dtypes: list(type)")
        .Shape(shape::Scalar)
        .NoGradient("a number of elements is an integer");
  }
  ops.Add(prefix + "Clear")
      .Summary("Empties a staging area.")
      .Apply(OfStage)
      .Attr("dtypes: list(type)")
      .Shape(shape::NoOutputs)
      .NoGradient("there is no output");
}

}  // namespace

void RegisterBarrierOps(OpRegistry& ops) {
  RegisterBarriers(ops);
  RegisterStages(ops);
  RegisterMapStages(ops, "Map");
  RegisterMapStages(ops, "OrderedMap");
}

}  // namespace weft
