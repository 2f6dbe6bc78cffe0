// SPDX-License-Identifier: Apache-2.0
#include "src/core/parallel.h"

#include <sched.h>

#include <algorithm>
#include <thread>

#if defined(__SANITIZE_THREAD__)
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>
#else
#include <omp.h>
#endif

namespace weft {
namespace {

// Handing a piece to another thread of the team costs a few microseconds.
constexpr double kMinPieceNs = 8000;

thread_local int intra_op_threads = 0;
thread_local bool in_parallel_region = false;

// Items of all threads' pieces but the last. Pieces begin at multiples of 16 items so that threads
// don't share cache lines of an output, but only where that makes none longer by more than a 64th:
// of 100 images one thread would get 64 and the other 36. Few items are large ones.
int64_t PieceSize(int64_t n, int64_t threads) {
  const int64_t even = (n + threads - 1) / threads;
  for (int64_t multiple = 16; multiple > 1; multiple /= 2) {
    const int64_t piece = (even + multiple - 1) / multiple * multiple;
    if ((piece - even) * 64 <= even) return piece;
  }
  return even;
}

}  // namespace

int NumCores() {
  static const int cores = [] {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }();
  return cores;
}

int IntraOpThreads() { return intra_op_threads > 0 ? intra_op_threads : NumCores(); }

IntraOpScope::IntraOpScope(int threads) : outer_(intra_op_threads) {
  intra_op_threads = threads;
#if !defined(__SANITIZE_THREAD__)
  // Per-thread setting of OpenMP: what oneDNN and OpenBLAS ask for.
  if (outer_ != threads) omp_set_num_threads(IntraOpThreads());
#endif
}

IntraOpScope::~IntraOpScope() {
#if !defined(__SANITIZE_THREAD__)
  if (outer_ != intra_op_threads) {
    intra_op_threads = outer_;
    omp_set_num_threads(IntraOpThreads());
  }
#endif
  intra_op_threads = outer_;
}

#if defined(__SANITIZE_THREAD__)
namespace {

// A pool whose hand-overs ThreadSanitizer can follow; speed is of no concern here.
class Pool {
 public:
  static Pool& Get() {
    static Pool* const pool = new Pool();
    return *pool;
  }
  void Run(int pieces, const std::function<void(int)>& piece) {
    std::mutex mu;
    std::condition_variable done;
    int left = pieces - 1;
    for (int p = 1; p < pieces; ++p) {
      std::lock_guard lock(mu_);
      tasks_.push_back([&, p] {
        piece(p);
        std::lock_guard done_lock(mu);
        if (--left == 0) done.notify_one();
      });
      wake_.notify_one();
    }
    piece(0);
    std::unique_lock lock(mu);
    done.wait(lock, [&] { return left == 0; });
  }

 private:
  Pool() {
    for (int t = 0; t < NumCores(); ++t) std::thread([this] { Work(); }).detach();
  }
  void Work() {
    in_parallel_region = true;
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock lock(mu_);
        wake_.wait(lock, [&] { return !tasks_.empty(); });
        task = std::move(tasks_.back());
        tasks_.pop_back();
      }
      task();
    }
  }
  std::mutex mu_;
  std::condition_variable wake_;
  std::vector<std::function<void()>> tasks_;
};

}  // namespace
#endif

void ParallelFor(int64_t n, double cost_ns, absl::FunctionRef<void(int64_t, int64_t)> work) {
  if (n <= 0) return;
  const double total = static_cast<double>(n) * cost_ns;
  const int64_t threads =
      std::min<int64_t>({IntraOpThreads(), n, static_cast<int64_t>(total / kMinPieceNs)});
  if (threads <= 1 || in_parallel_region) return work(0, n);
  const int64_t piece = PieceSize(n, threads);
#if defined(__SANITIZE_THREAD__)
  Pool::Get().Run(static_cast<int>(threads), [&](int t) {
    const int64_t begin = t * piece;
    if (begin < n) work(begin, std::min(n, begin + piece));
  });
#else
#pragma omp parallel num_threads(static_cast <int>(threads))
  {
    const bool outer = in_parallel_region;
    in_parallel_region = true;
    for (int64_t begin = omp_get_thread_num() * piece; begin < n;
         begin += piece * omp_get_num_threads()) {
      work(begin, std::min(n, begin + piece));
    }
    in_parallel_region = outer;
  }
#endif
}

namespace {
std::atomic<int64_t> forced_team_runs_{0}, forced_choices_{0};
}  // namespace
std::atomic<int> TeamChoice::forced_{kFree};

void TeamChoice::Force(Forced choice) {
  forced_ = choice;
  forced_team_runs_ = 0;
  forced_choices_ = 0;
}
bool TeamChoice::IsTeamsTurn(int forced) {
  if (forced != kInTurn || forced_choices_.fetch_add(1, std::memory_order_relaxed) % 2 == 0)
    return false;
  ++forced_team_runs_;
  return true;
}
int64_t TeamChoice::forced_team_runs() { return forced_team_runs_; }

void TeamChoice::Took(int64_t ns) {
  if (const int forced = forced_.load(std::memory_order_relaxed); forced != kFree) {
    forced_team_runs_ += forced == kTeam;
    return;
  }
  constexpr int kMostAloneRuns = 4096, kForgiven = 64;
  if (!PrefersTeam()) {
    alone_ns_ = std::min(alone_ns_, ns);
    --alone_runs_;
    return;
  }
  if (ns < alone_ns_ - alone_ns_ / 16) {
    disappointments_ = 0;
    if (++successes_ == kForgiven) next_alone_runs_ = 16;
    return;
  }
  // The first iteration of each loop may disappoint: its values have to be fetched from elsewhere.
  constexpr int kSuccessesLost = 4;
  successes_ = std::max(0, std::min(successes_, kForgiven) - kSuccessesLost);
  if (++disappointments_ < 4 && ns < 4 * alone_ns_) return;
  disappointments_ = 0;
  alone_runs_ = next_alone_runs_;
  next_alone_runs_ = std::min(2 * next_alone_runs_, kMostAloneRuns);
  alone_ns_ = INT64_MAX;  // measured anew
}

}  // namespace weft
