// SPDX-License-Identifier: Apache-2.0
// The parts of RegisterStringsKernels, and what they share.
#pragma once

#include <re2/re2.h>

#include <string>
#include <string_view>
#include <vector>

#include "weft/runtime/kernel.h"

namespace weft {

void RegisterStringEditKernels(KernelRegistry& kernels);   // strings_edit.cc
void RegisterStringSplitKernels(KernelRegistry& kernels);  // strings_split.cc
void RegisterUnicodeKernels(KernelRegistry& kernels);      // strings_unicode.cc

// For patterns from outside: a mistake in one is reported, not logged.
inline RE2::Options QuietPattern() {
  RE2::Options options;
  options.set_log_errors(false);
  return options;
}

// Whether the byte goes on with a UTF-8 character that an earlier one began.
inline bool IsUtf8Trail(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

// Each text in upper or lower case by Unicode's rules (strings_unicode.cc).
std::string Utf8Upper(const std::string& text);
std::string Utf8Lower(const std::string& text);

// Output 0 is change(text) for each text of input 0.
template <typename Change>
absl::Status ChangeTexts(KernelContext& ctx, const Change& change) {
  const Array& in = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, in.shape()));
  std::string* to = out->mutable_data<std::string>();
  for (const std::string& text : in.values<std::string>()) *to++ = change(text);
  return absl::OkStatus();
}

}  // namespace weft
