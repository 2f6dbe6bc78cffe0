// SPDX-License-Identifier: Apache-2.0
// Kernels of diagonals: Diag, DiagPart, MatrixDiag*, MatrixDiagPart*, MatrixSetDiag*,
// MatrixBandPart.
#include <cstdint>
#include <utility>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/element_class.h"
#include "src/core/matrix_diag.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// out[i, i] = x[i] over all indices i of x.
absl::Status Diag(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  if (x.rank() < 1) return ctx.InvalidArgument("Input must be at least rank 1, got 0");
  IndexVector sizes(x.shape().dims().begin(), x.shape().dims().end());
  sizes.insert(sizes.end(), x.shape().dims().begin(), x.shape().dims().end());
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  FillWithZero(ctx, out);
  WithElementClass(x.dtype(), [&]<typename U>() {
    const int64_t n = x.num_elements();
    for (int64_t i = 0; i < n; ++i) MutableElementsOf<U>(*out)[i * (n + 1)] = ElementsOf<U>(x)[i];
  });
  return absl::OkStatus();
}

absl::Status DiagPart(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  if (x.rank() == 0 || x.rank() % 2 != 0) {
    return ctx.InvalidArgument(StrCat(
        "The rank of the tensor should be even and positive, got shape ", x.shape().ToString()));
  }
  const int half_rank = x.rank() / 2;
  for (int i = 0; i < half_rank; ++i) {
    if (x.dim(i) != x.dim(i + half_rank)) {
      return ctx.InvalidArgument(StrCat("Invalid shape ", x.shape().ToString(), ": dimensions ", i,
                                        " and ", i + half_rank, " do not match."));
    }
  }
  const Shape shape(x.shape().dims().first(half_rank));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  WithElementClass(x.dtype(), [&]<typename U>() {
    const int64_t n = shape.num_elements();
    for (int64_t i = 0; i < n; ++i) MutableElementsOf<U>(*out)[i] = ElementsOf<U>(x)[i * (n + 1)];
  });
  return absl::OkStatus();
}

// Input k of the node: one diagonal, or a range of them. Only lower and upper are set.
absl::StatusOr<DiagBand> ReadBand(KernelContext& ctx, int input) {
  const Array& k = ctx.input(input);
  if (k.rank() > 1) {
    return ctx.InvalidArgument(
        StrCat("diag_index must be a scalar or vector, received shape: ", k.shape().ToString()));
  }
  const int64_t n = k.num_elements();
  if (n < 1 || n > 2) {
    return ctx.InvalidArgument(
        StrCat("diag_index must have only one or two elements, received ", n, " elements."));
  }
  const DiagBand band = {.lower = k.AsInt64(0), .upper = k.AsInt64(n - 1)};
  if (band.lower > band.upper) {
    return ctx.InvalidArgument(StrCat("lower_diag_index must not be larger than upper_diag_index: ",
                                      band.lower, " > ", band.upper));
  }
  return band;
}

// The first element of diagonal d in a matrix of `cols` columns.
int64_t FirstOfDiagonal(const DiagBand& band, int64_t d) { return d >= 0 ? d : -d * band.cols; }

// Calls f(diagonal d, its row among the packed ones) for each.
template <typename F>
void ForEachDiagonal(const DiagBand& band, F&& f) {
  for (int64_t d = band.upper; d >= band.lower; --d) f(d, band.upper - d);
}

// What the versions of a family have in common: version 1 is about the main diagonal, version 2
// aligns all to the left.
class DiagKernel : public Kernel {
 protected:
  explicit DiagKernel(KernelConstruction& c) {
    const std::string text = c.AttrOr<std::string>("align", "LEFT_LEFT");
    absl::StatusOr<DiagAlign> align = ParseDiagAlign(text);
    if (align.ok()) {
      align_ = *align;
    } else {
      c.Fail(align.status());
    }
  }

  // Writes packed rows [batch, count, MaxLength] of diagonals into matrices [batch, rows, cols].
  void Unpack(KernelContext& ctx, const DiagBand& band, const Array& packed,
              Array* matrices) const {
    WithElementClass(packed.dtype(), [&]<typename U>() {
      const U* from = ElementsOf<U>(packed);
      U* to = MutableElementsOf<U>(*matrices);
      const int64_t length = band.MaxLength(), size = band.rows * band.cols;
      if (size == 0) return;
      ctx.ParallelFor(matrices->num_elements() / size,
                      1.0 + static_cast<double>(band.count() * length),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t b = begin; b < end; ++b) {
                          ForEachDiagonal(band, [&](int64_t d, int64_t row) {
                            // Of a range of diagonals given for a small matrix, some lie outside.
                            if (band.Length(d) <= 0) return;
                            const U* diagonal =
                                from + (b * band.count() + row) * length + band.Offset(d, align_);
                            U* matrix = to + b * size + FirstOfDiagonal(band, d);
                            for (int64_t i = 0; i < band.Length(d); ++i)
                              matrix[i * (band.cols + 1)] = diagonal[i];
                          });
                        }
                      });
    });
  }

  // The reverse; elements of the rows that belong to no diagonal become `padding`.
  void PackInto(KernelContext& ctx, const DiagBand& band, const Array& matrices,
                const Array& padding, Array* packed) const {
    WithElementClass(matrices.dtype(), [&]<typename U>() {
      const U* from = ElementsOf<U>(matrices);
      const U& fill = *ElementsOf<U>(padding);
      U* to = MutableElementsOf<U>(*packed);
      const int64_t length = band.MaxLength(), size = band.rows * band.cols;
      if (packed->num_elements() == 0) return;
      ctx.ParallelFor(packed->num_elements() / (band.count() * length),
                      1.0 + static_cast<double>(band.count() * length),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t b = begin; b < end; ++b) {
                          ForEachDiagonal(band, [&](int64_t d, int64_t row) {
                            U* out = to + (b * band.count() + row) * length;
                            const U* matrix = from + b * size + FirstOfDiagonal(band, d);
                            const int64_t n = band.Length(d), first = band.Offset(d, align_);
                            std::fill(out, out + first, fill);
                            for (int64_t i = 0; i < n; ++i)
                              out[first + i] = matrix[i * (band.cols + 1)];
                            std::fill(out + first + n, out + length, fill);
                          });
                        }
                      });
    });
  }

 private:
  DiagAlign align_;
};

absl::StatusOr<int64_t> ReadScalar(KernelContext& ctx, int input, const char* name) {
  const Array& a = ctx.input(input);
  if (a.num_elements() != 1) {
    return ctx.InvalidArgument(StrCat(name, " must be scalar, got shape ", a.shape().ToString()));
  }
  return a.AsInt64();
}

class MatrixDiag : public DiagKernel {
 public:
  explicit MatrixDiag(KernelConstruction& c) : DiagKernel(c) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    if (x.rank() < 1) {
      return ctx.InvalidArgument(
          StrCat("diagonal must be at least 1-dim, received shape: ", x.shape().ToString()));
    }
    DiagBand band;
    band.rows = band.cols = -1;
    if (ctx.num_inputs() > 1) {
      WEFT_ASSIGN_OR_RETURN(const DiagBand given, ReadBand(ctx, 1));
      WEFT_ASSIGN_OR_RETURN(const int64_t rows, ReadScalar(ctx, 2, "num_rows"));
      WEFT_ASSIGN_OR_RETURN(const int64_t cols, ReadScalar(ctx, 3, "num_cols"));
      band = {given.lower, given.upper, rows, cols};
      if (rows < -1 || cols < -1)
        return ctx.InvalidArgument(
            StrCat("num_rows and num_cols must be at least -1, got ", rows, " and ", cols));
    }
    // Several diagonals take a dimension of the input.
    int batch_rank = x.rank() - 1;
    if (band.count() > 1) {
      if (batch_rank < 1 || x.dim(batch_rank - 1) != band.count()) {
        return ctx.InvalidArgument(
            "The number of diagonals provided in the input does not match the lower_diag_index and "
            "upper_diag_index range.");
      }
      --batch_rank;
    }
    const absl::Status fits =
        CompleteMatrixSize(band.lower, band.upper, x.dim(x.rank() - 1), &band.rows, &band.cols);
    if (!fits.ok()) return ctx.InvalidArgument(std::string(fits.message()));

    IndexVector sizes(x.shape().dims().begin(), x.shape().dims().begin() + batch_rank);
    sizes.push_back(band.rows);
    sizes.push_back(band.cols);
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    if (ctx.num_inputs() > 4) {
      WEFT_ASSIGN_OR_RETURN(const Array padding, ReadPadding(ctx, 4));
      FillWith(ctx, out, padding);
    } else {
      FillWithZero(ctx, out);
    }
    Unpack(ctx, band, x, out);
    return absl::OkStatus();
  }

  static absl::StatusOr<Array> ReadPadding(KernelContext& ctx, int input) {
    const Array& padding = ctx.input(input);
    if (padding.num_elements() != 1) {
      return ctx.InvalidArgument(
          StrCat("padding_value must be a scalar, got shape ", padding.shape().ToString()));
    }
    return padding;
  }
};

class MatrixDiagPart : public DiagKernel {
 public:
  explicit MatrixDiagPart(KernelConstruction& c) : DiagKernel(c) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    if (x.rank() < 2) {
      return ctx.InvalidArgument(
          StrCat("input must be at least 2-dim, received shape: ", x.shape().ToString()));
    }
    DiagBand band;
    Array padding = Array::Zeros(x.dtype(), Shape());
    if (ctx.num_inputs() > 1) {
      WEFT_ASSIGN_OR_RETURN(band, ReadBand(ctx, 1));
      WEFT_ASSIGN_OR_RETURN(padding, MatrixDiag::ReadPadding(ctx, 2));
    }
    band.rows = x.dim(x.rank() - 2);
    band.cols = x.dim(x.rank() - 1);
    if (absl::Status s = CheckBand(band); !s.ok())
      return ctx.InvalidArgument(std::string(s.message()));
    IndexVector sizes(x.shape().dims().begin(), x.shape().dims().end() - 2);
    if (band.count() > 1) sizes.push_back(band.count());
    sizes.push_back(band.MaxLength());
    WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    PackInto(ctx, band, x, padding, out);
    return absl::OkStatus();
  }
};

class MatrixSetDiag : public DiagKernel {
 public:
  explicit MatrixSetDiag(KernelConstruction& c) : DiagKernel(c) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    const Array& diagonal = ctx.input(1);
    if (x.rank() < 2) {
      return ctx.InvalidArgument(
          StrCat("input must be at least 2-dim, received shape: ", x.shape().ToString()));
    }
    if (diagonal.rank() < 1) {
      return ctx.InvalidArgument(
          StrCat("diagonal must be at least 1-dim, received shape: ", diagonal.shape().ToString()));
    }
    DiagBand band;
    if (ctx.num_inputs() > 2) {
      WEFT_ASSIGN_OR_RETURN(band, ReadBand(ctx, 2));
    }
    band.rows = x.dim(x.rank() - 2);
    band.cols = x.dim(x.rank() - 1);
    if (absl::Status s = CheckBand(band); !s.ok())
      return ctx.InvalidArgument(std::string(s.message()));
    IndexVector sizes(x.shape().dims().begin(), x.shape().dims().end() - 2);
    if (band.count() > 1) sizes.push_back(band.count());
    sizes.push_back(band.MaxLength());
    WEFT_ASSIGN_OR_RETURN(const Shape wanted, ShapeFromSizes(ctx, sizes));
    if (!(diagonal.shape() == wanted)) {
      return ctx.InvalidArgument(
          StrCat("Either first dimensions of diagonal don't match input.shape[:-2], or "
                 "diagonal.shape[:-1] is not equal to the longests "
                 "diagonal in range [lower_diag_index:upper_diag_index]. Input shape: ",
                 x.shape().ToString(), " Diagonal shape: ", diagonal.shape().ToString(),
                 " Expected diagonal shape: ", wanted.ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    if (out->raw_data() != x.raw_data()) CopyElements(ctx, x, out);
    Unpack(ctx, band, diagonal, out);
    return absl::OkStatus();
  }
};

// Zeros outside num_lower diagonals below the main one and num_upper above it; negative: all of
// them.
absl::Status MatrixBandPart(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  if (x.rank() < 2) {
    return ctx.InvalidArgument(
        StrCat("input must be at least 2-dim, received shape: ", x.shape().ToString()));
  }
  for (int i = 1; i < 3; ++i) {
    if (!ctx.input(i).shape().IsScalar()) {
      return ctx.InvalidArgument(StrCat(i == 1 ? "num_lower" : "num_upper",
                                        " must be scalar, got shape ",
                                        ctx.input(i).shape().ToString()));
    }
  }
  const int64_t rows = x.dim(x.rank() - 2), cols = x.dim(x.rank() - 1);
  const int64_t lower = ctx.input(1).AsInt64(), upper = ctx.input(2).AsInt64();
  if (lower > rows) {
    return ctx.InvalidArgument(StrCat(
        "num_lower must be negative or less or equal to number of rows (", rows, ") got: ", lower));
  }
  if (upper > cols) {
    return ctx.InvalidArgument(
        StrCat("num_upper must be negative or less or equal to number of columns (", cols,
               ") got: ", upper));
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.ForwardOrAllocate({0}, 0, x.shape()));
  if (x.num_elements() == 0) return absl::OkStatus();
  WithElementClass(x.dtype(), [&]<typename U>() {
    const U* from = ElementsOf<U>(x);
    U* to = MutableElementsOf<U>(*out);
    const bool in_place = from == to;
    ctx.ParallelFor(
        x.num_elements() / cols, 2.0 + kMoveCost<U> * static_cast<double>(cols),
        [&](int64_t begin, int64_t end) {
          for (int64_t r = begin; r < end; ++r) {
            const int64_t i = r % rows;
            const int64_t first = lower < 0 ? 0 : std::clamp<int64_t>(i - lower, 0, cols);
            const int64_t last = upper < 0 ? cols : std::max(first, std::min(cols, i + upper + 1));
            U* row = to + r * cols;
            std::fill(row, row + first, U());
            if (!in_place) CopyRun(row + first, from + r * cols + first, last - first);
            std::fill(row + last, row + cols, U());
          }
        });
  });
  return absl::OkStatus();
}

}  // namespace

void RegisterArrayDiagKernels(KernelRegistry& kernels) {
  kernels.Add("Diag", kCpu, {}, Diag);
  kernels.Add("DiagPart", kCpu, {}, DiagPart);
  for (const char* name : {"MatrixDiag", "MatrixDiagV2", "MatrixDiagV3", "BatchMatrixDiag"})
    kernels.Add<MatrixDiag>(name, kCpu, {});
  for (const char* name :
       {"MatrixDiagPart", "MatrixDiagPartV2", "MatrixDiagPartV3", "BatchMatrixDiagPart"}) {
    kernels.Add<MatrixDiagPart>(name, kCpu, {});
  }
  for (const char* name :
       {"MatrixSetDiag", "MatrixSetDiagV2", "MatrixSetDiagV3", "BatchMatrixSetDiag"}) {
    kernels.Add<MatrixSetDiag>(name, kCpu, {});
  }
  for (const char* name : {"MatrixBandPart", "BatchMatrixBandPart"})
    kernels.Add(name, kCpu, {}, MatrixBandPart);
}

}  // namespace weft
