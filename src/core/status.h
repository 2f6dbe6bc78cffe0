// SPDX-License-Identifier: Apache-2.0
// Between absl::Status, which the library uses inside, and the exceptions of its public API.
#pragma once

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/core/error.h"
#include "weft/core/status_macros.h"

namespace weft {

// Notes which node an error is about, unless it says so already.
absl::Status WithNode(absl::Status status, std::string_view name, std::string_view type);

// Throws the Error subclass of a status that is not ok.
[[noreturn]] void ThrowStatus(const absl::Status& status);
inline void ThrowIfError(const absl::Status& status) {
  if (!status.ok()) ThrowStatus(status);
}
template <typename T>
T ValueOrThrow(absl::StatusOr<T> result) {
  if (!result.ok()) ThrowStatus(result.status());
  return *std::move(result);
}

absl::Status ToStatus(const Error& e);

}  // namespace weft
