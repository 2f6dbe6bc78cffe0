// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/cancellation.h"

namespace weft {

CancellationManager::CancellationManager(CancellationManager* outer) : outer_(outer) {
  if (outer_ && !outer_->Register(&outer_token_, [this] { Cancel(); })) {
    outer_token_ = -1;
    cancelled_ = true;
  }
}

CancellationManager::~CancellationManager() {
  if (outer_ && outer_token_ >= 0) outer_->Deregister(outer_token_);
}

void CancellationManager::Cancel() {
  std::unique_lock lock(mu_);
  if (cancelled_.exchange(true)) return;
  canceller_ = std::this_thread::get_id();
  while (!callbacks_.empty()) {
    auto next = callbacks_.extract(callbacks_.begin());
    running_ = next.key();
    lock.unlock();
    next.mapped()();
    next.mapped() = nullptr;  // what it holds goes before anybody is told that it returned
    lock.lock();
    running_ = -1;
    returned_.notify_all();
  }
}

bool CancellationManager::Register(int64_t* token, std::function<void()> f) {
  std::lock_guard lock(mu_);
  if (cancelled_) return false;
  *token = next_token_++;
  callbacks_.emplace(*token, std::move(f));
  return true;
}

void CancellationManager::Deregister(int64_t token) {
  std::function<void()> erased;  // destroyed outside of the lock
  std::unique_lock lock(mu_);
  if (auto it = callbacks_.find(token); it != callbacks_.end()) {
    erased = std::move(it->second);
    callbacks_.erase(it);
  }
  if (running_ == token && canceller_ != std::this_thread::get_id())
    returned_.wait(lock, [&] { return running_ != token; });
  lock.unlock();
}

}  // namespace weft
