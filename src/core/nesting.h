// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weft {

// How deep calls of one kind are nested on this thread, and how many there were since the outermost
// began: for recursion over input that may have no end, or very many branches. One count for each
// Tag.
template <typename Tag>
class Nesting {
 public:
  Nesting() {
    if (depth_++ == 0) calls_ = 0;
    ++calls_;
  }
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

  // Both with this one.
  int depth() const { return depth_; }
  int calls() const { return calls_; }

 private:
  static inline thread_local int depth_ = 0, calls_ = 0;
};

}  // namespace weft
