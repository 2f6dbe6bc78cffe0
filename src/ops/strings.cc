// SPDX-License-Identifier: Apache-2.0
// Texts joined and matched.   kernels: kernels/cpu/strings.cc   test: tests/ops/strings_test.cc
#include "src/ops/strings.h"

namespace weft {
namespace {

// Of the inputs that are not scalars; those of unknown rank may be.
absl::Status StringJoinShape(ShapeContext& c) {
  bool all_scalars = true;
  PartialShape merged;
  for (int i = 0; i < c.num_inputs(); ++i) {
    if (c.input(i).known_rank() && c.input(i).rank() == 0) continue;
    all_scalars = false;
    WEFT_ASSIGN_OR_RETURN(merged, c.Merge(merged, c.input(i)));
  }
  c.set_output(0, all_scalars ? PartialShape::Scalar() : merged);
  return absl::OkStatus();
}

}  // namespace

void RegisterStringsOps(OpRegistry& ops) {
  ops.Add("StringJoin")
      .Summary("The inputs one after another, element by element; scalars go with every element.")
      .Attr("N: int >= 0")
      .Attr("separator: string = ''")
      .Input("inputs: N * string")
      .Output("output: string")
      .Shape(StringJoinShape)
      .NoGradient(kTexts);
  ops.Add("RegexFullMatch")
      .Summary("Whether each text as a whole matches the pattern (RE2's syntax).")
      .Input("input: string")
      .Input("pattern: string")
      .Output("output: bool")
      .Shape([](ShapeContext& c) {
        WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
        c.set_output(0, c.input(0));
        return absl::OkStatus();
      })
      .NoGradient(kTexts);
  ops.Add("StaticRegexFullMatch")
      .Summary("Whether each text as a whole matches the pattern (RE2's syntax).")
      .Attr("pattern: string")
      .Input("input: string")
      .Output("output: bool")
      .Shape(shape::SameAsInput)
      .NoGradient(kTexts);
  RegisterStringEditOps(ops);
  RegisterStringSplitOps(ops);
  RegisterUnicodeOps(ops);
}

}  // namespace weft
