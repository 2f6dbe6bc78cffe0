// SPDX-License-Identifier: Apache-2.0
// GenerateVocabRemapping, LoadAndRemapMatrix: a matrix of a checkpoint with its rows and columns
// where another vocabulary has them.
#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernels/cpu/files.h"
#include "src/core/strings.h"
#include "src/graph/variant_codec.h"
#include "src/io/bundle.h"
#include "src/io/file.h"

namespace weft {
namespace {

// ---- Vocabularies: files of one entry a line ----------------------------------------------------

// The first `limit` lines (-1: all) of a file, without their ends. A line that is empty is
// refused, as in the text files of lookup tables.
absl::StatusOr<std::vector<std::string>> ReadVocabulary(const std::string& path, int64_t limit) {
  WEFT_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    if (limit >= 0 && static_cast<int64_t>(lines.size()) >= limit) return lines;
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    // Carriage returns are no part of a line, wherever they are.
    line.erase(std::remove(line.begin(), line.end(), '\r'), line.end());
    begin = end + 1;
    if (line.empty()) {
      return absl::InvalidArgumentError(StrCat("Invalid content in ", path,
                                               ": empty line found at position ",
                                               std::min(begin, text.size()), "."));
    }
    lines.push_back(std::move(line));
  }
  if (limit > static_cast<int64_t>(lines.size())) {
    return absl::InvalidArgumentError(
        StrCat("Invalid vocab_size in ", path, ": expected ", limit, " but got ", lines.size()));
  }
  return lines;
}

absl::StatusOr<const std::string*> PathOf(const Array& input, std::string_view name) {
  if (input.rank() != 0) {
    return absl::InvalidArgumentError(
        StrCat(name, " should be a single string, but got ", input.shape().ToString()));
  }
  const std::string* path = input.data<std::string>();
  if (path->empty()) return absl::InvalidArgumentError("new vocab filename cannot be empty.");
  return path;
}

class GenerateVocabRemapping final : public Kernel {
 public:
  explicit GenerateVocabRemapping(KernelConstruction& c)
      : offset_(c.Attr<int64_t>("new_vocab_offset")),
        count_(c.Attr<int64_t>("num_new_vocab")),
        old_size_(c.Attr<int64_t>("old_vocab_size")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const std::string* new_path, PathOf(ctx.input(0), "new_vocab_file"));
    WEFT_ASSIGN_OR_RETURN(const std::vector<std::string> added, ReadVocabulary(*new_path, -1));
    const auto size = static_cast<int64_t>(added.size());
    if (offset_ > size || count_ > size - offset_) {
      return absl::InvalidArgumentError(
          "lookup table size must be larger than last new vocab entry's line");
    }
    WEFT_ASSIGN_OR_RETURN(const std::string* old_path, PathOf(ctx.input(1), "old_vocab_file"));
    WEFT_ASSIGN_OR_RETURN(const std::vector<std::string> old, ReadVocabulary(*old_path, old_size_));
    std::unordered_map<std::string_view, int64_t> place;
    for (size_t i = 0; i < old.size(); ++i) {
      const auto [found, added_now] = place.emplace(old[i], static_cast<int64_t>(i));
      if (added_now) continue;
      return absl::FailedPreconditionError(
          StrCat("HashTable has different value for same key. Key ", old[i], " has ", found->second,
                 " and trying to add value ", i));
    }
    WEFT_ASSIGN_OR_RETURN(Array * remapping, ctx.AllocateOutput(0, Shape({count_})));
    WEFT_ASSIGN_OR_RETURN(Array * num_present, ctx.AllocateOutput(1, Shape()));
    int32_t present = 0;
    for (int64_t i = 0; i < count_; ++i) {
      const auto found = place.find(added[static_cast<size_t>(offset_ + i)]);
      remapping->mutable_data<int64_t>()[i] = found == place.end() ? -1 : found->second;
      present += found != place.end();
    }
    *num_present->mutable_data<int32_t>() = present;
    return absl::OkStatus();
  }

 private:
  int64_t offset_, count_, old_size_;
};

// ---- The matrix ---------------------------------------------------------------------------------

// From the old place of a row or column to the new one.
using Places = std::unordered_map<int64_t, int64_t>;

absl::StatusOr<Places> Inverted(const Array& remapping) {
  Places places;
  const auto olds = remapping.values<int64_t>();
  for (size_t i = 0; i < olds.size(); ++i) {
    if (olds[i] < 0) continue;
    const auto [found, added] = places.emplace(olds[i], static_cast<int64_t>(i));
    if (added) continue;
    return absl::UnimplementedError(StrCat("Old ID ", olds[i], " is mapped to both new ID ",
                                           found->second, " and ", i, ", which is not supported."));
  }
  return places;
}

class LoadAndRemapMatrix final : public Kernel {
 public:
  explicit LoadAndRemapMatrix(KernelConstruction& c)
      : rows_(c.Attr<int64_t>("num_rows")),
        columns_(c.Attr<int64_t>("num_cols")),
        max_rows_(c.Attr<int64_t>("max_rows_in_memory")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& rows = ctx.input(2);
    const Array& columns = ctx.input(3);
    WEFT_RETURN_IF_ERROR(CheckRemappings(rows, columns));
    WEFT_ASSIGN_OR_RETURN(const Places new_rows, Inverted(rows));
    WEFT_ASSIGN_OR_RETURN(const Places new_columns, Inverted(columns));
    WEFT_RETURN_IF_ERROR(CheckValues(rows, columns, ctx.input(4)));
    if (ctx.input(0).num_elements() != 1) {
      return absl::InvalidArgumentError(
          StrCat("The `ckpt_path` tensor must have exactly one element, got tensor of shape ",
                 ctx.input(0).shape().ToString()));
    }
    if (ctx.input(1).num_elements() != 1) {
      return absl::InvalidArgumentError(
          StrCat("The `old_tensor_name` tensor must have exactly one element, got tensor of shape ",
                 ctx.input(1).shape().ToString()));
    }
    const std::string& name = *ctx.input(1).data<std::string>();
    WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<io::CheckpointFile> file,
                          io::OpenBundle(*ctx.input(0).data<std::string>(), CheckpointVariants()));
    WEFT_ASSIGN_OR_RETURN(const io::StoredTensor stored, file->Find(name));
    WEFT_RETURN_IF_ERROR(CheckStored(name, stored, columns.num_elements() > 0));
    for (const auto& [old_column, new_column] : new_columns) {
      if (old_column < stored.shape.dim(1)) continue;
      return absl::InvalidArgumentError(StrCat("col_remapping maps column ", old_column, " to ",
                                               new_column, ", but tensor ", name, " has shape ",
                                               stored.shape.ToString()));
    }

    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({rows_, columns_})));
    // A tensor that is stored whole is read whole anyway.
    const int64_t max_rows = stored.slices.empty() ? 0 : max_rows_;
    WEFT_RETURN_IF_ERROR(Load(*file, name, max_rows, new_rows,
                              columns.num_elements() > 0 ? &new_columns : nullptr,
                              out->mutable_data<float>()));
    Fill(rows, columns, ctx.input(4).data<float>(), out->mutable_data<float>());
    return absl::OkStatus();
  }

 private:
  absl::Status CheckRemappings(const Array& rows, const Array& columns) const {
    if (rows.rank() != 1) {
      return absl::InvalidArgumentError(
          StrCat("The `row_remapping` tensor must be 1-D, got a tensor of shape ",
                 rows.shape().ToString()));
    }
    if (rows.num_elements() != rows_) {
      return absl::InvalidArgumentError(StrCat("Size of row_remapping is ", rows.num_elements(),
                                               " instead of being equal to num_rows=", rows_));
    }
    if (columns.rank() != 1) {
      return absl::InvalidArgumentError(
          StrCat("The `col_remapping` tensor must be 1-D, got a tensor of shape ",
                 columns.shape().ToString()));
    }
    if (columns.num_elements() != 0 && columns.num_elements() != columns_) {
      return absl::InvalidArgumentError(StrCat("Provided col_remapping, but its size is ",
                                               columns.num_elements(),
                                               " instead of being equal to num_cols=", columns_));
    }
    return absl::OkStatus();
  }

  // There must be a value for each element that no old row and column has.
  absl::Status CheckValues(const Array& rows, const Array& columns, const Array& values) const {
    const auto present = [](const Array& remapping) {
      const auto olds = remapping.values<int64_t>();
      return std::count_if(olds.begin(), olds.end(), [](int64_t old) { return old >= 0; });
    };
    if (rows_ > std::numeric_limits<int64_t>::max() / columns_) {
      return absl::InvalidArgumentError(
          StrCat("A matrix of ", rows_, " rows and ", columns_, " columns is too large"));
    }
    const int64_t missing =
        rows_ * columns_ -
        present(rows) * (columns.num_elements() > 0 ? present(columns) : columns_);
    if (values.num_elements() < missing) {
      return absl::InvalidArgumentError(StrCat("initializing_values contained ",
                                               values.num_elements(),
                                               " elements, but more missing values remain."));
    }
    if (values.num_elements() == missing) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat("initializing_values contained ",
                                             values.num_elements(), " elements, but only ", missing,
                                             " elements were used to fill in missing values."));
  }

  absl::Status CheckStored(const std::string& name, const io::StoredTensor& stored,
                           bool remap_columns) const {
    if (stored.dtype != kFloat32) {
      return absl::InvalidArgumentError(StrCat("Tensor ", name, " has invalid type ",
                                               DTypeOpName(stored.dtype),
                                               " instead of expected type float"));
    }
    if (stored.shape.rank() != 2) {
      return absl::InvalidArgumentError(
          StrCat("Tensor ", name, " has shape ", stored.shape.ToString(), " of invalid rank ",
                 stored.shape.rank(), " instead of expected shape of rank 2."));
    }
    if (remap_columns || stored.shape.dim(1) == columns_) return absl::OkStatus();
    return absl::InvalidArgumentError(
        StrCat("Tensor ", name, " has shape ", stored.shape.ToString(),
               ", where the size of its 2nd dimension is ", stored.shape.dim(1),
               " instead of being equal to num_cols=", columns_));
  }

  // Copies what the checkpoint has to its new place; `columns` is null if they stay.
  absl::Status Load(const io::CheckpointFile& file, const std::string& name, int64_t max_rows,
                    const Places& rows, const Places* columns, float* out) const {
    if (rows.empty()) return absl::OkStatus();
    const auto by_old = [](const auto& a, const auto& b) { return a.first < b.first; };
    const int64_t first = std::min_element(rows.begin(), rows.end(), by_old)->first;
    const int64_t last = std::max_element(rows.begin(), rows.end(), by_old)->first;
    for (int64_t begin = first; begin <= last;) {
      const int64_t left = last - begin + 1;
      const int64_t n = max_rows > 0 ? std::min(max_rows, left) : left;
      WEFT_ASSIGN_OR_RETURN(const io::TensorSlice slice,
                            io::TensorSlice::Parse(StrCat(begin, ",", n, ":-")));
      WEFT_ASSIGN_OR_RETURN(const Array part, file.ReadSlice(name, slice));
      for (int64_t i = 0; i < n; ++i) {
        const auto row = rows.find(begin + i);
        if (row == rows.end()) continue;
        const int64_t width = part.shape().dim(1);
        CopyRow(part.data<float>() + i * width, width, columns, out + row->second * columns_);
      }
      begin += n;
    }
    return absl::OkStatus();
  }

  static void CopyRow(const float* from, int64_t width, const Places* columns, float* to) {
    if (!columns) {
      std::copy_n(from, width, to);
      return;
    }
    for (const auto& [old_column, new_column] : *columns) to[new_column] = from[old_column];
  }

  // What is missing, in row-major order.
  void Fill(const Array& rows, const Array& columns, const float* values, float* out) const {
    const int64_t* old_rows = rows.data<int64_t>();
    const int64_t* old_columns = columns.num_elements() > 0 ? columns.data<int64_t>() : nullptr;
    for (int64_t i = 0; i < rows_; ++i) {
      for (int64_t j = 0; j < columns_; ++j) {
        if (old_rows[i] >= 0 && (!old_columns || old_columns[j] >= 0)) continue;
        out[i * columns_ + j] = *values++;
      }
    }
  }

  int64_t rows_, columns_, max_rows_;
};

}  // namespace

void RegisterVocabRemapKernels(KernelRegistry& kernels) {
  kernels.Add<GenerateVocabRemapping>("GenerateVocabRemapping", kCpu, {});
  kernels.Add<LoadAndRemapMatrix>("LoadAndRemapMatrix", kCpu, {});
}

}  // namespace weft
