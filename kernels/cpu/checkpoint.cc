// SPDX-License-Identifier: Apache-2.0
// SaveV2, RestoreV2, MergeV2Checkpoints and, of version 1, Save, SaveSlices, Restore, RestoreSlice.
#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/cpu/files.h"
#include "src/core/strings.h"
#include "src/graph/variant_codec.h"
#include "src/io/bundle.h"
#include "src/io/checkpoint_v1.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

absl::StatusOr<const std::string*> SingleText(const Array& a, std::string_view what) {
  if (a.num_elements() == 1) return a.data<std::string>();
  return absl::InvalidArgumentError(
      StrCat("Input ", what, " should have a single element, got ", a.num_elements(), " instead."));
}

// The checked inputs that SaveV2 and RestoreV2 have both.
struct Names {
  const std::string* prefix = nullptr;
  const std::string* names = nullptr;
  const std::string* specs = nullptr;
  int64_t count = 0;
};
absl::StatusOr<Names> NamesOf(KernelContext& ctx) {
  Names n;
  WEFT_ASSIGN_OR_RETURN(n.prefix, SingleText(ctx.input(0), "prefix"));
  const Array& names = ctx.input(1);
  const Array& specs = ctx.input(2);
  if (names.rank() != 1 || specs.rank() != 1) {
    return absl::InvalidArgumentError(
        StrCat("Input tensor_names and shape_and_slices should be an 1-D tensors, got ",
               names.shape().ToString(), " and ", specs.shape().ToString(), " instead."));
  }
  if (names.num_elements() != specs.num_elements()) {
    return absl::InvalidArgumentError(
        StrCat("tensor_names and shape_and_slices have different number of elements: ",
               names.num_elements(), " vs. ", specs.num_elements()));
  }
  n.names = names.data<std::string>();
  n.specs = specs.data<std::string>();
  n.count = names.num_elements();
  return n;
}

absl::StatusOr<io::ShapeAndSlice> SliceToSave(const std::string& spec, const Array& value) {
  if (spec.empty())
    return io::ShapeAndSlice{value.shape(), io::TensorSlice(value.rank()), value.shape()};
  WEFT_ASSIGN_OR_RETURN(io::ShapeAndSlice parsed, io::ParseShapeAndSlice(spec));
  if (parsed.slice_shape == value.shape()) return parsed;
  return absl::InvalidArgumentError(StrCat(
      "Slice in shape_and_slice specification does not match the shape of the tensor to  save: ",
      spec, ", tensor: ", value.shape().ToString()));
}

absl::Status SaveV2(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const Names n, NamesOf(ctx));
  constexpr int kFixed = 3;
  if (ctx.num_inputs() - kFixed != n.count) {
    return absl::InvalidArgumentError(
        StrCat("Got ", n.count, " tensor names but ", ctx.num_inputs() - kFixed, " tensors."));
  }
  WEFT_ASSIGN_OR_RETURN(
      std::unique_ptr<io::BundleWriter> writer,
      io::BundleWriter::Create(*n.prefix, {.variants = CheckpointVariants(), .values_stay = true}));
  for (int i = 0; i < n.count; ++i) {
    const Array& value = ctx.input(kFixed + i);
    WEFT_ASSIGN_OR_RETURN(const io::ShapeAndSlice slice, SliceToSave(n.specs[i], value));
    WEFT_RETURN_IF_ERROR(writer->AddSlice(n.names[i], slice.full_shape, slice.slice, value));
  }
  return writer->Finish();
}

// The whole tensor, or the slice that `spec` tells of.
absl::StatusOr<Array> ReadOne(const io::CheckpointFile& file, const std::string& name,
                              const std::string& spec, const Shape& stored) {
  if (spec.empty()) return file.Read(name);
  WEFT_ASSIGN_OR_RETURN(const io::ShapeAndSlice wanted, io::ParseShapeAndSlice(spec));
  if (wanted.full_shape == stored) return file.ReadSlice(name, wanted.slice);
  if (file.format() == "V1") {
    return absl::InvalidArgumentError(
        StrCat("Shape in shape_and_slice spec does not match the shape in the save file: ",
               wanted.full_shape.ToString(), ", save file shape: ", stored.ToString()));
  }
  return absl::InvalidArgumentError(StrCat(
      "tensor_name = ", name, "; shape in shape_and_slice spec ", wanted.full_shape.ToString(),
      " does not match the shape stored in checkpoint: ", stored.ToString()));
}

absl::Status NotInV1(std::string_view name, std::string_view files) {
  return absl::NotFoundError(
      StrCat("Tensor name \"", name, "\" not found in checkpoint files ", files));
}

absl::Status RestoreV2(KernelContext& ctx) {
  if (ctx.input(1).num_elements() != ctx.num_outputs()) {
    return absl::InvalidArgumentError(StrCat("Got ", ctx.input(1).num_elements(),
                                             " tensor names, but ", ctx.num_outputs(),
                                             " expected dtypes."));
  }
  WEFT_ASSIGN_OR_RETURN(const Names n, NamesOf(ctx));
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<io::CheckpointFile> file,
                        io::OpenCheckpoint(*n.prefix, CheckpointVariants()));
  // In the order of the index, so that files are read from front to back.
  std::vector<int> order(static_cast<size_t>(n.count));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return n.names[a] < n.names[b]; });
  std::vector<Shape> shapes(order.size());
  std::string mismatches;
  for (const int i : order) {
    absl::StatusOr<io::StoredTensor> stored = file->Find(n.names[i]);
    if (absl::IsNotFound(stored.status()) && file->format() == "V1")
      return NotInV1(n.names[i], *n.prefix);
    if (!stored.ok()) return stored.status();
    shapes[static_cast<size_t>(i)] = stored->shape;
    if (stored->dtype == ctx.output_dtype(i)) continue;
    if (!mismatches.empty()) mismatches += '\n';
    StrAppend(&mismatches, "tensor_name = ", n.names[i], "; expected dtype ",
              DTypeOpName(ctx.output_dtype(i)), " does not equal original dtype ",
              DTypeOpName(stored->dtype));
  }
  if (!mismatches.empty()) return absl::InvalidArgumentError(mismatches);
  std::vector<std::string_view> wholes;
  for (const int i : order) {
    if (n.specs[i].empty()) {
      wholes.push_back(n.names[i]);
      continue;
    }
    WEFT_ASSIGN_OR_RETURN(Array value,
                          ReadOne(*file, n.names[i], n.specs[i], shapes[static_cast<size_t>(i)]));
    ctx.set_output(i, std::move(value));
  }
  WEFT_ASSIGN_OR_RETURN(std::vector<Array> values, file->ReadAll(wholes));
  auto value = values.begin();
  for (const int i : order) {
    if (n.specs[i].empty()) ctx.set_output(i, std::move(*value++));
  }
  return absl::OkStatus();
}

class MergeV2Checkpoints final : public Kernel {
 public:
  explicit MergeV2Checkpoints(KernelConstruction& c)
      : options_{.delete_old_dirs = c.Attr<bool>("delete_old_dirs"),
                 .allow_missing_files = c.Attr<bool>("allow_missing_files")} {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array& prefixes = ctx.input(0);
    if (prefixes.rank() != 1) {
      return absl::InvalidArgumentError(
          StrCat("Input checkpoint_prefixes should be an 1-D tensor, got ",
                 prefixes.shape().ToString(), " instead."));
    }
    if (ctx.input(1).rank() != 0) {
      return absl::InvalidArgumentError(
          StrCat("Input destination_prefix should be a scalar tensor, got ",
                 ctx.input(1).shape().ToString(), " instead."));
    }
    const auto names = prefixes.values<std::string>();
    return io::MergeBundles({names.begin(), names.end()}, *ctx.input(1).data<std::string>(),
                            options_);
  }

 private:
  io::MergeOptions options_;
};

// ---- Version 1 ----------------------------------------------------------------------------------

template <bool slices>
absl::Status SaveV1(KernelContext& ctx) {
  constexpr int kFixed = slices ? 3 : 2;
  WEFT_ASSIGN_OR_RETURN(const std::string* path, SingleText(ctx.input(0), "0 (filename)"));
  const Array& names = ctx.input(1);
  const int64_t n = names.num_elements();
  if (slices && ctx.input(2).num_elements() != n) {
    return absl::InvalidArgumentError(StrCat("Expected ", n,
                                             " elements for the tensor shapes and slices but got ",
                                             ctx.input(2).num_elements()));
  }
  if (ctx.num_inputs() - kFixed != n) {
    return absl::InvalidArgumentError(
        StrCat("Expected totally ", n + kFixed,
               " inputs as input #1 (which is a string tensor of saved names) contains ", n,
               " names, but received ", ctx.num_inputs(), " inputs"));
  }
  io::CheckpointV1Writer writer(*path);
  for (int i = 0; i < n; ++i) {
    const Array& value = ctx.input(kFixed + i);
    WEFT_ASSIGN_OR_RETURN(
        const io::ShapeAndSlice slice,
        SliceToSave(slices ? ctx.input(2).data<std::string>()[i] : std::string(), value));
    WEFT_RETURN_IF_ERROR(
        writer.Add(names.data<std::string>()[i], slice.full_shape, slice.slice, value));
  }
  return writer.Finish();
}

template <bool slice>
absl::Status RestoreV1(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const std::string* pattern, SingleText(ctx.input(0), "0 (file_pattern)"));
  WEFT_ASSIGN_OR_RETURN(const std::string* name, SingleText(ctx.input(1), "1 (tensor_name)"));
  std::string spec;
  if constexpr (slice) {
    WEFT_ASSIGN_OR_RETURN(const std::string* text, SingleText(ctx.input(2), "2 (shape_and_slice)"));
    spec = *text;
  }
  WEFT_ASSIGN_OR_RETURN(const std::unique_ptr<io::CheckpointFile> file,
                        io::OpenCheckpointV1(*pattern));
  const absl::StatusOr<io::StoredTensor> stored = file->Find(*name);
  if (absl::IsNotFound(stored.status())) return NotInV1(*name, *pattern);
  if (!stored.ok()) return stored.status();
  if (stored->dtype != ctx.output_dtype(0)) {
    return absl::InvalidArgumentError(StrCat(
        "Expected to restore a tensor of type ", DTypeOpName(ctx.output_dtype(0)),
        ", got a tensor of type ", DTypeOpName(stored->dtype), " instead: tensor_name = ", *name));
  }
  WEFT_ASSIGN_OR_RETURN(Array value, ReadOne(*file, *name, spec, stored->shape));
  ctx.set_output(0, std::move(value));
  return absl::OkStatus();
}

}  // namespace

void RegisterIoKernels(KernelRegistry& kernels) {
  kernels.Add("SaveV2", kCpu, {}, SaveV2);
  kernels.Add("RestoreV2", kCpu, {}, RestoreV2);
  kernels.Add<MergeV2Checkpoints>("MergeV2Checkpoints", kCpu, {});
  kernels.Add("Save", kCpu, {}, SaveV1<false>);
  kernels.Add("SaveSlices", kCpu, {}, SaveV1<true>);
  kernels.Add("Restore", kCpu, {}, RestoreV1<false>);
  kernels.Add("RestoreSlice", kCpu, {}, RestoreV1<true>);
  RegisterFileKernels(kernels);
  RegisterVocabRemapKernels(kernels);
  RegisterImmutableConstKernels(kernels);
}

}  // namespace weft
