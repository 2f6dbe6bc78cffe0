// SPDX-License-Identifier: Apache-2.0
// Summaries: values as serialised Summary messages, for event files.
#include "weft/graph/op_def.h"

// kernels: kernels/cpu/summary.cc   test: tests/ops/summary_test.cc

namespace weft {
namespace {

constexpr char kWhy[] = "a summary is no number";

OpDefBuilder&& GivesSummary(OpDefBuilder&& op) {
  return std::move(op).Output("summary: string").Shape(shape::Scalar).NoGradient(kWhy);
}

}  // namespace

void RegisterSummaryOps(OpRegistry& ops) {
  ops.Add("ScalarSummary")
      .Summary("A summary with a number for each tag.")
      .Input("tags: string")
      .Input("values: T")
      .Attr("T: realnumbertype")
      .Apply(GivesSummary);
  ops.Add("HistogramSummary")
      .Summary("A summary with a histogram of all values.")
      .Input("tag: string")
      .Input("values: T")
      .Attr("T: realnumbertype = DT_FLOAT")
      .Apply(GivesSummary);
  ops.Add("MergeSummary")
      .Summary("One summary with the values of all inputs, whose tags differ.")
      .Input("inputs: N * string")
      .Attr("N: int >= 1")
      .Apply(GivesSummary);
  ops.Add("TensorSummary")
      .Summary("A summary that holds a tensor, named by the node.")
      .Input("tensor: T")
      .Attr("T: type")
      .Attr("description: string = ''")
      .Attr("labels: list(string) = []")
      .Attr("display_name: string = ''")
      .Apply(GivesSummary);
  ops.Add("TensorSummaryV2")
      .Summary("A summary that holds a tensor, with a tag and metadata for a plugin.")
      .Input("tag: string")
      .Input("tensor: T")
      .Input("serialized_summary_metadata: string")
      .Attr("T: type")
      .Apply(GivesSummary);
}

}  // namespace weft
