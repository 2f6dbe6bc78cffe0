// SPDX-License-Identifier: Apache-2.0
// StringLength, StringLower, StringUpper, StringStrip, Substr, RegexReplace, StaticRegexReplace,
// EncodeBase64, DecodeBase64, StringFormat.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/common/broadcast_index.h"
#include "kernels/cpu/strings.h"
#include "src/core/strings.h"

namespace weft {
namespace {

// ---- StringLength, cases, StringStrip ----

class StringLength final : public Kernel {
 public:
  explicit StringLength(KernelConstruction& c)
      : characters_(c.Attr<std::string>("unit") == "UTF8_CHAR") {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, in.shape()));
    int32_t* to = out->mutable_data<int32_t>();
    for (const std::string& text : in.values<std::string>()) {
      const auto trails = characters_ ? std::count_if(text.begin(), text.end(), IsUtf8Trail) : 0;
      *to++ = static_cast<int32_t>(static_cast<int64_t>(text.size()) - trails);
    }
    return absl::OkStatus();
  }

 private:
  const bool characters_;
};

std::string AsciiUpper(const std::string& text) {
  std::string upper = text;
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

class StringCase final : public Kernel {
 public:
  explicit StringCase(KernelConstruction& c) : upper_(c.op() == "StringUpper") {
    const std::string encoding = c.Attr<std::string>("encoding");
    unicode_ = encoding == "utf-8";
    if (!unicode_ && !encoding.empty()) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("only utf-8 or '' (no encoding) is supported, received ", encoding)));
    }
  }
  absl::Status Compute(KernelContext& ctx) override {
    if (unicode_) return ChangeTexts(ctx, upper_ ? Utf8Upper : Utf8Lower);
    if (upper_) return ChangeTexts(ctx, AsciiUpper);
    return ChangeTexts(ctx, AsciiLower);
  }

 private:
  const bool upper_;
  bool unicode_ = false;
};

absl::Status StringStrip(KernelContext& ctx) {
  return ChangeTexts(ctx, [](const std::string& text) { return std::string(StripSpace(text)); });
}

// ---- Substr ----

// The byte where `count` characters from byte `at` on end; at most the text's size, and then
// *enough is false if there are fewer.
size_t SkipForward(std::string_view text, size_t at, int64_t count, bool* enough) {
  for (; count > 0 && at < text.size(); --count) {
    ++at;
    while (at < text.size() && IsUtf8Trail(text[at])) ++at;
  }
  *enough = count <= 0;
  return at;
}
// The byte where the last `count` characters before byte `at` begin.
size_t SkipBack(std::string_view text, size_t at, int64_t count, bool* enough) {
  for (; count > 0 && at > 0; --count) {
    --at;
    while (at > 0 && IsUtf8Trail(text[at])) --at;
  }
  *enough = count <= 0;
  return at;
}

// False if the text has no such position. A negative position counts from the end.
bool CutCharacters(std::string_view text, int64_t pos, int64_t len, std::string* part) {
  bool enough = true, any = true;
  size_t begin = 0, end = 0;
  if (pos >= 0) {
    begin = SkipForward(text, 0, pos, &enough);
    end = SkipForward(text, begin, len, &any);
  } else {
    // So many characters lie behind the part. (-pos may not fit: ~pos is -pos - 1.)
    const int64_t most = static_cast<int64_t>(text.size());
    if (~pos >= most) return false;
    const int64_t skip = len >= -pos ? 0 : -pos - std::max<int64_t>(len, 0);
    end = SkipBack(text, text.size(), skip, &enough);
    if (!enough) return false;
    begin = SkipBack(text, end, -pos - skip, &enough);
  }
  if (enough) *part = text.substr(begin, end - begin);
  return enough;
}

// A length that is negative reaches to the end.
bool CutBytes(std::string_view text, int64_t pos, int64_t len, std::string* part) {
  const int64_t size = static_cast<int64_t>(text.size());
  if (pos < 0) pos += size;
  if (pos < 0 || pos > size) return false;
  *part = text.substr(static_cast<size_t>(pos), len < 0 ? text.npos : static_cast<size_t>(len));
  return true;
}

class Substr final : public Kernel {
 public:
  explicit Substr(KernelConstruction& c)
      : characters_(c.Attr<std::string>("unit") == "UTF8_CHAR") {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array &texts = ctx.input(0), &pos = ctx.input(1), &len = ctx.input(2);
    if (pos.shape() != len.shape()) {
      return ctx.InvalidArgument(StrCat("pos and len should have the same shape, got: ",
                                        pos.shape().ToString(), " vs. ", len.shape().ToString()));
    }
    if (pos.num_elements() == 0) {
      return ctx.InvalidArgument(
          StrCat("received empty tensor pos_tensor of shape ", pos.shape().ToString()));
    }
    const Shape* const shapes[] = {&texts.shape(), &pos.shape()};
    const absl::StatusOr<BroadcastPlan> plan = PlanBroadcast(shapes);
    if (!plan.ok()) {
      return ctx.InvalidArgument(StrCat("Incompatible shapes: ", texts.shape().ToString(), " vs. ",
                                        pos.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, plan->output));
    const std::string* from = texts.data<std::string>();
    std::string* to = out->mutable_data<std::string>();
    for (int64_t i = 0; i < out->num_elements(); ++i) {
      const std::string& text = from[OperandIndex(*plan, 0, i)];
      const int64_t place = OperandIndex(*plan, 1, i);
      const int64_t begin = pos.AsInt64(place), count = len.AsInt64(place);
      const bool found = characters_ ? CutCharacters(text, begin, count, &to[i])
                                     : CutBytes(text, begin, count, &to[i]);
      if (found) continue;
      const std::string which =
          characters_ ? std::string("string") : StrCat("string b'", text, "'");
      return ctx.InvalidArgument(
          StrCat("pos ", begin, " out of range for ", which, " at index ", i));
    }
    return absl::OkStatus();
  }

 private:
  const bool characters_;
};

// ---- RegexReplace ----

absl::Status Replace(KernelContext& ctx, const RE2& pattern, const std::string& rewrite,
                     bool global) {
  if (!pattern.ok()) {
    return ctx.InvalidArgument(
        StrCat("Invalid pattern: ", pattern.pattern(), ", error: ", pattern.error()));
  }
  return ChangeTexts(ctx, [&](const std::string& text) {
    std::string changed = text;
    if (global) {
      RE2::GlobalReplace(&changed, pattern, rewrite);
    } else {
      RE2::Replace(&changed, pattern, rewrite);
    }
    return changed;
  });
}

class RegexReplace final : public Kernel {
 public:
  explicit RegexReplace(KernelConstruction& c) : global_(c.Attr<bool>("replace_global")) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array &pattern = ctx.input(1), &rewrite = ctx.input(2);
    if (pattern.rank() != 0) {
      return ctx.InvalidArgument(
          StrCat("Pattern must be scalar, but received ", pattern.shape().ToString()));
    }
    if (rewrite.rank() != 0) {
      return ctx.InvalidArgument(
          StrCat("Rewrite must be scalar, but received ", rewrite.shape().ToString()));
    }
    return Replace(ctx, RE2(*pattern.data<std::string>(), QuietPattern()),
                   *rewrite.data<std::string>(), global_);
  }

 private:
  const bool global_;
};

class StaticRegexReplace final : public Kernel {
 public:
  explicit StaticRegexReplace(KernelConstruction& c)
      : pattern_(c.Attr<std::string>("pattern"), QuietPattern()),
        rewrite_(c.Attr<std::string>("rewrite")),
        global_(c.Attr<bool>("replace_global")) {}
  absl::Status Compute(KernelContext& ctx) override {
    return Replace(ctx, pattern_, rewrite_, global_);
  }

 private:
  const RE2 pattern_;
  const std::string rewrite_;
  const bool global_;
};

// ---- Base64 (RFC 4648, the alphabet of section 5) ----

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string EncodeBase64Text(std::string_view bytes, bool pad) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (size_t k = 0; k <= n; ++k) text.push_back(kBase64[bits >> (18 - 6 * k) & 63]);
    if (pad) text.append(3 - n, '=');
  }
  return text;
}

class EncodeBase64 final : public Kernel {
 public:
  explicit EncodeBase64(KernelConstruction& c) : pad_(c.Attr<bool>("pad")) {}
  absl::Status Compute(KernelContext& ctx) override {
    return ChangeTexts(ctx, [this](const std::string& t) { return EncodeBase64Text(t, pad_); });
  }

 private:
  const bool pad_;
};

// What each byte stands for; 64 of those that stand for nothing.
constexpr std::array<uint8_t, 256> Base64Values() {
  std::array<uint8_t, 256> values{};
  values.fill(64);
  for (size_t i = 0; i < kBase64.size(); ++i) {
    values[static_cast<unsigned char>(kBase64[i])] = static_cast<uint8_t>(i);
  }
  return values;
}

absl::Status DecodeBase64Text(std::string_view text, std::string* bytes) {
  static constexpr std::array<uint8_t, 256> values = Base64Values();
  // '=' fills up the last four characters.
  if (!text.empty() && text.size() % 4 == 0) {
    for (int i = 0; i < 2 && text.back() == '='; ++i) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) {
    return absl::InvalidArgumentError("Base64 string length cannot be 1 modulo 4.");
  }
  bytes->reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const uint8_t value = values[static_cast<unsigned char>(c)];
    if (value > 63) return absl::InvalidArgumentError("Invalid character found in base64.");
    bits = bits << 6 | value;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes->push_back(static_cast<char>(bits >> held & 0xff));
  }
  return absl::OkStatus();
}

absl::Status DecodeBase64(KernelContext& ctx) {
  const Array& in = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, in.shape()));
  std::string* to = out->mutable_data<std::string>();
  for (const std::string& text : in.values<std::string>()) {
    std::string bytes;
    const absl::Status s = DecodeBase64Text(text, &bytes);
    if (!s.ok()) return ctx.InvalidArgument(std::string(s.message()));
    *to++ = std::move(bytes);
  }
  return absl::OkStatus();
}

// ---- StringFormat ----

// A tensor as tf.print shows it: brackets for each dimension, of long ones the `ends` first and
// last elements, and a new line between rows.
class Printout {
 public:
  Printout(const Array& array, int64_t limit)
      : array_(array),
        flat_(array.Reshaped(Shape({array.num_elements()}))),
        ends_(limit < 0 ? array.num_elements() : std::min(limit, array.num_elements())) {}

  std::string Text() && {
    if (array_.rank() > 0) {
      Dimension(0, 0);
    } else if (ends_ > 0) {
      Element(0);
    } else {
      text_ = "...";
    }
    return std::move(text_);
  }

 private:
  void Element(int64_t i) {
    if (array_.dtype() == kString) {
      StrAppend(&text_, "\"", array_.data<std::string>()[i], "\"");
    } else {
      text_ += flat_.SliceRows(i, i + 1).Reshaped(Shape()).Summarize(1);
    }
  }

  void Space(int axis) {
    const int below = array_.rank() - axis - 1;
    if (below > 0) {
      text_.append(static_cast<size_t>(below), '\n');
      text_.append(static_cast<size_t>(axis) + 1, ' ');
    } else {
      text_ += ' ';
    }
  }

  // Element `index` of all elements of this dimension, the outer ones counted too.
  void Item(int axis, int64_t index) {
    if (axis + 1 == array_.rank()) {
      Element(index);
    } else {
      Dimension(axis + 1, index);
    }
  }

  void Dimension(int axis, int64_t index) {
    const int64_t size = array_.dim(axis);
    text_ += '[';
    for (int64_t i = 0; i < std::min(ends_, size); ++i) {
      if (i > 0) Space(axis);
      Item(axis, index * size + i);
    }
    if (size - ends_ > ends_) {
      Space(axis);
      text_ += "...";
    }
    for (int64_t i = std::max(ends_, size - ends_); i < size; ++i) {
      Space(axis);
      Item(axis, index * size + i);
    }
    text_ += ']';
  }

  const Array& array_;
  const Array flat_;
  const int64_t ends_;
  std::string text_;
};

// The pieces of a text between the separators; its characters if there is nothing to separate by.
std::vector<std::string> Pieces(std::string_view text, std::string_view separator) {
  std::vector<std::string> pieces;
  if (separator.empty()) {
    for (const char c : text) pieces.emplace_back(1, c);
    if (pieces.empty()) pieces.emplace_back();
    return pieces;
  }
  size_t from = 0;
  for (size_t at = text.find(separator); at != text.npos; at = text.find(separator, from)) {
    pieces.emplace_back(text.substr(from, at - from));
    from = at + separator.size();
  }
  pieces.emplace_back(text.substr(from));
  return pieces;
}

class StringFormat final : public Kernel {
 public:
  explicit StringFormat(KernelConstruction& c)
      : pieces_(Pieces(c.Attr<std::string>("template"), c.Attr<std::string>("placeholder"))),
        summarize_(c.Attr<int64_t>("summarize")) {
    if (static_cast<int>(pieces_.size()) - 1 != c.num_inputs()) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("num placeholders in template and num inputs must match: ", pieces_.size() - 1,
                 " vs. ", c.num_inputs())));
    }
  }
  absl::Status Compute(KernelContext& ctx) override {
    std::string text = pieces_[0];
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      const DataType dtype = ctx.input(i).dtype();
      if (!IsPlain(dtype) && dtype != kString) {
        return ctx.InvalidArgument(
            StrCat("input ", i, " is a ", DTypeName(dtype), ", which can't be shown as text"));
      }
      text += Printout(ctx.input(i), summarize_).Text();
      text += pieces_[static_cast<size_t>(i) + 1];
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
    *out->mutable_data<std::string>() = std::move(text);
    return absl::OkStatus();
  }

 private:
  const std::vector<std::string> pieces_;
  const int64_t summarize_;
};

}  // namespace

void RegisterStringEditKernels(KernelRegistry& kernels) {
  kernels.Add<StringLength>("StringLength", kCpu, {});
  kernels.Add<StringCase>("StringLower", kCpu, {});
  kernels.Add<StringCase>("StringUpper", kCpu, {});
  kernels.Add("StringStrip", kCpu, {}, StringStrip);
  kernels.Add<Substr>("Substr", kCpu, {});
  kernels.Add<RegexReplace>("RegexReplace", kCpu, {});
  kernels.Add<StaticRegexReplace>("StaticRegexReplace", kCpu, {});
  kernels.Add<EncodeBase64>("EncodeBase64", kCpu, {});
  kernels.Add("DecodeBase64", kCpu, {}, DecodeBase64);
  kernels.Add<StringFormat>("StringFormat", kCpu, {});
}

}  // namespace weft
