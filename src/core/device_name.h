// SPDX-License-Identifier: Apache-2.0
// Device strings: "/job:worker/replica:0/task:1/device:GPU:0", parts of it, and the old forms
// "/gpu:0", "/cpu:0".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weft {

struct DeviceName {
  std::optional<std::string> job;
  std::optional<int> replica, task;
  std::optional<std::string> type;  // "CPU", "GPU"
  std::optional<int> index;         // unset: any ("/device:GPU:*")

  // False if the text is no device string. "" gives a name without any part.
  static bool Parse(std::string_view text, DeviceName* out);
  // Canonical form of the parts that are set.
  std::string ToString() const;
  // Parts that are not set here are taken from `outer`.
  void MergeFrom(const DeviceName& outer);
  // Every part that is set in `pattern` is the same here.
  bool Matches(const DeviceName& pattern) const;
};

}  // namespace weft
