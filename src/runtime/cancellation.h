// SPDX-License-Identifier: Apache-2.0
// Tells those who wait inside a run that it is to end.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace weft {

// Thread-safe.
class CancellationManager {
 public:
  // `outer` (may be null) cancels this one too.
  explicit CancellationManager(CancellationManager* outer = nullptr);
  ~CancellationManager();
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  // Calls what is registered, on this thread and with no lock held.
  void Cancel();
  // Calls `f` once when cancelled. False if it is cancelled already (f is not called then).
  bool Register(int64_t* token, std::function<void()> f);
  // Afterwards the callback is not running and will not be. A callback may deregister others, and
  // itself.
  void Deregister(int64_t token);

 private:
  std::atomic<bool> cancelled_{false};
  std::mutex mu_;
  int64_t next_token_ = 0;
  std::map<int64_t, std::function<void()>> callbacks_;
  int64_t running_ = -1;  // the token whose callback is running, on canceller_
  std::thread::id canceller_;
  std::condition_variable returned_;
  CancellationManager* outer_;
  int64_t outer_token_ = -1;
};

}  // namespace weft
