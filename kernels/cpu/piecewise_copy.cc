// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/piecewise_copy.h"

#include <algorithm>

#include "kernels/cpu/element_class.h"

namespace weft {
namespace {

// One dimension of the result, with empty pieces removed.
struct PieceDim {
  Pieces pieces;
  int64_t size = 0;        // of the result
  int64_t src_stride = 0;  // in elements
};

bool IsWhole(const PieceDim& d, int64_t src_size) {
  return d.pieces.empty() ||
         (d.pieces.size() == 1 && d.pieces[0].step == 1 && d.pieces[0].size == src_size);
}

// Steps through positions of the outer dimensions and keeps the offset of the source, or that the
// position is filled.
class PieceOdometer {
 public:
  explicit PieceOdometer(std::span<const PieceDim> dims) : dims_(dims), at_(dims.size()) {}

  void Seek(int64_t position) {
    src_ = 0;
    filled_ = 0;
    for (size_t k = dims_.size(); k-- > 0;) {
      int64_t i = position % dims_[k].size;
      position /= dims_[k].size;
      int piece = 0;
      while (i >= dims_[k].pieces[piece].size) i -= dims_[k].pieces[piece++].size;
      at_[k] = {piece, i};
      Add(k, 1);
    }
  }
  void Next() {
    for (size_t k = dims_.size(); k-- > 0;) {
      Add(k, -1);
      At& at = at_[k];
      const Pieces& pieces = dims_[k].pieces;
      if (++at.index == pieces[at.piece].size) at = {at.piece + 1, 0};
      const bool wrapped = at.piece == static_cast<int>(pieces.size());
      if (wrapped) at = {0, 0};
      Add(k, 1);
      if (!wrapped) return;
    }
  }
  int64_t src() const { return src_; }
  bool filled() const { return filled_ > 0; }

 private:
  struct At {
    int piece = 0;
    int64_t index = 0;
  };
  // Adds (sign 1) or takes away (-1) what dimension k contributes.
  void Add(size_t k, int sign) {
    const Piece& p = dims_[k].pieces[at_[k].piece];
    if (p.step == 0) {
      filled_ += sign;
    } else {
      src_ += sign * (p.first + p.step * at_[k].index) * dims_[k].src_stride;
    }
  }

  std::span<const PieceDim> dims_;
  absl::InlinedVector<At, 6> at_;
  int64_t src_ = 0;
  int filled_ = 0;  // how many dimensions are in a filled piece
};

// Positions [first, first + n) of one row; each position is `inner` contiguous elements.
template <typename U>
void CopyPieces(const PieceDim& row, int64_t inner, const U* src, bool filled, const U* fill,
                U* out, int64_t first, int64_t n) {
  if (filled) {
    std::fill_n(out, n * inner, *fill);
    return;
  }
  for (const Piece& p : row.pieces) {
    if (first >= p.size) {
      first -= p.size;
      continue;
    }
    const int64_t count = std::min(p.size - first, n);
    const U* from = src + (p.first + p.step * first) * inner;
    if (p.step == 0) {
      std::fill_n(out, count * inner, *fill);
    } else if (p.step == 1) {
      CopyRun(out, from, count * inner);
    } else if (inner == 1) {
      for (int64_t i = 0; i < count; ++i) out[i] = from[-i];
    } else {
      for (int64_t i = 0; i < count; ++i) CopyRun(out + i * inner, from - i * inner, inner);
    }
    out += count * inner;
    n -= count;
    first = 0;
    if (n == 0) return;
  }
}

template <typename U>
void CopyRows(KernelContext& ctx, const U* src, std::span<const PieceDim> outer,
              const PieceDim& row, int64_t inner, const U* fill, U* out) {
  int64_t rows = 1;
  for (const PieceDim& d : outer) rows *= d.size;
  const double cost =
      kMoveCost<U> * static_cast<double>(inner) + 5.0 / static_cast<double>(row.size);
  ctx.ParallelFor(rows * row.size, cost, [&](int64_t begin, int64_t end) {
    PieceOdometer at(outer);
    at.Seek(begin / row.size);
    int64_t first = begin % row.size;
    while (begin < end) {
      const int64_t n = std::min(row.size - first, end - begin);
      CopyPieces(row, inner, src + at.src(), at.filled(), fill, out + begin * inner, first, n);
      begin += n;
      first = 0;
      at.Next();
    }
  });
}

}  // namespace

void PiecewiseCopy(KernelContext& ctx, const Array& src, const std::vector<Pieces>& dims,
                   const Array& fill, Array* out) {
  if (out->num_elements() == 0) return;
  std::vector<PieceDim> plan(dims.size());
  int64_t stride = 1;
  for (size_t k = dims.size(); k-- > 0;) {
    for (const Piece& p : dims[k]) {
      if (p.size > 0) plan[k].pieces.push_back(p);
    }
    plan[k].size = out->dim(static_cast<int>(k));
    plan[k].src_stride = stride;
    stride *= src.dim(static_cast<int>(k));
  }
  // Dimensions that are taken as they are, at the end, are one run of elements.
  int64_t inner = 1;
  while (plan.size() > 1 && IsWhole(plan.back(), src.dim(static_cast<int>(plan.size()) - 1))) {
    inner *= plan.back().size;
    plan.pop_back();
  }
  if (plan.empty()) plan.push_back({{{1, 0, 1}}, 1, 1});
  const std::span<const PieceDim> outer(plan.data(), plan.size() - 1);
  WithElementClass(out->dtype(), [&]<typename U>() {
    CopyRows(ctx, ElementsOf<U>(src), outer, plan.back(), inner,
             fill.valid() ? ElementsOf<U>(fill) : nullptr, MutableElementsOf<U>(*out));
  });
}

}  // namespace weft
