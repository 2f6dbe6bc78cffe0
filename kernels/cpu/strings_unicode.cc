// SPDX-License-Identifier: Apache-2.0
// UnicodeDecode, UnicodeDecodeWithOffsets, UnicodeEncode, UnicodeTranscode, UnicodeScript; upper
// and lower case of all scripts. ICU knows encodings and characters.
#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_err.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cpu/strings.h"
#include "src/core/strings.h"

namespace weft {
namespace {

// ---- what to do about mistakes ----

struct ErrorPolicy {
  bool strict = false, leave_out = false, replace_control = false;
  UChar32 replacement = 0xfffd;
};

ErrorPolicy ReadPolicy(KernelConstruction& c) {
  ErrorPolicy policy;
  const std::string errors = c.Attr<std::string>("errors");
  policy.strict = errors == "strict";
  policy.leave_out = errors == "ignore";
  policy.replace_control = c.AttrOr("replace_control_characters", false);
  const int64_t replacement = c.Attr<int64_t>("replacement_char");
  if (replacement < UCHAR_MIN_VALUE || replacement > UCHAR_MAX_VALUE) {
    c.Fail(absl::InvalidArgumentError(
        StrCat("replacement_char out of unicode codepoint range: ", replacement)));
  } else {
    policy.replacement = static_cast<UChar32>(replacement);
  }
  return policy;
}

// ---- decoding ----

struct CloseConverter {
  void operator()(UConverter* c) const { ucnv_close(c); }
};
using Converter = std::unique_ptr<UConverter, CloseConverter>;

// Null if ICU knows no such encoding. Converters have a state: one for each run of a kernel.
Converter OpenConverter(const std::string& encoding) {
  UErrorCode status = U_ZERO_ERROR;
  Converter converter(ucnv_open(encoding.c_str(), &status));
  if (U_FAILURE(status)) converter.reset();
  return converter;
}
absl::Status UnknownEncoding(const std::string& encoding) {
  return absl::InvalidArgumentError(
      StrCat("Could not create converter for input encoding: ", encoding));
}

// Called by ICU where bytes mean nothing: notes it, and lets ICU put a replacement in their place.
void NoteMistake(const void* context, UConverterToUnicodeArgs* args, const char* bytes,
                 int32_t length, UConverterCallbackReason reason, UErrorCode* error) {
  if (reason == UCNV_UNASSIGNED || reason == UCNV_ILLEGAL || reason == UCNV_IRREGULAR)
    *static_cast<bool*>(const_cast<void*>(context)) = true;
  UCNV_TO_U_CALLBACK_SUBSTITUTE(nullptr, args, bytes, length, reason, error);
}

// Calls take(code point, bytes that it took, whether they were wrong) for each of the text's.
template <typename Take>
void ForEachCharacter(const std::string& text, UConverter* converter, const Take& take) {
  bool mistake = false;
  UErrorCode status = U_ZERO_ERROR;
  ucnv_reset(converter);
  ucnv_setToUCallBack(converter, NoteMistake, &mistake, nullptr, nullptr, &status);
  const char *at = text.data(), *end = at + text.size();
  while (at < end) {
    const char* before = at;
    const UChar32 c = ucnv_getNextUChar(converter, &at, end, &status);
    if (U_FAILURE(status)) at = end;
    take(c, at - before, mistake);
    mistake = false;
  }
}

// What a character becomes; false if nothing. *wrong is set where the text breaks a rule.
bool Admit(const ErrorPolicy& policy, bool mistake, UChar32* c, bool* wrong) {
  if (!mistake && !(policy.replace_control && *c <= 0x1f)) return true;
  *wrong = *wrong || mistake;
  if (policy.leave_out) return false;
  *c = policy.replacement;
  return true;
}

// ---- encoding ----

enum class Encoding { kUtf8, kUtf16, kUtf32 };

Encoding ReadEncoding(KernelConstruction& c) {
  const std::string name = c.Attr<std::string>("output_encoding");
  if (name == "UTF-16-BE") return Encoding::kUtf16;
  return name == "UTF-32-BE" ? Encoding::kUtf32 : Encoding::kUtf8;
}

std::string Encode(const icu::UnicodeString& text, Encoding encoding) {
  std::string bytes;
  if (encoding == Encoding::kUtf8) {
    text.toUTF8String(bytes);
    return bytes;
  }
  const auto append = [&bytes](uint32_t unit, int first_shift) {
    for (int shift = first_shift; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<char>(unit >> shift & 0xff));
    }
  };
  if (encoding == Encoding::kUtf16) {
    for (int32_t i = 0; i < text.length(); ++i) append(text.charAt(i), 8);
  } else {
    for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
      append(static_cast<uint32_t>(text.char32At(i)), 24);
    }
  }
  return bytes;
}

absl::Status WrongText(KernelContext& ctx) {
  return ctx.InvalidArgument("Invalid formatting on input string");
}

// ---- the kernels ----

class UnicodeTranscode final : public Kernel {
 public:
  explicit UnicodeTranscode(KernelConstruction& c)
      : policy_(ReadPolicy(c)), from_(c.Attr<std::string>("input_encoding")), to_(ReadEncoding(c)) {
    if (OpenConverter(from_) == nullptr) c.Fail(UnknownEncoding(from_));
  }
  absl::Status Compute(KernelContext& ctx) override {
    const Converter converter = OpenConverter(from_);
    if (converter == nullptr) return UnknownEncoding(from_);
    bool wrong = false;
    WEFT_RETURN_IF_ERROR(ChangeTexts(ctx, [&](const std::string& text) {
      icu::UnicodeString characters;
      ForEachCharacter(text, converter.get(), [&](UChar32 c, int64_t, bool mistake) {
        // Control characters that are replaced count as wrong, too.
        if (policy_.replace_control && c <= 0x1f) wrong = true;
        if (Admit(policy_, mistake, &c, &wrong)) characters.append(c);
      });
      return Encode(characters, to_);
    }));
    return policy_.strict && wrong ? WrongText(ctx) : absl::OkStatus();
  }

 private:
  const ErrorPolicy policy_;
  const std::string from_;
  const Encoding to_;
};

// Splits as int32 or int64.
absl::Status OutputSplits(KernelContext& ctx, const std::vector<int64_t>& splits) {
  const Shape shape({static_cast<int64_t>(splits.size())});
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  if (out->dtype() == kInt64) {
    std::copy(splits.begin(), splits.end(), out->mutable_data<int64_t>());
    return absl::OkStatus();
  }
  if (splits.back() > std::numeric_limits<int32_t>::max())
    return ctx.InvalidArgument("there are more characters than int32 splits can count");
  std::transform(splits.begin(), splits.end(), out->mutable_data<int32_t>(),
                 [](int64_t split) { return static_cast<int32_t>(split); });
  return absl::OkStatus();
}

class UnicodeDecode final : public Kernel {
 public:
  explicit UnicodeDecode(KernelConstruction& c)
      : policy_(ReadPolicy(c)), from_(c.Attr<std::string>("input_encoding")) {
    if (OpenConverter(from_) == nullptr) c.Fail(UnknownEncoding(from_));
  }
  absl::Status Compute(KernelContext& ctx) override {
    const Converter converter = OpenConverter(from_);
    if (converter == nullptr) return UnknownEncoding(from_);
    std::vector<int32_t> characters;
    std::vector<int64_t> starts, splits = {0};
    bool wrong = false;
    for (const std::string& text : ctx.input(0).values<std::string>()) {
      int64_t at = 0;
      ForEachCharacter(text, converter.get(), [&](UChar32 c, int64_t bytes, bool mistake) {
        const bool is_there = Admit(policy_, mistake, &c, &wrong);
        if (is_there) characters.push_back(c);
        if (is_there) starts.push_back(at);
        at += bytes;
      });
      splits.push_back(static_cast<int64_t>(characters.size()));
    }
    if (policy_.strict && wrong) return WrongText(ctx);
    WEFT_RETURN_IF_ERROR(OutputSplits(ctx, splits));
    ctx.set_output(1, Array::FromVector(characters));
    if (ctx.num_outputs() > 2) ctx.set_output(2, Array::FromVector(starts));
    return absl::OkStatus();
  }

 private:
  const ErrorPolicy policy_;
  const std::string from_;
};

class UnicodeEncode final : public Kernel {
 public:
  explicit UnicodeEncode(KernelConstruction& c) : policy_(ReadPolicy(c)), to_(ReadEncoding(c)) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array &values = ctx.input(0), &splits = ctx.input(1);
    WEFT_RETURN_IF_ERROR(CheckSplits(ctx, splits, values.num_elements()));
    const int64_t rows = splits.num_elements() - 1;
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({rows})));
    const int32_t* code = values.data<int32_t>();
    for (int64_t row = 0; row < rows; ++row) {
      icu::UnicodeString characters;
      for (int64_t i = splits.AsInt64(row); i < splits.AsInt64(row + 1); ++i) {
        UChar32 c = code[i];
        if (!U_IS_UNICODE_CHAR(c)) {
          if (policy_.strict) {
            return ctx.InvalidArgument(
                "Code point is out of range for Unicode, or a noncharacter.");
          }
          if (policy_.leave_out) continue;
          c = policy_.replacement;
        }
        characters.append(c);
      }
      out->mutable_data<std::string>()[row] = Encode(characters, to_);
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status CheckSplits(KernelContext& ctx, const Array& splits, int64_t n) {
    if (splits.num_elements() == 0) {
      return ctx.InvalidArgument(
          "Input_splits should contain elements, but given input_splits has "
          "0 elements");
    }
    int64_t before = splits.AsInt64(0);
    if (before != 0)
      return ctx.InvalidArgument(StrCat("First value in input_splits must be zero., got ", before));
    for (int64_t i = 1; i < splits.num_elements(); ++i) {
      const int64_t split = splits.AsInt64(i);
      if (split < before) {
        return ctx.InvalidArgument(
            StrCat("Values in input_splits must be equal or in ascending order., got ", split,
                   " after ", before));
      }
      if (split > n) {
        return ctx.InvalidArgument(StrCat(
            "Values in input_splits must be less than or equal to input_tensor length., got ",
            split, " of ", n));
      }
      before = split;
    }
    return absl::OkStatus();
  }

  const ErrorPolicy policy_;
  const Encoding to_;
};

absl::Status UnicodeScript(KernelContext& ctx) {
  const Array& in = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, in.shape()));
  int32_t* to = out->mutable_data<int32_t>();
  for (const int32_t code : in.values<int32_t>()) {
    UErrorCode status = U_ZERO_ERROR;
    const UScriptCode script = uscript_getScript(code, &status);
    *to++ = U_SUCCESS(status) ? static_cast<int32_t>(script) : USCRIPT_INVALID_CODE;
  }
  return absl::OkStatus();
}

icu::UnicodeString FromUtf8(const std::string& text) {
  return icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
}

}  // namespace

// The root locale: the same result on every machine.
std::string Utf8Upper(const std::string& text) {
  return Encode(FromUtf8(text).toUpper(icu::Locale::getRoot()), Encoding::kUtf8);
}
std::string Utf8Lower(const std::string& text) {
  return Encode(FromUtf8(text).toLower(icu::Locale::getRoot()), Encoding::kUtf8);
}

void RegisterUnicodeKernels(KernelRegistry& kernels) {
  kernels.Add<UnicodeTranscode>("UnicodeTranscode", kCpu, {});
  kernels.Add<UnicodeDecode>("UnicodeDecode", kCpu, {});
  kernels.Add<UnicodeDecode>("UnicodeDecodeWithOffsets", kCpu, {});
  kernels.Add<UnicodeEncode>("UnicodeEncode", kCpu, {});
  kernels.Add("UnicodeScript", kCpu, {}, UnicodeScript);
}

}  // namespace weft
