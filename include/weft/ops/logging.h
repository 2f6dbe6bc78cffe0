// SPDX-License-Identifier: Apache-2.0
// Looking at values while a graph runs, and stopping where they are wrong.
//
//   x = wf::Print(x, {wf::Shape(x), x}, {.message = "x: ", .summarize = 10});   // x: [2 3][1 2 3 4
//   5 6]
//   {
//     wf::ControlDependencies checked({wf::Assert(wf::Less(loss, 1e6f), {"loss is ", loss})});
//     loss = wf::Identity(loss);
//   }
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

struct PrintOptions {
  std::string message = {};
  int64_t first_n = -1;   // print only that many times in a session; -1: always
  int64_t summarize = 3;  // elements of each value; -1: all
  std::string name = {};
};
// `input` itself; each time it is computed, "message[value][value]..." goes to stderr as one line.
// The gradient passes unchanged.
Tensor Print(const Input& input, const std::vector<Input>& data, const PrintOptions& options = {});

struct PrintV2Options {
  // "stdout", "stderr", "log(info)", "log(warning)", "log(error)", or "file://" and a path, to
  // which the text is appended.
  std::string output_stream = "stderr";
  std::string end = "\n";
  std::string name = {};
};
// Writes the string scalar `text` and `end`.
Operation PrintV2(const Input& text, const PrintV2Options& options = {});

struct AssertOptions {
  int64_t summarize = 3;  // elements of each value; -1: all
  std::string name = {};
};
// Fails the run with InvalidArgumentError "assertion failed: [value] [value]..." where the boolean
// scalar `condition` is false. Make it a control input of what relies on it: else nothing runs it.
// Values that are costly to fetch are looked at only if the condition fails.
Operation Assert(const Input& condition, const std::vector<Input>& data,
                 const AssertOptions& options = {});

// Seconds since the beginning of 1970 (float64) when the op runs.
Tensor Timestamp(const NameOptions& options = {});

}  // namespace weft
