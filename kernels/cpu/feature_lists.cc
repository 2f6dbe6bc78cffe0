// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/feature_lists.h"

#include <algorithm>
#include <limits>

#include "src/core/strings.h"

namespace weft {

using io::FeatureKind;
using Form = FeatureSpec::Form;

FeatureLists::FeatureLists(const std::vector<FeatureSpec>& specs, const ExampleNames& names,
                           int64_t examples)
    : specs_(specs),
      names_(names),
      examples_(examples),
      cells_(static_cast<size_t>(examples) * specs.size()),
      outputs_(specs.size()) {}

// ---- First pass ---------------------------------------------------------------------------------

absl::Status FeatureLists::Count(int64_t e) {
  for (size_t f = 0; f < specs_.size(); ++f) WEFT_RETURN_IF_ERROR(CountOne(e, static_cast<int>(f)));
  return absl::OkStatus();
}

absl::Status FeatureLists::CountOne(int64_t e, int f) {
  const FeatureSpec& spec = specs_[static_cast<size_t>(f)];
  Cell& cell = At(e, f);
  if (!cell.present) {
    if (spec.form != Form::kDense || spec.may_be_missing) return absl::OkStatus();
    return absl::InvalidArgumentError(
        StrCat("Name: ", names_.Name(e), ", Feature list '", spec.name,
               "' is required but could not be found.  Did you mean to include it in "
               "feature_list_dense_missing_assumed_empty or "
               "feature_list_dense_defaults?"));
  }
  absl::Status status;
  const bool read = io::ForEachStep(cell.bytes, [&](std::string_view step) {
    status = CountStep(e, spec, step, &cell);
    return status.ok();
  });
  if (!status.ok()) return status;
  return read ? status : names_.Error(e, spec.name, "Can't parse serialized Example.");
}

absl::Status FeatureLists::CountStep(int64_t e, const FeatureSpec& spec, std::string_view step,
                                     Cell* cell) {
  io::FeatureView view;
  if (!io::ReadFeature(step, &view)) return absl::InvalidArgumentError("Unsupported datatype.");
  int64_t count = 0;
  if (view.kind != FeatureKind::kNone) {
    if (view.kind != KindOf(spec.dtype)) {
      return absl::InvalidArgumentError(
          StrCat("Name: ", names_.Name(e), ", Feature list: ", spec.name, ", Index: ", cell->steps,
                 ".  Data types don't match. Expected type: ", DTypeOpName(spec.dtype)));
    }
    count = io::CountValues(view);
    if (count < 0) return names_.Error(e, spec.name, "Can't parse serialized Example.");
  }
  if (spec.form == Form::kDense && count != spec.block_size) {
    return absl::InvalidArgumentError(StrCat(
        "Name: ", names_.Name(e), ", Key: ", spec.name, ", Index: ", cell->steps, ".  Number of ",
        ValuesName(spec.dtype), " values != expected.  values size: ", count,
        " but output shape: ", spec.shape.ToString()));
  }
  ++cell->steps;
  cell->values += count;
  cell->longest = std::max(cell->longest, count);
  return absl::OkStatus();
}

// ---- Between the passes -------------------------------------------------------------------------

absl::Status FeatureLists::Allocate(KernelContext& ctx) {
  for (size_t i = 0; i < specs_.size(); ++i) {
    const int f = static_cast<int>(i);
    int64_t steps = 0, longest = 0, total = 0, total_steps = 0;
    for (int64_t e = 0; e < examples_; ++e) {
      Cell& cell = At(e, f);
      cell.first_step = total_steps;
      cell.first_value = total;
      total_steps += cell.steps;
      total += cell.values;
      steps = std::max(steps, cell.steps);
      longest = std::max(longest, cell.longest);
    }
    switch (specs_[i].form) {
      case Form::kDense:
        WEFT_RETURN_IF_ERROR(AllocateDense(ctx, f, steps));
        break;
      case Form::kSparse:
        WEFT_RETURN_IF_ERROR(AllocateSparse(ctx, f, total, steps, longest));
        break;
      case Form::kRagged:
        WEFT_RETURN_IF_ERROR(AllocateRagged(ctx, f, total, total_steps));
        break;
    }
  }
  return absl::OkStatus();
}

absl::Status FeatureLists::AllocateDense(KernelContext& ctx, int f, int64_t steps) {
  const FeatureSpec& spec = specs_[static_cast<size_t>(f)];
  std::vector<int64_t> sizes;
  if (names_.batched) sizes.push_back(examples_);
  sizes.push_back(steps);
  for (int d = 0; d < spec.shape.rank(); ++d) sizes.push_back(spec.shape.dim(d));
  Shape shape;
  std::string error;
  if (!Shape::Make(sizes, &shape, &error)) return ctx.InvalidArgument(error);
  WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(spec.outputs[0], shape));
  Output& out = outputs_[static_cast<size_t>(f)];
  out.values = *values;
  out.row = steps * spec.block_size;
  if (spec.outputs[1] < 0) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(
      Array * lengths,
      ctx.AllocateOutput(spec.outputs[1], names_.batched ? Shape({examples_}) : Shape()));
  for (int64_t e = 0; e < examples_; ++e) lengths->mutable_data<int64_t>()[e] = At(e, f).steps;
  return absl::OkStatus();
}

absl::Status FeatureLists::AllocateSparse(KernelContext& ctx, int f, int64_t total, int64_t steps,
                                          int64_t longest) {
  const FeatureSpec& spec = specs_[static_cast<size_t>(f)];
  Output& out = outputs_[static_cast<size_t>(f)];
  const int64_t rank = names_.batched ? 3 : 2;
  WEFT_ASSIGN_OR_RETURN(Array * indices, ctx.AllocateOutput(spec.outputs[0], Shape({total, rank})));
  out.indices = *indices;
  WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(spec.outputs[1], Shape({total})));
  out.values = *values;
  WEFT_ASSIGN_OR_RETURN(Array * shape, ctx.AllocateOutput(spec.outputs[2], Shape({rank})));
  int64_t* size = shape->mutable_data<int64_t>();
  if (names_.batched) *size++ = examples_;
  *size++ = steps;
  *size = longest;
  return absl::OkStatus();
}

absl::Status FeatureLists::AllocateRagged(KernelContext& ctx, int f, int64_t total,
                                          int64_t total_steps) {
  const FeatureSpec& spec = specs_[static_cast<size_t>(f)];
  if (spec.split_dtype == kInt32 &&
      std::max(total, total_steps) > std::numeric_limits<int32_t>::max())
    return ctx.InvalidArgument(StrCat(total, " values are too many for splits of int32"));
  Output& out = outputs_[static_cast<size_t>(f)];
  WEFT_ASSIGN_OR_RETURN(Array * values, ctx.AllocateOutput(spec.outputs[0], Shape({total})));
  out.values = *values;
  WEFT_RETURN_IF_ERROR(
      SetSplits(ctx, spec.outputs[1], spec.split_dtype, names_.batched ? examples_ + 1 : 0,
                [&](int64_t e) { return e < examples_ ? At(e, f).first_step : total_steps; }));
  WEFT_ASSIGN_OR_RETURN(Array * inner,
                        ctx.AllocateOutput(spec.outputs[2], Shape({total_steps + 1})));
  out.inner_splits = *inner;
  if (spec.split_dtype == kInt64) {
    inner->mutable_data<int64_t>()[0] = 0;
  } else {
    inner->mutable_data<int32_t>()[0] = 0;
  }
  return absl::OkStatus();
}

// ---- Second pass --------------------------------------------------------------------------------

absl::Status FeatureLists::Fill(int64_t e) {
  for (size_t f = 0; f < specs_.size(); ++f) {
    if (!FillOne(e, static_cast<int>(f)))
      return names_.Error(e, specs_[f].name, "Can't parse serialized Example.");
  }
  return absl::OkStatus();
}

bool FeatureLists::FillDense(int64_t e, const FeatureSpec& spec, const Cell& cell, Output* out) {
  int64_t at = e * out->row;
  const int64_t end = at + out->row;
  const bool read = io::ForEachStep(cell.bytes, [&](std::string_view step) {
    io::FeatureView view;
    if (!io::ReadFeature(step, &view) || !ReadValues(view.list, &out->values, at)) return false;
    at += spec.block_size;
    return true;
  });
  if (!read) return false;
  // Shorter sequences end in zeros, or empty texts.
  switch (spec.dtype) {
    case kFloat32:
      std::fill(out->values.mutable_data<float>() + at, out->values.mutable_data<float>() + end,
                0.0f);
      break;
    case kInt64:
      std::fill(out->values.mutable_data<int64_t>() + at, out->values.mutable_data<int64_t>() + end,
                int64_t{0});
      break;
    default:
      std::fill(out->values.mutable_data<std::string>() + at,
                out->values.mutable_data<std::string>() + end, std::string());
  }
  return true;
}

bool FeatureLists::FillOne(int64_t e, int f) {
  const FeatureSpec& spec = specs_[static_cast<size_t>(f)];
  Output& out = outputs_[static_cast<size_t>(f)];
  const Cell& cell = At(e, f);
  if (spec.form == Form::kDense) return FillDense(e, spec, cell, &out);
  int64_t at = cell.first_value, step_number = 0;
  const int rank = names_.batched ? 3 : 2;
  return io::ForEachStep(cell.bytes, [&](std::string_view step) {
    io::FeatureView view;
    if (!io::ReadFeature(step, &view)) return false;
    const int64_t count = view.kind == FeatureKind::kNone ? 0 : io::CountValues(view);
    if (count > 0 && !ReadValues(view.list, &out.values, at)) return false;
    if (spec.form == Form::kSparse) {
      int64_t* index = out.indices.mutable_data<int64_t>() + at * rank;
      for (int64_t i = 0; i < count; ++i) {
        if (names_.batched) *index++ = e;
        *index++ = step_number;
        *index++ = i;
      }
    }
    at += count;
    ++step_number;
    if (spec.form == Form::kRagged) {
      const int64_t split = cell.first_step + step_number;
      if (spec.split_dtype == kInt64) {
        out.inner_splits.mutable_data<int64_t>()[split] = at;
      } else {
        out.inner_splits.mutable_data<int32_t>()[split] = static_cast<int32_t>(at);
      }
    }
    return true;
  });
}

}  // namespace weft
