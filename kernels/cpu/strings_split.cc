// SPDX-License-Identifier: Apache-2.0
// StringSplit, StringSplitV2, ReduceJoin, UnsortedSegmentJoin, StringNGrams.
#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/cpu/strings.h"
#include "src/core/strings.h"

namespace weft {
namespace {

using Parts = std::vector<std::string_view>;

// ---- StringSplit, StringSplitV2 ----

constexpr std::string_view kSpace = " \t\r\n\v\f";

// Between any of the delimiter's bytes; all bytes if it is empty. An empty text has no parts.
void SplitAtAny(std::string_view text, std::string_view delimiters, bool skip_empty, Parts* parts) {
  if (delimiters.empty()) {
    for (size_t i = 0; i < text.size(); ++i) parts->push_back(text.substr(i, 1));
    return;
  }
  if (text.empty()) return;
  for (size_t from = 0; from <= text.size();) {
    const size_t to = std::min(text.find_first_of(delimiters, from), text.size());
    if (!skip_empty || to > from) parts->push_back(text.substr(from, to - from));
    from = to + 1;
  }
}

// As Python's str.split() with a separator. At most `most` times if that is positive.
void SplitAt(std::string_view text, std::string_view separator, int64_t most, Parts* parts) {
  for (int64_t done = 0; most <= 0 || done < most; ++done) {
    const size_t at = text.find(separator);
    if (at == text.npos) break;
    parts->push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  parts->push_back(text);
}

// Between runs of white space. The rest after the last split is there even if it is empty, which is
// not as in Python, but as in TensorFlow.
void SplitAtSpace(std::string_view text, int64_t most, Parts* parts) {
  const auto skip_space = [&text] {
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  };
  skip_space();
  for (int64_t done = 0; !text.empty();) {
    const size_t end = std::min(text.find_first_of(kSpace), text.size());
    parts->push_back(text.substr(0, end));
    text.remove_prefix(end);
    skip_space();
    if (++done == most) {
      parts->push_back(text);
      return;
    }
  }
}

// Outputs the sparse matrix of the parts of each text; `split` appends those of one text.
template <typename Split>
absl::Status SplitTexts(KernelContext& ctx, const char* separator_name, const Split& split) {
  const Array &in = ctx.input(0), &separator = ctx.input(1);
  if (in.rank() != 1) {
    return ctx.InvalidArgument(
        StrCat("input must be a vector, got shape: ", in.shape().ToString()));
  }
  if (separator.rank() != 0) {
    return ctx.InvalidArgument(
        StrCat(separator_name, " must be a scalar, got shape: ", separator.shape().ToString()));
  }
  Parts parts;
  std::vector<size_t> ends;
  ends.reserve(static_cast<size_t>(in.dim(0)));
  for (const std::string& text : in.values<std::string>()) {
    split(text, *separator.data<std::string>(), &parts);
    ends.push_back(parts.size());
  }
  const int64_t total = static_cast<int64_t>(parts.size());
  WEFT_ASSIGN_OR_RETURN(Array * indices, ctx.AllocateOutput(0, Shape({total, 2})));
  WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(1, Shape({total})));
  WEFT_ASSIGN_OR_RETURN(Array * shape, ctx.AllocateOutput(2, Shape({2})));
  int64_t* index = indices->mutable_data<int64_t>();
  std::string* value = values->mutable_data<std::string>();
  size_t at = 0, longest = 0;
  for (size_t row = 0; row < ends.size(); ++row) {
    const size_t first = at;
    longest = std::max(longest, ends[row] - first);
    for (; at < ends[row]; ++at) {
      *index++ = static_cast<int64_t>(row);
      *index++ = static_cast<int64_t>(at - first);
      *value++ = parts[at];
    }
  }
  shape->mutable_data<int64_t>()[0] = in.dim(0);
  shape->mutable_data<int64_t>()[1] = static_cast<int64_t>(longest);
  return absl::OkStatus();
}

class StringSplit final : public Kernel {
 public:
  explicit StringSplit(KernelConstruction& c) : skip_empty_(c.AttrOr("skip_empty", true)) {}
  absl::Status Compute(KernelContext& ctx) override {
    return SplitTexts(ctx, "delimiter",
                      [this](std::string_view text, std::string_view delimiter, Parts* parts) {
                        SplitAtAny(text, delimiter, skip_empty_, parts);
                      });
  }

 private:
  const bool skip_empty_;
};

class StringSplitV2 final : public Kernel {
 public:
  explicit StringSplitV2(KernelConstruction& c) : most_(c.Attr<int64_t>("maxsplit")) {}
  absl::Status Compute(KernelContext& ctx) override {
    return SplitTexts(ctx, "sep",
                      [this](std::string_view text, std::string_view separator, Parts* parts) {
                        if (most_ == 0) {
                          parts->push_back(text);
                        } else if (separator.empty()) {
                          SplitAtSpace(text, most_, parts);
                        } else {
                          SplitAt(text, separator, most_, parts);
                        }
                      });
  }

 private:
  const int64_t most_;
};

// ---- ReduceJoin ----

// Walks over some dimensions of a tensor, the first of them fastest.
struct Walk {
  std::vector<int64_t> sizes, strides;

  int64_t count() const {
    int64_t n = 1;
    for (const int64_t size : sizes) n *= size;
    return n;
  }
  // The place of the i-th step in the tensor.
  int64_t Place(int64_t i) const {
    int64_t place = 0;
    for (size_t d = 0; d < sizes.size(); ++d) {
      place += i % sizes[d] * strides[d];
      i /= sizes[d];
    }
    return place;
  }
};

class ReduceJoin final : public Kernel {
 public:
  explicit ReduceJoin(KernelConstruction& c)
      : keep_dims_(c.Attr<bool>("keep_dims")), separator_(c.Attr<std::string>("separator")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    const int rank = in.rank();
    std::vector<int64_t> strides(static_cast<size_t>(rank), 1);
    for (int d = rank - 1; d-- > 0;) {
      const auto at = static_cast<size_t>(d);
      strides[at] = strides[at + 1] * in.dim(d + 1);
    }
    std::vector<bool> is_joined(static_cast<size_t>(rank));
    Walk joined, kept;
    for (const int32_t axis : ctx.input(1).values<int32_t>()) {
      if (axis < -rank || axis >= rank) {
        return ctx.Error(absl::StatusCode::kOutOfRange,
                         StrCat("Invalid reduction dimension ", axis, " for input with ", rank,
                                " dimension(s)"));
      }
      const int d = axis < 0 ? axis + rank : axis;
      if (is_joined[static_cast<size_t>(d)])
        return ctx.InvalidArgument(StrCat("Duplicate reduction dimension ", axis));
      is_joined[static_cast<size_t>(d)] = true;
      joined.sizes.push_back(in.dim(d));
      joined.strides.push_back(strides[static_cast<size_t>(d)]);
    }
    Shape shape;
    for (int d = rank; d-- > 0;) {
      if (!is_joined[static_cast<size_t>(d)]) {
        shape.InsertDim(0, in.dim(d));
        kept.sizes.push_back(in.dim(d));
        kept.strides.push_back(strides[static_cast<size_t>(d)]);
      } else if (keep_dims_) {
        shape.InsertDim(0, 1);
      }
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    const std::string* from = in.data<std::string>();
    std::string* to = out->mutable_data<std::string>();
    const int64_t count = joined.count();
    for (int64_t i = 0; i < out->num_elements(); ++i) {
      const std::string* first = from + kept.Place(i);
      std::string text;
      for (int64_t k = 0; k < count; ++k) {
        if (k > 0) text += separator_;
        text += first[joined.Place(k)];
      }
      to[i] = std::move(text);
    }
    return absl::OkStatus();
  }

 private:
  const bool keep_dims_;
  const std::string separator_;
};

// ---- UnsortedSegmentJoin ----

class UnsortedSegmentJoin final : public Kernel {
 public:
  explicit UnsortedSegmentJoin(KernelConstruction& c)
      : separator_(c.Attr<std::string>("separator")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &in = ctx.input(0), &ids = ctx.input(1);
    WEFT_ASSIGN_OR_RETURN(const Shape shape, OutputShape(ctx));
    const int64_t segments = shape.dim(0);
    for (int64_t i = 0; i < ids.num_elements(); ++i) {
      const int64_t id = ids.AsInt64(i);
      if (id >= 0 && id < segments) continue;
      return ctx.InvalidArgument(
          StrCat("segment_ids are not allowed to exceed num_segments or to have negative values; "
                 "element ",
                 i, " is ", id, ", num_segments ", segments));
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    const int64_t width = ids.num_elements() == 0 ? 0 : in.num_elements() / ids.num_elements();
    const std::string* from = in.data<std::string>();
    std::string* to = out->mutable_data<std::string>();
    std::fill_n(to, out->num_elements(), std::string());
    for (int64_t i = 0; i < ids.num_elements(); ++i) {
      std::string* row = to + ids.AsInt64(i) * width;
      for (int64_t k = 0; k < width; ++k) {
        // As in TensorFlow: nothing stands between an empty text and the next one.
        if (!row[k].empty()) row[k] += separator_;
        row[k] += from[i * width + k];
      }
    }
    return absl::OkStatus();
  }

 private:
  static absl::StatusOr<Shape> OutputShape(KernelContext& ctx) {
    const Shape &in = ctx.input(0).shape(), &ids = ctx.input(1).shape();
    if (ctx.input(2).num_elements() != 1) {
      return ctx.InvalidArgument(StrCat("num_segments must be a scalar, but is of shape ",
                                        ctx.input(2).shape().ToString()));
    }
    if (ids.rank() == 0) return ctx.InvalidArgument("Segment_id cannot have rank 0");
    if (ids.rank() > in.rank()) {
      return ctx.Error(absl::StatusCode::kOutOfRange,
                       StrCat("Invalid segment_id rank ", ids.rank(), " for input with ", in.rank(),
                              " dimension(s)"));
    }
    std::vector<int64_t> dims = {ctx.input(2).AsInt64()};
    for (int d = 0; d < in.rank(); ++d) {
      if (d >= ids.rank()) {
        dims.push_back(in.dim(d));
      } else if (ids.dim(d) != in.dim(d)) {
        return ctx.InvalidArgument(StrCat("Segment dimension is ", ids.dim(d),
                                          " while input dimension is ", in.dim(d), " in rank ", d));
      }
    }
    Shape shape;
    std::string why;
    if (!Shape::Make(dims, &shape, &why)) return ctx.InvalidArgument(why);
    return shape;
  }

  const std::string separator_;
};

// ---- StringNGrams ----

class StringNGrams final : public Kernel {
 public:
  explicit StringNGrams(KernelConstruction& c)
      : separator_(c.Attr<std::string>("separator")),
        left_(c.Attr<std::string>("left_pad")),
        right_(c.Attr<std::string>("right_pad")),
        widths_(c.Attr<std::vector<int64_t>>("ngram_widths")),
        pad_(c.Attr<int64_t>("pad_width")),
        keep_short_(c.Attr<bool>("preserve_short_sequences")) {
    for (const int64_t width : widths_) {
      if (width <= 0 || width > kMostWidth) {
        c.Fail(absl::InvalidArgumentError(StrCat("ngram_widths must contain positive values up to ",
                                                 kMostWidth, ", not ", width)));
      }
    }
    if (pad_ > kMostWidth) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("Pad width must be at most ", kMostWidth, ", not ", pad_)));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array &data = ctx.input(0), &splits = ctx.input(1);
    const int64_t n = data.num_elements(), rows = splits.num_elements() - 1;
    WEFT_RETURN_IF_ERROR(CheckSplits(ctx, splits, n));
    std::vector<std::string> grams;
    std::vector<int64_t> ends(static_cast<size_t>(rows + 1), 0);
    for (int64_t row = 0; n > 0 && row < rows; ++row) {
      const int64_t begin = splits.AsInt64(row), length = splits.AsInt64(row + 1) - begin;
      WEFT_RETURN_IF_ERROR(AddRow(ctx, data.data<std::string>() + begin, length, &grams));
      ends[static_cast<size_t>(row) + 1] = static_cast<int64_t>(grams.size());
    }
    const int64_t count = static_cast<int64_t>(grams.size());
    if (splits.dtype() == kInt32 && count > std::numeric_limits<int32_t>::max())
      return ctx.InvalidArgument("there are more n-grams than int32 splits can count");
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({count})));
    WEFT_ASSIGN_OR_RETURN(Array * out_splits, ctx.AllocateOutput(1, splits.shape()));
    std::move(grams.begin(), grams.end(), out->mutable_data<std::string>());
    if (splits.dtype() == kInt32) {
      std::transform(ends.begin(), ends.end(), out_splits->mutable_data<int32_t>(),
                     [](int64_t end) { return static_cast<int32_t>(end); });
    } else {
      std::copy(ends.begin(), ends.end(), out_splits->mutable_data<int64_t>());
    }
    return absl::OkStatus();
  }

 private:
  // Beyond it, padding alone would take all memory.
  static constexpr int64_t kMostWidth = 1 << 20;

  static absl::Status CheckSplits(KernelContext& ctx, const Array& splits, int64_t n) {
    if (splits.num_elements() == 0) return absl::OkStatus();
    int64_t before = splits.AsInt64(0);
    if (before != 0)
      return ctx.InvalidArgument(StrCat("First split value must be 0, got ", before));
    for (int64_t i = 1; i < splits.num_elements(); ++i) {
      const int64_t split = splits.AsInt64(i);
      if (split < before || split > n) {
        return ctx.InvalidArgument(
            StrCat("Invalid split value ", split, ", must be in [", before, ", ", n, "]"));
      }
      before = split;
    }
    if (before == n) return absl::OkStatus();
    return ctx.InvalidArgument(
        StrCat("Last split value must be data size. Expected ", n, ", got ", before));
  }

  // At most width - 1: a run has one token at least.
  int64_t Padding(int64_t width) const { return pad_ < 0 ? width - 1 : std::min(pad_, width - 1); }

  absl::Status AddRow(KernelContext& ctx, const std::string* tokens, int64_t length,
                      std::vector<std::string>* grams) const {
    const size_t before = grams->size();
    for (const int64_t width : widths_) {
      const int64_t padding = Padding(width);
      AddRuns(tokens, length, padding, width, length + 2 * padding - width + 1, grams);
    }
    if (!keep_short_ || grams->size() > before || length == 0) return absl::OkStatus();
    if (pad_ < 0) {
      return ctx.InvalidArgument(
          StrCat("Pad width should be >= 0 when preserve_short_sequences is True and ngram_widths "
                 "are not provided, got ",
                 pad_));
    }
    AddRuns(tokens, length, pad_, length + 2 * pad_, 1, grams);
    return absl::OkStatus();
  }

  // The first `count` runs of the tokens with `padding` pads at either end.
  void AddRuns(const std::string* tokens, int64_t length, int64_t padding, int64_t width,
               int64_t count, std::vector<std::string>* grams) const {
    for (int64_t first = -padding; first < count - padding; ++first) {
      std::string gram;
      for (int64_t i = first; i < first + width; ++i) {
        if (i > first) gram += separator_;
        gram += i < 0 ? left_ : (i < length ? tokens[i] : right_);
      }
      grams->push_back(std::move(gram));
    }
  }

  const std::string separator_, left_, right_;
  const std::vector<int64_t> widths_;
  const int64_t pad_;
  const bool keep_short_;
};

}  // namespace

void RegisterStringSplitKernels(KernelRegistry& kernels) {
  kernels.Add<StringSplit>("StringSplit", kCpu, {});
  kernels.Add<StringSplitV2>("StringSplitV2", kCpu, {});
  kernels.Add<ReduceJoin>("ReduceJoin", kCpu, {});
  kernels.Add<UnsortedSegmentJoin>("UnsortedSegmentJoin", kCpu, {});
  kernels.Add<StringNGrams>("StringNGrams", kCpu, {});
}

}  // namespace weft
