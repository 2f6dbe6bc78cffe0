// SPDX-License-Identifier: Apache-2.0
// weft_interop DIR [--filter=glob] [-v]
//
// Runs what other programs wrote, as DIR/README.md describes. Prints a line for each item that
// fails with the reason, a table by kind, and last "N passed, M failed". Exit code 0 only if none
// failed.
#include <fnmatch.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "src/core/strings.h"
#include "tools/golden/container.h"
#include "tools/golden/isolate.h"
#include "tools/weft_interop/items.h"
#include "weft/core/error.h"

ABSL_FLAG(std::string, filter, "*", "only items whose name (kind/item) matches this glob");
ABSL_FLAG(bool, v, false, "print passing items too");
ABSL_FLAG(int, jobs, 2, "items run at the same time");
ABSL_FLAG(int, seconds, 300,
          "an item that takes longer has failed; "
          "hostile ones have 10 seconds, programs four times as long");

namespace {

using weft::interop::Item;

std::string RunItem(const Item& item) {
  try {
    item.run();
    return "";
  } catch (const weft::golden::Mismatch& m) {
    return m.what();
  } catch (const weft::Error& e) {
    return weft::StrCat(weft::CodeName(e.code()), ": ", e.what());
  } catch (const std::exception& e) {
    return weft::StrCat("exception: ", e.what());
  }
}

weft::golden::Limits LimitsOf(const Item& item) {
  weft::golden::Limits limits;
  limits.seconds = item.kind == "hostile" ? 10 : absl::GetFlag(FLAGS_seconds);
  if (item.kind == "programs") limits.seconds *= 4;  // whole trainings
  if (item.kind != "hostile") limits.bytes = int64_t{8} << 30;
  return limits;
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "weft_interop DIR [--filter=glob] [-v]: runs what other programs wrote, under DIR");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  std::error_code error;
  if (arguments.size() != 2 || !std::filesystem::is_directory(arguments[1], error)) {
    std::fprintf(stderr, "usage: weft_interop DIR [--filter=glob] [-v]\n");
    return 2;
  }
  std::vector<Item> items;
  try {
    items = weft::interop::FindItems(std::filesystem::absolute(arguments[1]));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "weft_interop: %s\n", e.what());
    return 2;
  }
  std::erase_if(items, [](const Item& item) {
    return fnmatch(absl::GetFlag(FLAGS_filter).c_str(), item.name.c_str(), 0) != 0;
  });
  const std::vector<std::string> results = weft::golden::RunIsolated(
      items.size(), std::max(1, absl::GetFlag(FLAGS_jobs)),
      [&](size_t i) { return LimitsOf(items[i]); }, [&](size_t i) { return RunItem(items[i]); });
  std::map<std::string, std::pair<int, int>> table;
  int passed = 0, failed = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const bool ok = results[i].empty();
    auto& [kind_passed, kind_failed] = table[items[i].kind];
    ++(ok ? kind_passed : kind_failed);
    ++(ok ? passed : failed);
    if (!ok)
      std::printf("FAILED %s: %s\n", items[i].name.c_str(), results[i].c_str());
    else if (absl::GetFlag(FLAGS_v))
      std::printf("passed %s\n", items[i].name.c_str());
  }
  std::printf("\n%-20s %8s %8s %8s\n", "kind", "passed", "failed", "items");
  for (const auto& [kind, counts] : table)
    std::printf("%-20s %8d %8d %8d\n", kind.c_str(), counts.first, counts.second,
                counts.first + counts.second);
  std::printf("\n%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
