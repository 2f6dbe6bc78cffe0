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
  // The lock is held while callbacks run, so that Deregister waits for them; they must not call
  // back into this object.
  std::lock_guard lock(mu_);
  if (cancelled_.exchange(true)) return;
  for (auto& [token, f] : callbacks_) f();
  callbacks_.clear();
}

bool CancellationManager::Register(int64_t* token, std::function<void()> f) {
  std::lock_guard lock(mu_);
  if (cancelled_) return false;
  *token = next_token_++;
  callbacks_.emplace(*token, std::move(f));
  return true;
}

void CancellationManager::Deregister(int64_t token) {
  std::lock_guard lock(mu_);
  callbacks_.erase(token);
}

}  // namespace weft
