// SPDX-License-Identifier: Apache-2.0
// Training ops: Apply* and SparseApply*, by reference and by handle.
#include "kernels/cpu/training.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cpu/update_rows.h"
#include "kernels/cpu/update_variables.h"
#include "kernels/cpu/variable_access.h"
#include "kernels/cpu/widen.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// Hyperparameters as UpdateRun has them, of any type.
struct HyperparameterValues {
  alignas(16) std::byte bytes[kMaxHyperparameters * sizeof(complex128)] = {};
};

template <typename T>
void StoreScalar(const Array& from, size_t i, HyperparameterValues* to) {
  Wide<T> value;
  if (from.dtype() == dtype_of<T>) {
    value = Wide<T>(*from.data<T>());
  } else {
    value = Wide<T>(T(static_cast<float>(from.AsInt64())));  // global_step
  }
  std::memcpy(to->bytes + i * sizeof value, &value, sizeof value);
}

const char* NeededText(Bound bound) {
  switch (bound) {
    case Bound::kPositive:
      return "a positive scalar: ";
    case Bound::kPositiveOrZeroWithOption:
      return "a positive scalar (or zero if multiply_linear_by_lr is set): ";
    case Bound::kNonNegative:
      return "a non-negative scalar: ";
    case Bound::kNonPositive:
      return "a non-positive scalar: ";
    case Bound::kNone:
      break;
  }
  return "a scalar: ";
}

bool IsWithin(Bound bound, double value, bool option) {
  switch (bound) {
    case Bound::kPositive:
      return value > 0;
    case Bound::kPositiveOrZeroWithOption:
      return value > 0 || (option && value == 0);
    case Bound::kNonNegative:
      return value >= 0;
    case Bound::kNonPositive:
      return value <= 0;
    case Bound::kNone:
      break;
  }
  return true;
}

// What one update of one element moves through memory, roughly in nanoseconds: it reads and writes
// each variable and reads the gradient.
double CostOfElement(int variables, size_t element_size) {
  return 0.04 * static_cast<double>(2 * variables + 1) * static_cast<double>(element_size);
}

// Starts to load the head of the row; the hardware follows with the rest.
void PrefetchRow(const std::byte* row, int64_t bytes) {
  constexpr int64_t kLine = 64, kHead = 4 * kLine;
  for (int64_t at = 0; at < std::min(bytes, kHead); at += kLine) __builtin_prefetch(row + at, 1);
}

class TrainingKernel final : public Kernel {
 public:
  using StoreFn = void (*)(const Array& from, size_t i, HyperparameterValues* to);

  TrainingKernel(KernelConstruction& c, const TrainingOp& op, bool is_sparse, DataType dtype,
                 StoreFn store)
      : op_(op),
        is_sparse_(is_sparse),
        dtype_(dtype),
        variables_(op.num_variables()),
        gradient_(variables_ + op.before),
        option_(op.option == nullptr || c.AttrOr<bool>(op.option, false)),
        store_(store),
        loop_(FindUpdateLoop(op.rule, dtype)) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const LockedVariables v, LockedVariables::Take(ctx, variables_, dtype_));
    HyperparameterValues values;
    for (int i = 0; i < op_.num_scalars(); ++i) {
      WEFT_RETURN_IF_ERROR(ReadScalar(ctx, i, &values));
    }
    for (int k = 1; k < variables_; ++k) {
      WEFT_RETURN_IF_ERROR(
          CheckShape(ctx, v[0].shape(), v[k].shape(), op_.slots[static_cast<size_t>(k - 1)]));
    }
    UpdateRun run = {};
    run.hyperparameters = values.bytes;
    run.option = option_;
    WEFT_RETURN_IF_ERROR(is_sparse_ ? UpdateRows(ctx, v, run) : UpdateAll(ctx, v, run));
    ReturnReference(ctx);
    return absl::OkStatus();
  }

 private:
  absl::Status ReadScalar(KernelContext& ctx, int i, HyperparameterValues* values) const {
    const int input = variables_ + i + (i < op_.before ? 0 : is_sparse_ ? 2 : 1);
    const Hyperparameter& h = op_.scalars[static_cast<size_t>(i)];
    const Bound bound = is_sparse_ || op_.bounds_when_dense ? h.bound : Bound::kNone;
    const Array& a = ctx.input(input);
    const bool is_scalar = a.shape().IsScalar();
    if (!is_scalar || (bound != Bound::kNone && !IsWithin(bound, a.AsDouble(), option_))) {
      const std::string value = is_scalar ? StrCat(" of value ", a.AsDouble()) : std::string();
      return ctx.InvalidArgument(
          StrCat(h.label, " is not ", NeededText(bound), a.shape().ToString(), value));
    }
    store_(a, static_cast<size_t>(i), values);
    return absl::OkStatus();
  }

  static absl::Status CheckShape(KernelContext& ctx, const Shape& variable, const Shape& other,
                                 const char* name) {
    if (variable == other) return absl::OkStatus();
    return ctx.InvalidArgument(StrCat("var and ", name, " do not have the same shape: ",
                                      variable.ToString(), " ", other.ToString()));
  }

  absl::Status UpdateAll(KernelContext& ctx, const LockedVariables& v, UpdateRun run) const {
    const Array& gradient = ctx.input(gradient_);
    WEFT_RETURN_IF_ERROR(CheckShape(ctx, v[0].shape(), gradient.shape(), op_.gradient));
    std::array<DenseUpdate, kMaxUpdateVariables> updates;
    const size_t variables = static_cast<size_t>(variables_);
    for (size_t k = 0; k < variables; ++k) {
      WEFT_ASSIGN_OR_RETURN(updates[k], DenseUpdate::Begin(ctx, v[static_cast<int>(k)]));
      run.from[k] = updates[k].raw_from();
      run.to[k] = updates[k].raw_to();
    }
    run.gradient = gradient.raw_data();
    const int64_t size = static_cast<int64_t>(DTypeSize(dtype_));
    const double cost = CostOfElement(variables_, DTypeSize(dtype_));
    ctx.ParallelFor(gradient.num_elements(), cost, [&](int64_t begin, int64_t end) {
      loop_(Part(run, begin * size, begin * size, end - begin));
    });
    for (size_t k = 0; k < variables; ++k) updates[k].Commit();
    return absl::OkStatus();
  }

  // The n elements that lie so many bytes into the variables and the gradient.
  UpdateRun Part(const UpdateRun& run, int64_t at, int64_t gradient_at, int64_t n) const {
    UpdateRun part = run;
    for (int k = 0; k < variables_; ++k) {
      part.from[k] = static_cast<const std::byte*>(run.from[k]) + at;
      part.to[k] = static_cast<std::byte*>(run.to[k]) + at;
    }
    part.gradient = static_cast<const std::byte*>(run.gradient) + gradient_at;
    part.n = n;
    return part;
  }

  // Each row of the gradient changes the row of the variables that its index names; equal indices
  // one after the other.
  absl::Status UpdateRows(KernelContext& ctx, const LockedVariables& v, UpdateRun run) const {
    const Array& gradient = ctx.input(gradient_);
    const Array& indices = ctx.input(gradient_ + 1);
    WEFT_RETURN_IF_ERROR(CheckRowShapes(ctx, v[0].shape(), gradient.shape(), indices.shape()));
    WEFT_ASSIGN_OR_RETURN(const std::vector<int64_t> rows,
                          ReadRowNumbers(ctx, indices, v[0].shape().dim(0)));
    if (rows.empty() || gradient.num_elements() == 0) return absl::OkStatus();
    for (int k = 0; k < variables_; ++k) run.from[k] = run.to[k] = v[k].Mutable()->raw_data();
    run.gradient = gradient.raw_data();
    const int64_t columns = gradient.num_elements() / static_cast<int64_t>(rows.size());
    const int64_t bytes = columns * static_cast<int64_t>(DTypeSize(dtype_));
    // A row is seldom in a cache, and its first bytes are waited for.
    constexpr double kRowNs = 60;
    const double cost =
        kRowNs + static_cast<double>(columns) * CostOfElement(variables_, DTypeSize(dtype_));
    ForOwnRows(ctx, rows, cost, [&](std::span<const int64_t> own) {
      constexpr size_t kAhead = 4;
      const auto row_of = [&](size_t i) { return rows[static_cast<size_t>(own[i])]; };
      for (size_t i = 0; i < own.size(); ++i) {
        for (int k = 0; k < variables_ && i + kAhead < own.size(); ++k) {
          PrefetchRow(static_cast<const std::byte*>(run.from[k]) + row_of(i + kAhead) * bytes,
                      bytes);
        }
        loop_(Part(run, row_of(i) * bytes, own[i] * bytes, columns));
      }
    });
    return absl::OkStatus();
  }

  // gradient.shape must be indices.shape + variable.shape[1:].
  absl::Status CheckRowShapes(KernelContext& ctx, const Shape& variable, const Shape& gradient,
                              const Shape& indices) const {
    const auto wrong = [&](const auto&... rule) {
      return ctx.InvalidArgument(StrCat(rule..., ": var ", variable.ToString(), ", grad ",
                                        gradient.ToString(), ", indices ", indices.ToString()));
    };
    if (variable.rank() < 1) return wrong("var must be at least 1 dimensional");
    if (indices.rank() != 1) return wrong("indices must be one-dimensional");
    for (int d = 1; d < variable.rank(); ++d) {
      if (d >= gradient.rank() || gradient.dim(d) != variable.dim(d))
        return wrong("var and grad must match in dimension ", d);
    }
    if (gradient.rank() < 1 || gradient.dim(0) != indices.dim(0))
      return wrong("grad must be the same size as indices in the first dimension");
    for (int d = variable.rank(); d < gradient.rank(); ++d) {
      if (gradient.dim(d) != 1) return wrong("var and grad must match in dimension ", d);
    }
    const auto sizes = variable.dims().subspan(1);
    if (op_.needs_columns && std::find(sizes.begin(), sizes.end(), 0) != sizes.end())
      return wrong("Inner dimension should be greater than zero");
    return absl::OkStatus();
  }

  const TrainingOp& op_;
  const bool is_sparse_;
  const DataType dtype_;
  const int variables_;
  const int gradient_;  // its input
  const bool option_;
  const StoreFn store_;
  const UpdateLoop loop_;
};

template <typename T>
void AddForms(KernelRegistry& kernels, const TrainingOp& op, bool is_sparse) {
  const std::string name = StrCat(is_sparse ? "SparseApply" : "Apply", op.name);
  const auto make = [&op, is_sparse](KernelConstruction& c) -> std::unique_ptr<Kernel> {
    return std::make_unique<TrainingKernel>(c, op, is_sparse, dtype_of<T>, StoreScalar<T>);
  };
  kernels.AddFactory("Resource" + name, kCpu, {{"T", dtype_of<T>}}, make);
  if (op.forms & TrainingOp::kReference) {
    kernels.AddFactory(name, kCpu, {{"T", dtype_of<T>}}, make);
  }
}

void AddTypes(KernelRegistry& kernels, const TrainingOp& op, bool is_sparse) {
  const uint8_t types = is_sparse ? op.sparse_types : op.types;
  AddForms<float>(kernels, op, is_sparse);
  AddForms<double>(kernels, op, is_sparse);
  if (types & TrainingOp::kHalf) AddForms<half>(kernels, op, is_sparse);
  if (types & TrainingOp::kBfloat16) AddForms<bfloat16>(kernels, op, is_sparse);
  if (types & TrainingOp::kComplex) {
    AddForms<complex64>(kernels, op, is_sparse);
    AddForms<complex128>(kernels, op, is_sparse);
  }
}

}  // namespace

void RegisterTrainingKernels(KernelRegistry& kernels) {
  for (const TrainingOp& op : TrainingOps()) {
    AddTypes(kernels, op, /*is_sparse=*/false);
    if (op.forms & TrainingOp::kSparse) AddTypes(kernels, op, /*is_sparse=*/true);
  }
}

}  // namespace weft
