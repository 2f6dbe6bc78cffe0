// SPDX-License-Identifier: Apache-2.0
#include "src/core/device_name.h"

#include <algorithm>
#include <charconv>

namespace weft {
namespace {

bool ParseNumber(std::string_view text, std::optional<int>* out) {
  if (text == "*") return true;
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < 0)
    return false;
  *out = value;
  return true;
}

std::string Upper(std::string_view s) {
  std::string u(s);
  std::transform(u.begin(), u.end(), u.begin(), [](unsigned char c) { return std::toupper(c); });
  return u;
}

bool IsWord(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-';
  });
}

bool ParseTypeAndIndex(std::string_view value, DeviceName* out) {
  const size_t colon = value.find(':');
  const std::string_view type = value.substr(0, colon);
  if (type != "*") {
    if (!IsWord(type)) return false;
    out->type = Upper(type);
  }
  return colon == std::string_view::npos || ParseNumber(value.substr(colon + 1), &out->index);
}

bool ParsePart(std::string_view part, DeviceName* out) {
  const size_t colon = part.find(':');
  const std::string_view key = part.substr(0, colon);
  if (colon == std::string_view::npos) return false;
  const std::string_view value = part.substr(colon + 1);
  if (key == "job") {
    if (!IsWord(value)) return false;
    out->job = std::string(value);
    return true;
  }
  if (key == "replica") return ParseNumber(value, &out->replica);
  if (key == "task") return ParseNumber(value, &out->task);
  if (key == "device") return ParseTypeAndIndex(value, out);
  if (Upper(key) == "CPU" || Upper(key) == "GPU" || Upper(key) == "TEST" || Upper(key) == "TPU")
    return ParseTypeAndIndex(part, out);
  return false;
}

}  // namespace

bool DeviceName::Parse(std::string_view text, DeviceName* out) {
  DeviceName name;
  if (text == "/") text = "";
  if (!text.empty() && text[0] != '/') {
    // "GPU:0", or without the leading slash.
    if (!ParseTypeAndIndex(text, &name) && !ParsePart(text.substr(0, text.find('/')), &name))
      return false;
    *out = name;
    return true;
  }
  while (!text.empty()) {
    text.remove_prefix(1);
    const size_t slash = text.find('/');
    if (!ParsePart(text.substr(0, slash), &name)) return false;
    text = slash == std::string_view::npos ? std::string_view() : text.substr(slash);
  }
  *out = std::move(name);
  return true;
}

std::string DeviceName::ToString() const {
  std::string s;
  if (job) s += "/job:" + *job;
  if (replica) s += "/replica:" + std::to_string(*replica);
  if (task) s += "/task:" + std::to_string(*task);
  if (type) s += "/device:" + *type + ":" + (index ? std::to_string(*index) : "*");
  return s;
}

void DeviceName::MergeFrom(const DeviceName& outer) {
  if (!job) job = outer.job;
  if (!replica) replica = outer.replica;
  if (!task) task = outer.task;
  if (!type) {
    type = outer.type;
    if (!index) index = outer.index;
  }
}

bool DeviceName::Matches(const DeviceName& pattern) const {
  return (!pattern.job || job == pattern.job) && (!pattern.replica || replica == pattern.replica) &&
         (!pattern.task || task == pattern.task) && (!pattern.type || type == pattern.type) &&
         (!pattern.index || index == pattern.index);
}

}  // namespace weft
