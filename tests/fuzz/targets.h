// SPDX-License-Identifier: Apache-2.0
// What is fed with arbitrary bytes: nothing but an error may come of them, in little time and
// memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::fuzz {

struct Target {
  std::string_view name;
  // Takes one input; errors are results too.
  void (*run)(std::string_view bytes);
  // Inputs that get far, to begin with.
  std::vector<std::string> (*seeds)();
};

std::span<const Target> Targets();
// Null if there is none of this name.
const Target* FindTarget(std::string_view name);

// graph_targets.cc
void RunTensorProto(std::string_view bytes);
std::vector<std::string> TensorProtoSeeds();
void RunGraphDef(std::string_view bytes);
std::vector<std::string> GraphDefSeeds();
// op_target.cc
void RunOps(std::string_view bytes);
std::vector<std::string> OpsSeeds();
// text_targets.cc
void RunExample(std::string_view bytes);
std::vector<std::string> ExampleSeeds();
void RunCsv(std::string_view bytes);
std::vector<std::string> CsvSeeds();
void RunRegex(std::string_view bytes);
std::vector<std::string> RegexSeeds();
void RunStrings(std::string_view bytes);
std::vector<std::string> StringsSeeds();

// Numbers and texts made of an input's bytes, from its beginning; zeros behind its end.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto b = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return b;
  }
  // In [low, high], which are less than 256 apart.
  int64_t Between(int64_t low, int64_t high) { return low + Byte() % (high - low + 1); }
  bool Flip() { return (Byte() & 1) != 0; }
  // Up to `most` bytes.
  std::string Text(size_t most) {
    const size_t n = std::min<size_t>({Byte(), most, bytes_.size()});
    const std::string text(bytes_.substr(0, n));
    bytes_.remove_prefix(n);
    return text;
  }
  std::string Rest() {
    const std::string rest(bytes_);
    bytes_ = {};
    return rest;
  }

 private:
  std::string_view bytes_;
};

// Whether running such an op could touch files, end the process or only make noise.
bool IsForbiddenOp(std::string_view op);

}  // namespace weft::fuzz
