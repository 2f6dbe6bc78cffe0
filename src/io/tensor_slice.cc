// SPDX-License-Identifier: Apache-2.0
#include "src/io/tensor_slice.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "proto/weft/tensor_slice.pb.h"
#include "src/core/strings.h"
#include "src/io/coding.h"
#include "weft/core/handle.h"
#include "weft/core/status_macros.h"

namespace weft::io {
namespace {

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool ParseInt(std::string_view text, int64_t* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

absl::Status CheckExtent(int64_t start, int64_t length, std::string_view where) {
  if (start >= 0 && length > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("Expected non-negative start and positive length but got start = ", start,
             ", length = ", length, ": string = ", where));
}

// A range of one dimension.
struct Range {
  int64_t begin = 0, end = 0;
};
// The slice must fit (ShapeOf).
std::vector<Range> RangesOf(const TensorSlice& slice, const Shape& full) {
  std::vector<Range> ranges(slice.extents().size());
  for (size_t d = 0; d < ranges.size(); ++d) {
    const TensorSlice::Extent& e = slice.extents()[d];
    ranges[d] =
        e.IsFull() ? Range{0, full.dim(static_cast<int>(d))} : Range{e.start, e.start + e.length};
  }
  return ranges;
}

std::vector<Range> Intersection(const std::vector<Range>& a, const std::vector<Range>& b) {
  std::vector<Range> both(a.size());
  for (size_t d = 0; d < a.size(); ++d)
    both[d] = {std::max(a[d].begin, b[d].begin), std::min(a[d].end, b[d].end)};
  return both;
}

bool Overlap(const std::vector<Range>& a, const std::vector<Range>& b) {
  for (size_t d = 0; d < a.size(); ++d) {
    if (std::max(a[d].begin, b[d].begin) >= std::min(a[d].end, b[d].end)) return false;
  }
  return true;
}

// 0 if a range is empty. Fits in int64 since it is a part of a Shape.
int64_t Volume(const std::vector<Range>& ranges) {
  int64_t volume = 1;
  for (const Range& r : ranges) {
    if (r.end <= r.begin) return 0;
    volume *= r.end - r.begin;
  }
  return volume;
}

// Elements between neighbours of each dimension of a part.
std::vector<int64_t> StridesOf(const std::vector<Range>& ranges) {
  std::vector<int64_t> strides(ranges.size());
  int64_t stride = 1;
  for (size_t d = ranges.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= ranges[d].end - ranges[d].begin;
  }
  return strides;
}

void CopyRun(const Array& from, int64_t from_begin, Array* to, int64_t to_begin, int64_t n) {
  if (from.dtype() == kString) {
    std::copy_n(from.data<std::string>() + from_begin, n,
                to->mutable_data<std::string>() + to_begin);
    return;
  }
  if (from.dtype() == kVariant) {
    std::copy_n(from.data<Variant>() + from_begin, n, to->mutable_data<Variant>() + to_begin);
    return;
  }
  const size_t size = DTypeSize(from.dtype());
  std::memcpy(static_cast<char*>(to->raw_data()) + static_cast<size_t>(to_begin) * size,
              static_cast<const char*>(from.raw_data()) + static_cast<size_t>(from_begin) * size,
              static_cast<size_t>(n) * size);
}

}  // namespace

absl::StatusOr<TensorSlice> TensorSlice::Parse(std::string_view text) {
  std::vector<Extent> extents;
  for (const std::string_view part : Split(text, ':')) {
    if (part.empty()) continue;
    Extent e;
    if (part != "-") {
      const std::vector<std::string_view> pair = Split(part, ',');
      if (pair.size() != 2 || !ParseInt(pair[0], &e.start) || !ParseInt(pair[1], &e.length)) {
        return absl::InvalidArgumentError(
            StrCat("Expected a pair of numbers or '-' but got '", part, "': string = ", text));
      }
      WEFT_RETURN_IF_ERROR(CheckExtent(e.start, e.length, text));
    }
    extents.push_back(e);
  }
  return TensorSlice(std::move(extents));
}

absl::StatusOr<TensorSlice> TensorSlice::FromProto(const proto::TensorSliceProto& proto) {
  std::vector<Extent> extents;
  for (const auto& e : proto.extent()) {
    if (e.has_length_case() == proto::TensorSliceProto::Extent::kLength) {
      WEFT_RETURN_IF_ERROR(CheckExtent(e.start(), e.length(), "(stored slice)"));
      extents.push_back({e.start(), e.length()});
    } else {
      extents.emplace_back();
    }
  }
  return TensorSlice(std::move(extents));
}

void TensorSlice::ToProto(proto::TensorSliceProto* proto) const {
  for (const Extent& e : extents_) {
    proto::TensorSliceProto::Extent* out = proto->add_extent();
    if (e.IsFull()) continue;
    out->set_start(e.start);
    out->set_length(e.length);
  }
}

std::string TensorSlice::ToString() const {
  return StrJoin(extents_, ":", [](std::string* s, const Extent& e) {
    if (e.IsFull()) {
      StrAppend(s, "-");
    } else {
      StrAppend(s, e.start, ",", e.length);
    }
  });
}

bool TensorSlice::IsFull() const {
  return std::all_of(extents_.begin(), extents_.end(), [](const Extent& e) { return e.IsFull(); });
}

absl::StatusOr<Shape> TensorSlice::ShapeOf(const Shape& full) const {
  if (full.rank() != rank()) {
    return absl::InternalError(
        StrCat("Mismatching ranks: shape = ", full.ToString(), ", slice = ", ToString()));
  }
  std::vector<int64_t> dims = full.ToVector();
  for (size_t d = 0; d < dims.size(); ++d) {
    const Extent& e = extents_[d];
    if (e.IsFull()) continue;
    if (e.start < 0 || e.length < 0 || e.start > dims[d] || e.length > dims[d] - e.start) {
      return absl::InternalError(StrCat("Extent in dimension ", d, " out of bounds: shape = ",
                                        full.ToString(), ", slice = ", ToString()));
    }
    dims[d] = e.length;
  }
  return Shape(dims);
}

absl::StatusOr<ShapeAndSlice> ParseShapeAndSlice(std::string_view text) {
  std::vector<std::string_view> parts = Split(text, ' ');
  if (parts.size() < 2) {
    return absl::InvalidArgumentError(
        StrCat("Need least two elements in shape_and_slice specification: ", text));
  }
  ShapeAndSlice result;
  WEFT_ASSIGN_OR_RETURN(result.slice, TensorSlice::Parse(parts.back()));
  parts.pop_back();
  std::vector<int64_t> dims;
  for (const std::string_view part : parts) {
    int64_t dim;
    if (!ParseInt(part, &dim)) {
      return absl::InvalidArgumentError(
          StrCat("Non numerical dimension in shape_and_slice: ", text));
    }
    dims.push_back(dim);
  }
  std::string error;
  if (!Shape::Make(dims, &result.full_shape, &error))
    return absl::InvalidArgumentError(StrCat("shape_and_slice '", text, "': ", error));
  WEFT_ASSIGN_OR_RETURN(result.slice_shape, result.slice.ShapeOf(result.full_shape));
  return result;
}

std::string SliceKey(std::string_view name, const TensorSlice& slice) {
  std::string key;
  AppendOrderedUint64(&key, 0);
  AppendOrderedString(&key, name);
  AppendOrderedUint64(&key, static_cast<uint64_t>(slice.rank()));
  for (const TensorSlice::Extent& e : slice.extents()) {
    AppendOrderedInt64(&key, e.start);
    AppendOrderedInt64(&key, e.length);
  }
  return key;
}

absl::StatusOr<std::vector<size_t>> SlicesThatCover(const std::vector<TensorSlice>& stored,
                                                    const TensorSlice& wanted, const Shape& full,
                                                    std::string_view name) {
  WEFT_RETURN_IF_ERROR(wanted.ShapeOf(full).status());
  const std::vector<Range> goal = RangesOf(wanted, full);
  std::vector<size_t> found;
  std::vector<std::vector<Range>> parts;
  // Parts that don't overlap and have as many elements as the whole are the whole.
  int64_t covered = 0;
  for (size_t i = 0; i < stored.size(); ++i) {
    WEFT_RETURN_IF_ERROR(stored[i].ShapeOf(full).status());
    std::vector<Range> part = Intersection(RangesOf(stored[i], full), goal);
    const int64_t volume = Volume(part);
    if (volume == 0) continue;
    for (size_t j = 0; j < parts.size(); ++j) {
      if (!Overlap(part, parts[j])) continue;
      return absl::InternalError(StrCat("Overlapping slices of ", name,
                                        ": existing slice = ", stored[found[j]].ToString(),
                                        ", new slice = ", stored[i].ToString()));
    }
    covered += volume;
    found.push_back(i);
    parts.push_back(std::move(part));
  }
  if (covered == Volume(goal)) return found;
  return absl::InvalidArgumentError(
      StrCat("Does not have sufficient slices for partitioned tensor ", name,
             " to restore in slice_spec: ", wanted.ToString()));
}

void CopyCommonElements(const Array& from, const TensorSlice& from_slice, Array* to,
                        const TensorSlice& to_slice, const Shape& full) {
  const std::vector<Range> from_ranges = RangesOf(from_slice, full);
  const std::vector<Range> to_ranges = RangesOf(to_slice, full);
  const std::vector<Range> common = Intersection(from_ranges, to_ranges);
  if (Volume(common) == 0) return;
  const std::vector<int64_t> from_strides = StridesOf(from_ranges);
  const std::vector<int64_t> to_strides = StridesOf(to_ranges);
  const size_t rank = common.size();
  // The dimensions from `inner` on lie in one run in both.
  size_t inner = rank == 0 ? 0 : rank - 1;
  auto is_whole = [&](size_t d, const std::vector<Range>& ranges) {
    return common[d].begin == ranges[d].begin && common[d].end == ranges[d].end;
  };
  while (inner > 0 && is_whole(inner, from_ranges) && is_whole(inner, to_ranges)) --inner;
  int64_t run = 1;
  for (size_t d = inner; d < rank; ++d) run *= common[d].end - common[d].begin;
  std::vector<int64_t> index(rank);
  for (size_t d = 0; d < rank; ++d) index[d] = common[d].begin;
  while (true) {
    int64_t from_at = 0, to_at = 0;
    for (size_t d = 0; d < rank; ++d) {
      from_at += (index[d] - from_ranges[d].begin) * from_strides[d];
      to_at += (index[d] - to_ranges[d].begin) * to_strides[d];
    }
    CopyRun(from, from_at, to, to_at, run);
    size_t d = inner;
    while (d > 0 && ++index[d - 1] == common[d - 1].end) {
      index[d - 1] = common[d - 1].begin;
      --d;
    }
    if (d == 0) return;
  }
}

}  // namespace weft::io
