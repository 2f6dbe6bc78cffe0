// SPDX-License-Identifier: Apache-2.0
// Training ops: each changes a variable, and the slots that go with it, in one op, by a dense
// gradient or by rows of one; the variables are given by reference or by handle.
// kernels: kernels/cpu/training.cc; the formulas: kernels/cpu/update_rules-inl.h
// test: tests/ops/training_test.cc
#include <string>
#include <utility>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/variable_shapes.h"
#include "weft/core/status_macros.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

// The inputs of a training op: the variable and its slots, `before`, the gradient, for a sparse op
// the indices, `after`.
struct TrainingSchema {
  const char* name;     // "Adam" for ApplyAdam and ResourceApplyAdam
  const char* summary;  // of the dense op by reference
  std::vector<const char*> slots;
  std::vector<const char*> before;
  std::vector<const char*> after = {};
  const char* option = nullptr;      // spec of the attribute after use_locking
  const char* gradient = "grad: T";  // of the dense op
  bool by_reference = true;
  bool has_sparse = true;
};

// The gradient has the shape of the variable; a sparse one has a row for each index.
absl::StatusOr<PartialShape> MergeGradient(ShapeContext& c, int gradient, bool is_sparse,
                                           const PartialShape& variable) {
  const PartialShape& g = c.input(gradient);
  if (!is_sparse) return c.Merge(variable, g);
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.InputWithRank(gradient + 1, 1));
  if (!g.known_rank()) return variable;
  if (g.rank() == 0) {
    return absl::InvalidArgumentError("Argument grad must not be a scalar. Got grad with rank 0");
  }
  WEFT_RETURN_IF_ERROR(c.MergeDim(indices.dim(0), g.dim(0)).status());
  std::vector<int64_t> dims(g.dims().begin(), g.dims().end());
  dims[0] = kUnknownDim;
  return c.Merge(variable, PartialShape(dims));
}

// All variables have one shape, scalars are scalars. An output, if there is one, is the variable.
absl::Status TrainingShape(ShapeContext& c, int variables, int gradient, bool is_sparse) {
  PartialShape shape = VariableShapeOf(c, 0);
  for (int i = 1; i < variables; ++i) {
    WEFT_ASSIGN_OR_RETURN(shape, c.Merge(shape, VariableShapeOf(c, i)));
  }
  WEFT_ASSIGN_OR_RETURN(shape, MergeGradient(c, gradient, is_sparse, shape));
  for (int i = variables; i < c.num_inputs(); ++i) {
    const bool is_scalar = i < gradient || i > gradient + (is_sparse ? 1 : 0);
    if (is_scalar) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 0).status());
  }
  if (c.num_outputs() > 0) c.set_output(0, shape);
  return absl::OkStatus();
}

std::string ScalarSpec(const char* name) {
  return StrCat(name, std::string_view(name) == "global_step" ? ": int64" : ": T");
}

OpDefBuilder&& Inputs(OpDefBuilder&& op, const TrainingSchema& t, bool is_resource,
                      bool is_sparse) {
  const char* const kind = is_resource ? ": resource" : ": Ref(T)";
  OpDefBuilder&& b = std::move(op).Input(StrCat("var", kind));
  for (const char* slot : t.slots) std::move(b).Input(StrCat(slot, kind));
  for (const char* scalar : t.before) std::move(b).Input(ScalarSpec(scalar));
  std::move(b).Input(is_sparse ? "grad: T" : t.gradient);
  if (is_sparse) std::move(b).Input("indices: Tindices");
  for (const char* scalar : t.after) std::move(b).Input(ScalarSpec(scalar));
  if (!is_resource) std::move(b).Output("out: Ref(T)");
  return std::move(b);
}

OpDefBuilder&& Attributes(OpDefBuilder&& op, const TrainingSchema& t, bool is_sparse) {
  OpDefBuilder&& b = std::move(op).Attr("T: numbertype");
  if (is_sparse) std::move(b).Attr("Tindices: {int32, int64}");
  std::move(b).Attr("use_locking: bool = false");
  if (t.option != nullptr) std::move(b).Attr(t.option);
  return std::move(b);
}

std::string SummaryOf(const TrainingSchema& t, bool is_resource, bool is_sparse) {
  if (!is_resource && !is_sparse) return t.summary;
  const std::string dense = StrCat("Apply", t.name);
  if (!is_sparse) {
    return t.by_reference ? StrCat(dense, " of variables given by their handles.") : t.summary;
  }
  return StrCat(t.by_reference ? dense : "Resource" + dense,
                " of the rows that indices name; equal indices one after the other.",
                is_resource ? " By handle." : "");
}

void AddForm(OpRegistry& ops, const TrainingSchema& t, bool is_resource, bool is_sparse) {
  const int variables = 1 + static_cast<int>(t.slots.size());
  const int gradient = variables + static_cast<int>(t.before.size());
  OpDefBuilder op =
      ops.Add(StrCat(is_resource ? "Resource" : "", is_sparse ? "SparseApply" : "Apply", t.name));
  Attributes(Inputs(std::move(op).Summary(SummaryOf(t, is_resource, is_sparse)), t, is_resource,
                    is_sparse),
             t, is_sparse)
      .Shape([variables, gradient, is_sparse](ShapeContext& c) {
        return TrainingShape(c, variables, gradient, is_sparse);
      });
  if (is_resource) std::move(op).Stateful();
}

void Add(OpRegistry& ops, const TrainingSchema& t) {
  for (const bool is_resource : {false, true}) {
    if (!is_resource && !t.by_reference) continue;
    AddForm(ops, t, is_resource, /*is_sparse=*/false);
    if (t.has_sparse) AddForm(ops, t, is_resource, /*is_sparse=*/true);
  }
}

void AddProximalOps(OpRegistry& ops) {
  Add(ops, {.name = "ProximalGradientDescent",
            .summary = "v = var - alpha * delta; "
                       "var = sign(v) * max(|v| - alpha * l1, 0) / (1 + alpha * l2).",
            .slots = {},
            .before = {"alpha", "l1", "l2"},
            .gradient = "delta: T"});
  Add(ops, {.name = "ProximalAdagrad",
            .summary = "accum += grad^2; ApplyProximalGradientDescent at rate lr / sqrt(accum).",
            .slots = {"accum"},
            .before = {"lr", "l1", "l2"}});
  Add(ops, {.name = "AdagradDA",
            .summary = "Sums gradients and their squares; var = -lr * sign(sum) * "
                       "max(|sum| - l1 * step, 0) / (l2 * step * lr + sqrt(squares)).",
            .slots = {"gradient_accumulator", "gradient_squared_accumulator"},
            .before = {},
            .after = {"lr", "l1", "l2", "global_step"}});
  const char* const by_rate = "multiply_linear_by_lr: bool = false";
  Add(ops, {.name = "Ftrl",
            .summary = "n = accum + grad^2; "
                       "linear += grad - (n^-lr_power - accum^-lr_power) / lr * var; "
                       "var = (l1 * sign(linear) - linear) / (n^-lr_power / lr + 2 * l2) "
                       "where |linear| > l1, else 0; accum = n.",
            .slots = {"accum", "linear"},
            .before = {},
            .after = {"lr", "l1", "l2", "lr_power"},
            .option = by_rate});
  Add(ops, {.name = "FtrlV2",
            .summary = "ApplyFtrl with grad + 2 * l2_shrinkage * var where linear is changed.",
            .slots = {"accum", "linear"},
            .before = {},
            .after = {"lr", "l1", "l2", "l2_shrinkage", "lr_power"},
            .option = by_rate});
}

void AddAdaptiveOps(OpRegistry& ops) {
  Add(ops, {.name = "Adadelta",
            .summary = "accum = rho * accum + (1 - rho) * grad^2; "
                       "update = sqrt(accum_update + epsilon) / sqrt(accum + epsilon) * grad; "
                       "accum_update = rho * accum_update + (1 - rho) * update^2; "
                       "var -= lr * update.",
            .slots = {"accum", "accum_update"},
            .before = {"lr", "rho", "epsilon"}});
  const char* const update_slots = "update_slots: bool = true";
  Add(ops, {.name = "Adagrad",
            .summary = "accum += grad^2, if update_slots; var -= lr * grad / sqrt(accum).",
            .slots = {"accum"},
            .before = {"lr"},
            .option = update_slots});
  Add(ops,
      {.name = "AdagradV2",
       .summary = "accum += grad^2, if update_slots; var -= lr * grad / (sqrt(accum) + epsilon).",
       .slots = {"accum"},
       .before = {"lr", "epsilon"},
       .option = update_slots});
  Add(ops, {.name = "RMSProp",
            .summary = "ms = rho * ms + (1 - rho) * grad^2; "
                       "mom = momentum * mom + lr * grad / sqrt(ms + epsilon); var -= mom.",
            .slots = {"ms", "mom"},
            .before = {"lr", "rho", "momentum", "epsilon"}});
  Add(ops, {.name = "CenteredRMSProp",
            .summary = "mg = rho * mg + (1 - rho) * grad; ms = rho * ms + (1 - rho) * grad^2; "
                       "mom = momentum * mom + lr * grad / sqrt(ms - mg^2 + epsilon); var -= mom.",
            .slots = {"mg", "ms", "mom"},
            .before = {"lr", "rho", "momentum", "epsilon"}});
}

void AddMomentOps(OpRegistry& ops) {
  const char* const nesterov = "use_nesterov: bool = false";
  Add(ops, {.name = "Momentum",
            .summary = "accum = accum * momentum + grad; var -= lr * accum; "
                       "with use_nesterov var -= lr * (grad + momentum * accum).",
            .slots = {"accum"},
            .before = {"lr"},
            .after = {"momentum"},
            .option = nesterov});
  Add(ops, {.name = "KerasMomentum",
            .summary = "accum = accum * momentum - lr * grad; var += accum; "
                       "with use_nesterov var += momentum * accum - lr * grad.",
            .slots = {"accum"},
            .before = {"lr"},
            .after = {"momentum"},
            .option = nesterov,
            .by_reference = false});
  Add(ops, {.name = "Adam",
            .summary = "m += (1 - beta1) * (grad - m); v += (1 - beta2) * (grad^2 - v); "
                       "var -= lr * sqrt(1 - beta2_power) / (1 - beta1_power) * m / "
                       "(sqrt(v) + epsilon); use_nesterov takes beta1 * m + (1 - beta1) * grad "
                       "for m there.",
            .slots = {"m", "v"},
            .before = {"beta1_power", "beta2_power", "lr", "beta1", "beta2", "epsilon"},
            .option = nesterov,
            .has_sparse = false});
  Add(ops, {.name = "AdamWithAmsgrad",
            .summary = "ApplyAdam with vhat = max(vhat, v) in place of v where var is changed.",
            .slots = {"m", "v", "vhat"},
            .before = {"beta1_power", "beta2_power", "lr", "beta1", "beta2", "epsilon"},
            .by_reference = false,
            .has_sparse = false});
  Add(ops, {.name = "AdaMax",
            .summary = "m += (1 - beta1) * (grad - m); v = max(beta2 * v, |grad|); "
                       "var -= lr / (1 - beta1_power) * m / (v + epsilon).",
            .slots = {"m", "v"},
            .before = {"beta1_power", "lr", "beta1", "beta2", "epsilon"},
            .has_sparse = false});
  Add(ops, {.name = "AddSign",
            .summary = "m = beta * m + (1 - beta) * grad; "
                       "var -= lr * (alpha + sign_decay * sign(grad) * sign(m)) * grad.",
            .slots = {"m"},
            .before = {"lr", "alpha", "sign_decay", "beta"},
            .has_sparse = false});
  Add(ops, {.name = "PowerSign",
            .summary = "m = beta * m + (1 - beta) * grad; "
                       "var -= lr * exp(logbase * sign_decay * sign(grad) * sign(m)) * grad.",
            .slots = {"m"},
            .before = {"lr", "logbase", "sign_decay", "beta"},
            .has_sparse = false});
}

}  // namespace

void RegisterTrainingOps(OpRegistry& ops) {
  Add(ops, {.name = "GradientDescent",
            .summary = "var -= alpha * delta.",
            .slots = {},
            .before = {"alpha"},
            .gradient = "delta: T",
            .has_sparse = false});
  AddProximalOps(ops);
  AddAdaptiveOps(ops);
  AddMomentOps(ops);
}

}  // namespace weft
