// SPDX-License-Identifier: Apache-2.0
// What a call throws.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <type_traits>

#include "weft/core/error.h"

namespace weft::test {

// The message of the E that `run` throws; a text that says so if it throws another error or none.
template <typename E = Error>
std::string MessageOf(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& e) {
    if constexpr (!std::is_same_v<E, Error>) {
      if (dynamic_cast<const E*>(&e) == nullptr) return std::string("another error: ") + e.what();
    }
    return e.what();
  }
  return "no error";
}

// The message of the error that `run` throws, which is to have `code`; empty if there is none.
inline std::string MessageOf(Code code, const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& e) {
    EXPECT_EQ(CodeName(e.code()), CodeName(code)) << e.what();
    return e.what();
  }
  return "";
}

}  // namespace weft::test
