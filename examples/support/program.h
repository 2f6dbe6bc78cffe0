// SPDX-License-Identifier: Apache-2.0
// The frame of an example: flags, and a line that says what went wrong.
#pragma once

namespace weft::examples {

// Reads the program's flags (absl) and runs `body`, whose result is the exit code: 1 with a message
// on standard error if it throws. `usage` is what --help begins with.
int RunProgram(int argc, char** argv, const char* usage, int (*body)());

}  // namespace weft::examples
