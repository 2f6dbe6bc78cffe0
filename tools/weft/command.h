// SPDX-License-Identifier: Apache-2.0
// The subcommands of `weft`. Each function declares one with its options; its callback does the
// work and throws weft::Error, which main() prints.
#pragma once

namespace CLI {
class App;
}

namespace weft::tool {

// The program ends with this after what went wrong was printed.
inline constexpr int kFailed = 1;
inline constexpr int kBadUsage = 2;

void AddShow(CLI::App& weft);
void AddRun(CLI::App& weft);
void AddFreeze(CLI::App& weft);
void AddConvert(CLI::App& weft);
void AddCheckpoint(CLI::App& weft);
void AddOp(CLI::App& weft);
void AddBench(CLI::App& weft);
void AddConformance(CLI::App& weft);

}  // namespace weft::tool
