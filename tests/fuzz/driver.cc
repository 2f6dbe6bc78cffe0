// SPDX-License-Identifier: Apache-2.0
// Runs targets on their seeds, on files, and for some seconds on mutations of both; for builds
// without libFuzzer. What ends the process is left in the file crash-TARGET.
//
//   weft_fuzz [--target=NAME] [--seconds=2] [--seed=1] [FILE|FOLDER...]
//   weft_fuzz --target=NAME --write_seeds=FOLDER    the target's seeds as files, for libFuzzer
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/targets.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace weft::fuzz {
namespace {

constexpr size_t kMostBytes = 4096;
constexpr unsigned kMostSecondsAnInput = 60;

// The input that runs, for when it ends the process.
struct Running {
  char file[128];
  const char* data;
  size_t size;
} running;

// Only what a signal handler may call.
void KeepInput() {
  const int file = open(running.file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0) return;
  for (size_t done = 0; done < running.size;) {
    const ssize_t n = write(file, running.data + done, running.size - done);
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  close(file);
}

void OnSignal(int signal) {
  KeepInput();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// Memory that an input may claim is limited, so that claiming it is an error and no burden.
void LimitProcess() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_death_callback(KeepInput);
#else
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL}) std::signal(signal, OnSignal);
  const rlimit limit = {rlim_t{6} << 30, rlim_t{6} << 30};
  setrlimit(RLIMIT_AS, &limit);
#endif
  std::signal(SIGALRM, OnSignal);
}

void RunOne(const Target& target, const std::string& input) {
  std::snprintf(running.file, sizeof(running.file), "crash-%s", std::string(target.name).c_str());
  running.data = input.data();
  running.size = input.size();
  alarm(kMostSecondsAnInput);
  target.run(input);
  alarm(0);
}

class Mutator {
 public:
  Mutator(std::vector<std::string> pool, uint64_t seed) : pool_(std::move(pool)), random_(seed) {
    if (pool_.empty()) pool_.emplace_back();
  }

  std::string Next() {
    std::string s = pool_[Below(pool_.size())];
    for (uint64_t n = 1 + Below(6); n > 0; --n) Mutate(&s);
    if (s.size() > kMostBytes) s.resize(kMostBytes);
    // A few are kept, so that changes add up.
    if (Below(50) == 0) pool_[Below(pool_.size())] = s;
    return s;
  }

 private:
  uint64_t Below(uint64_t n) { return random_() % n; }

  void Mutate(std::string* s) {
    const size_t at = Below(s->size() + 1), some = 1 + Below(8);
    switch (Below(8)) {
      case 0:
        if (at < s->size()) (*s)[at] = static_cast<char>((*s)[at] ^ (1 << Below(8)));
        return;
      case 1:
        if (at < s->size()) (*s)[at] = static_cast<char>(Below(256));
        return;
      case 2:
        s->insert(at, some, static_cast<char>(Below(256)));
        return;
      case 3:
        s->erase(at, some);
        return;
      case 4:
        s->insert(at, s->substr(Below(s->size() + 1), some * 2));
        return;
      case 5: {
        const std::string& other = pool_[Below(pool_.size())];
        s->replace(at, some * 4, other, Below(other.size() + 1), some * 4);
        return;
      }
      case 6: {
        // Numbers at which counts go wrong.
        const uint64_t ends[] = {0, 0x7f, 0xff, 0x7fffffff, 0xffffffff, ~uint64_t{0}, 1};
        const uint64_t end = ends[Below(std::size(ends))];
        s->replace(at, std::min<size_t>(some, s->size() - at),
                   std::string(reinterpret_cast<const char*>(&end), some));
        return;
      }
      default:
        if (at < s->size())
          (*s)[at] = static_cast<char>((*s)[at] + static_cast<char>(Below(9)) - 4);
    }
  }

  std::vector<std::string> pool_;
  std::mt19937_64 random_;
};

void AddFiles(const std::filesystem::path& path, std::vector<std::string>* inputs) {
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) AddFiles(entry, inputs);
    return;
  }
  std::ifstream file(path, std::ios::binary);
  inputs->emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

void RunTarget(const Target& target, std::vector<std::string> inputs, double seconds,
               uint64_t seed) {
  for (std::string& s : target.seeds()) inputs.push_back(std::move(s));
  for (const std::string& input : inputs) RunOne(target, input);
  const size_t given = inputs.size();
  Mutator mutator(std::move(inputs), seed);
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  size_t count = 0;
  for (; Clock::now() < end; ++count) RunOne(target, mutator.Next());
  std::cout << target.name << ": " << given << " inputs and " << count << " mutations\n";
}

// One file each, in a folder that is there.
int WriteSeeds(const Target& target, const std::string& folder) {
  int count = 0;
  for (const std::string& seed : target.seeds()) {
    std::ofstream file(folder + "/seed" + std::to_string(count++), std::ios::binary);
    file << seed;
    if (!file.flush()) {
      std::cerr << "can't write to the folder '" << folder << "'\n";
      return 1;
    }
  }
  return 0;
}

int Main(int argc, char** argv) {
  std::string only, seeds;
  double seconds = 2;
  uint64_t seed = 1;
  std::vector<std::string> inputs;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const auto value = [&](std::string_view flag) -> const char* {
      return arg.starts_with(flag) ? argv[i] + flag.size() : nullptr;
    };
    if (const char* name = value("--target=")) {
      only = name;
    } else if (const char* number = value("--seconds=")) {
      seconds = std::atof(number);
    } else if (const char* number = value("--seed=")) {
      seed = std::strtoull(number, nullptr, 10);
    } else if (const char* folder = value("--write_seeds=")) {
      seeds = folder;
    } else {
      AddFiles(arg, &inputs);
    }
  }
  if (!only.empty() && FindTarget(only) == nullptr) {
    std::cerr << "there is no target '" << only << "'\n";
    return 2;
  }
  if (!seeds.empty()) {
    if (!only.empty()) return WriteSeeds(*FindTarget(only), seeds);
    std::cerr << "--write_seeds needs a --target\n";
    return 2;
  }
  LimitProcess();
  for (const Target& target : Targets()) {
    if (only.empty() || target.name == only) RunTarget(target, inputs, seconds, seed);
  }
  return 0;
}

}  // namespace
}  // namespace weft::fuzz

int main(int argc, char** argv) { return weft::fuzz::Main(argc, argv); }
