// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/targets.h"

namespace weft::fuzz {

std::span<const Target> Targets() {
  static constexpr Target kTargets[] = {
      {"tensor_proto", RunTensorProto, TensorProtoSeeds},
      {"graph_def", RunGraphDef, GraphDefSeeds},
      {"ops", RunOps, OpsSeeds},
      {"example", RunExample, ExampleSeeds},
      {"csv", RunCsv, CsvSeeds},
      {"regex", RunRegex, RegexSeeds},
      {"strings", RunStrings, StringsSeeds},
  };
  return kTargets;
}

const Target* FindTarget(std::string_view name) {
  for (const Target& target : Targets()) {
    if (target.name == name) return &target;
  }
  return nullptr;
}

bool IsForbiddenOp(std::string_view op) {
  constexpr std::string_view kBeginnings[] = {
      "Abort",    "Assert",       "Print",    "Save",          "Restore",
      "MergeV2",  "WriteFile",    "ReadFile", "MatchingFiles", "ImmutableConst",
      "Generate", "LoadAndRemap", "_"};
  for (const std::string_view beginning : kBeginnings) {
    if (op.starts_with(beginning)) return true;
  }
  return op.find("Summary") != std::string_view::npos;
}

}  // namespace weft::fuzz
