// SPDX-License-Identifier: Apache-2.0
// Intra-op parallelism: one team of threads for Weft's own loops and for the libraries it calls
// (oneDNN and OpenBLAS run on OpenMP, so this does too; cores are never oversubscribed). Under
// ThreadSanitizer, which can't see into libgomp, a pool of its own is used.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/functional/function_ref.h"

namespace weft {

// Number of threads that loops on this thread may use, at least 1. Sessions set it around a run.
int IntraOpThreads();

class IntraOpScope {
 public:
  // 0: one a core.
  explicit IntraOpScope(int threads);
  ~IntraOpScope();
  IntraOpScope(const IntraOpScope&) = delete;
  IntraOpScope& operator=(const IntraOpScope&) = delete;

 private:
  int outer_;
};

// Cores that this process may use.
int NumCores();

// Calls work(begin, end) on pieces that cover [0, n). `cost_ns`: a rough cost of one item in
// nanoseconds; work too small to pay for a hand-over to another thread stays on this one. Pieces
// are contiguous, one a thread.
void ParallelFor(int64_t n, double cost_ns, absl::FunctionRef<void(int64_t, int64_t)> work);

// Whether a piece of work that gives the same result on one thread and on several is better done on
// several: threads may be slow to come, because other programs have the cores or the cores are one.
// Tells by the time that it took. Not thread-safe.
class TeamChoice {
 public:
  bool PrefersTeam() const {
    const int forced = forced_.load(std::memory_order_relaxed);
    return forced == kFree ? alone_runs_ == 0 : forced == kTeam || IsTeamsTurn(forced);
  }
  // How long the work has taken as PrefersTeam said.
  void Took(int64_t ns);

  // For tests: all choices are made like this, and runs of teams are counted. In turn: each second
  // one of all choices is for the team.
  enum Forced { kFree, kTeam, kAlone, kInTurn };
  static void Force(Forced choice);
  static int64_t forced_team_runs();

 private:
  static bool IsTeamsTurn(int forced);
  static std::atomic<int> forced_;

  int alone_runs_ = 2;            // still to be done on one thread
  int next_alone_runs_ = 16;      // after the next disappointment
  int disappointments_ = 0;       // in a row
  int successes_ = 0;             // less some for each disappointment
  int64_t alone_ns_ = INT64_MAX;  // the shortest time on one thread
};

}  // namespace weft
