// SPDX-License-Identifier: Apache-2.0
// StringJoin, RegexFullMatch, StaticRegexFullMatch.
#include "kernels/cpu/strings.h"

#include <string>

#include "src/core/strings.h"

namespace weft {
namespace {

class StringJoin final : public Kernel {
 public:
  explicit StringJoin(KernelConstruction& c) : separator_(c.Attr<std::string>("separator")) {}
  absl::Status Compute(KernelContext& ctx) override {
    Shape shape;
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      const Shape& s = ctx.input(i).shape();
      if (s.rank() == 0) continue;
      if (shape.rank() != 0 && s != shape) {
        return ctx.InvalidArgument(StrCat("Input shapes do not match: input ", i, " is ",
                                          s.ToString(), ", one before it ", shape.ToString()));
      }
      shape = s;
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    std::string* to = out->mutable_data<std::string>();
    for (int64_t e = 0; e < shape.num_elements(); ++e) {
      std::string joined;
      for (int i = 0; i < ctx.num_inputs(); ++i) {
        if (i > 0) joined += separator_;
        const Array& in = ctx.input(i);
        joined += in.data<std::string>()[in.rank() == 0 ? 0 : e];
      }
      to[e] = std::move(joined);
    }
    return absl::OkStatus();
  }

 private:
  std::string separator_;
};

absl::Status FullMatches(KernelContext& ctx, const RE2& pattern) {
  if (!pattern.ok()) {
    return absl::InvalidArgumentError(
        StrCat("Invalid pattern: ", pattern.pattern(), ", error: ", pattern.error()));
  }
  const Array& in = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, in.shape()));
  bool* to = out->mutable_data<bool>();
  for (const std::string& text : in.values<std::string>()) *to++ = RE2::FullMatch(text, pattern);
  return absl::OkStatus();
}

absl::Status RegexFullMatch(KernelContext& ctx) {
  if (ctx.input(1).rank() != 0) {
    return absl::InvalidArgumentError(
        StrCat("Pattern must be scalar, but received ", ctx.input(1).shape().ToString()));
  }
  return FullMatches(ctx, RE2(*ctx.input(1).data<std::string>(), QuietPattern()));
}

class StaticRegexFullMatch final : public Kernel {
 public:
  explicit StaticRegexFullMatch(KernelConstruction& c)
      : pattern_(c.Attr<std::string>("pattern"), QuietPattern()) {}
  absl::Status Compute(KernelContext& ctx) override { return FullMatches(ctx, pattern_); }

 private:
  RE2 pattern_;
};

}  // namespace

void RegisterStringsKernels(KernelRegistry& kernels) {
  kernels.Add<StringJoin>("StringJoin", kCpu, {});
  kernels.Add("RegexFullMatch", kCpu, {}, RegexFullMatch);
  kernels.Add<StaticRegexFullMatch>("StaticRegexFullMatch", kCpu, {});
  RegisterStringEditKernels(kernels);
  RegisterStringSplitKernels(kernels);
  RegisterUnicodeKernels(kernels);
}

}  // namespace weft
