// SPDX-License-Identifier: Apache-2.0
// weft_conformance DIR [--filter=glob] [-v]
//
// Runs every case file (*.pb) under DIR. Prints a line for each failing case with the reason, a
// table by family, and last "N passed, M failed". Exit code 0 only if none failed.
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
#include "tools/golden/isolate.h"
#include "tools/weft_conformance/case.h"

ABSL_FLAG(std::string, filter, "*",
          "only cases whose name (family/case) matches this glob; several with commas between");
ABSL_FLAG(bool, v, false, "print passing cases too");
ABSL_FLAG(int, jobs, 2, "cases run at the same time");
ABSL_FLAG(int, seconds, 60, "a case that takes longer has failed");

namespace {

namespace fs = std::filesystem;

constexpr int kAdvisorySeconds = 10;

struct CaseFile {
  std::string path, family, name;
};

bool Matches(const std::string& globs, const std::string& name) {
  for (size_t begin = 0; begin <= globs.size();) {
    const size_t end = std::min(globs.find(',', begin), globs.size());
    if (fnmatch(globs.substr(begin, end - begin).c_str(), name.c_str(), 0) == 0) return true;
    begin = end + 1;
  }
  return false;
}

std::vector<CaseFile> FindCases(const fs::path& dir, const std::string& filter) {
  std::vector<CaseFile> cases;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".pb") continue;
    CaseFile c;
    c.path = fs::absolute(entry.path()).string();
    c.family = fs::absolute(entry.path()).parent_path().filename().string();
    c.name = c.family + "/" + entry.path().stem().string();
    if (Matches(filter, c.name)) cases.push_back(std::move(c));
  }
  std::sort(cases.begin(), cases.end(),
            [](const CaseFile& a, const CaseFile& b) { return a.name < b.name; });
  return cases;
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "weft_conformance DIR [--filter=glob] [-v]: runs the golden cases under DIR");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  if (arguments.size() != 2) {
    std::fprintf(stderr, "usage: weft_conformance DIR [--filter=glob] [-v]\n");
    return 2;
  }
  std::error_code error;
  if (!fs::is_directory(arguments[1], error)) {
    std::fprintf(stderr, "weft_conformance: %s is no directory\n", arguments[1]);
    return 2;
  }
  const std::vector<CaseFile> cases = FindCases(arguments[1], absl::GetFlag(FLAGS_filter));
  const auto limits = [&](size_t i) {
    weft::golden::Limits limits;
    limits.seconds = absl::GetFlag(FLAGS_seconds);
    if (weft::conformance::IsAdvisory(cases[i].path))
      limits.seconds = std::min(limits.seconds, kAdvisorySeconds);
    return limits;
  };
  const std::vector<std::string> results = weft::golden::RunIsolated(
      cases.size(), std::max(1, absl::GetFlag(FLAGS_jobs)), limits,
      [&](size_t i) { return weft::conformance::RunCase(cases[i].path); });
  std::map<std::string, std::pair<int, int>> table;
  int passed = 0, failed = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    const bool ok = results[i].empty();
    auto& [family_passed, family_failed] = table[cases[i].family];
    ++(ok ? family_passed : family_failed);
    ++(ok ? passed : failed);
    if (!ok)
      std::printf("FAILED %s: %s\n", cases[i].name.c_str(), results[i].c_str());
    else if (absl::GetFlag(FLAGS_v))
      std::printf("passed %s\n", cases[i].name.c_str());
  }
  std::printf("\n%-20s %8s %8s %8s\n", "family", "passed", "failed", "cases");
  for (const auto& [family, counts] : table)
    std::printf("%-20s %8d %8d %8d\n", family.c_str(), counts.first, counts.second,
                counts.first + counts.second);
  std::printf("\n%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
