// SPDX-License-Identifier: Apache-2.0
#include "tests/ops/training_cases.h"

#include <algorithm>
#include <cmath>

#include "weft/runtime/try.h"

namespace weft {
namespace {

using Hypers = std::vector<double>;

double Sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

// The minimum over w of (w - v)^2 / 2 + rate (l1 |w| + l2 w^2 / 2).
double Proximal(double v, double rate, double l1, double l2) {
  const double shrunk = std::fabs(v) > rate * l1 ? v - Sign(v) * rate * l1 : 0;
  return shrunk / (1 + rate * l2);
}

void Ftrl(double* x, double g, double pull, double rate, double l1, double l2, double lr_power,
          bool by_rate) {
  const double old = std::pow(x[1], -lr_power), now = std::pow(x[1] + g * g, -lr_power);
  const double scale = by_rate ? rate : 1;  // `linear` is kept multiplied by it
  x[2] += scale * (pull - (now - old) / rate * x[0]);
  const double linear = x[2] / scale;
  x[0] = std::fabs(linear) > l1 ? (Sign(linear) * l1 - linear) / (now / rate + 2 * l2) : 0;
  x[1] += g * g;
}

double Moments(double* x, double g, double beta1, double beta2) {
  x[1] = beta1 * x[1] + (1 - beta1) * g;
  x[2] = beta2 * x[2] + (1 - beta2) * g * g;
  return std::sqrt(x[2]);
}

std::vector<TrainingCase> MakeCases() {
  std::vector<TrainingCase> cases;
  cases.push_back(
      {.name = "GradientDescent",
       .before = 1,
       .h = {0.5},
       .has_sparse = false,
       .formula = [](double* x, double g, const Hypers& h, bool) { x[0] -= h[0] * g; }});
  cases.push_back({.name = "ProximalGradientDescent",
                   .before = 3,
                   .h = {0.5, 0.25, 0.125},
                   .formula = [](double* x, double g, const Hypers& h, bool) {
                     x[0] = Proximal(x[0] - h[0] * g, h[0], h[1], h[2]);
                   }});
  cases.push_back({.name = "Adadelta",
                   .slots = 2,
                   .before = 3,
                   .h = {0.5, 0.875, 0.0625},
                   .formula = [](double* x, double g, const Hypers& h, bool) {
                     x[1] = h[1] * x[1] + (1 - h[1]) * g * g;
                     const double step = g * std::sqrt((x[2] + h[2]) / (x[1] + h[2]));
                     x[2] = h[1] * x[2] + (1 - h[1]) * step * step;
                     x[0] -= h[0] * step;
                   }});
  cases.push_back({.name = "Adagrad",
                   .slots = 1,
                   .before = 1,
                   .h = {0.5},
                   .option = "update_slots",
                   .formula = [](double* x, double g, const Hypers& h, bool option) {
                     if (option) x[1] += g * g;
                     x[0] -= h[0] * g / std::sqrt(x[1]);
                   }});
  cases.push_back({.name = "AdagradV2",
                   .slots = 1,
                   .before = 2,
                   .h = {0.5, 0.25},
                   .option = "update_slots",
                   .formula = [](double* x, double g, const Hypers& h, bool option) {
                     if (option) x[1] += g * g;
                     x[0] -= h[0] * g / (std::sqrt(x[1]) + h[1]);
                   }});
  cases.push_back({.name = "ProximalAdagrad",
                   .slots = 1,
                   .before = 3,
                   .h = {0.5, 0.25, 0.125},
                   .formula = [](double* x, double g, const Hypers& h, bool) {
                     x[1] += g * g;
                     const double rate = h[0] / std::sqrt(x[1]);
                     x[0] = Proximal(x[0] - rate * g, rate, h[1], h[2]);
                   }});
  cases.push_back({.name = "AdagradDA",
                   .slots = 2,
                   .before = 0,
                   .h = {0.5, 0.25, 0.125, 3},
                   .formula = [](double* x, double g, const Hypers& h, bool) {
                     x[1] += g;
                     x[2] += g * g;
                     const double penalty = h[1] * h[3], sum = x[1];
                     const double shrunk = std::fabs(sum) > penalty ? sum - Sign(sum) * penalty : 0;
                     x[0] = -shrunk / (h[2] * h[3] + std::sqrt(x[2]) / h[0]);
                   }});
  cases.push_back({.name = "Ftrl",
                   .slots = 2,
                   .before = 0,
                   .h = {0.5, 0.25, 0.125, -0.5},
                   .option = "multiply_linear_by_lr",
                   .formula = [](double* x, double g, const Hypers& h, bool option) {
                     Ftrl(x, g, g, h[0], h[1], h[2], h[3], option);
                   }});
  cases.push_back({.name = "FtrlV2",
                   .slots = 2,
                   .before = 0,
                   .h = {0.5, 0.25, 0.125, 0.375, -0.75},
                   .option = "multiply_linear_by_lr",
                   .formula = [](double* x, double g, const Hypers& h, bool option) {
                     Ftrl(x, g, g + 2 * h[3] * x[0], h[0], h[1], h[2], h[4], option);
                   }});
  cases.push_back({.name = "Momentum",
                   .slots = 1,
                   .before = 1,
                   .h = {0.5, 0.875},
                   .option = "use_nesterov",
                   .formula = [](double* x, double g, const Hypers& h, bool option) {
                     x[1] = h[1] * x[1] + g;
                     x[0] -= h[0] * (option ? g + h[1] * x[1] : x[1]);
                   }});
  cases.push_back({.name = "KerasMomentum",
                   .slots = 1,
                   .before = 1,
                   .h = {0.5, 0.875},
                   .option = "use_nesterov",
                   .by_reference = false,
                   .formula = [](double* x, double g, const Hypers& h, bool option) {
                     x[1] = h[1] * x[1] - h[0] * g;
                     x[0] += option ? h[1] * x[1] - h[0] * g : x[1];
                   }});
  cases.push_back({.name = "Adam",
                   .slots = 2,
                   .before = 6,
                   .h = {0.5, 0.75, 0.5, 0.875, 0.9375, 0.125},
                   .option = "use_nesterov",
                   .has_sparse = false,
                   .formula = [](double* x, double g, const Hypers& h, bool option) {
                     const double root = Moments(x, g, h[3], h[4]);
                     const double m = option ? h[3] * x[1] + (1 - h[3]) * g : x[1];
                     x[0] -= h[2] * std::sqrt(1 - h[1]) / (1 - h[0]) * m / (root + h[5]);
                   }});
  cases.push_back({.name = "AdamWithAmsgrad",
                   .slots = 3,
                   .before = 6,
                   .h = {0.5, 0.75, 0.5, 0.875, 0.9375, 0.125},
                   .by_reference = false,
                   .has_sparse = false,
                   .formula = [](double* x, double g, const Hypers& h, bool) {
                     Moments(x, g, h[3], h[4]);
                     x[3] = std::max(x[3], x[2]);
                     const double rate = h[2] * std::sqrt(1 - h[1]) / (1 - h[0]);
                     x[0] -= rate * x[1] / (std::sqrt(x[3]) + h[5]);
                   }});
  cases.push_back({.name = "AdaMax",
                   .slots = 2,
                   .before = 5,
                   .h = {0.5, 0.5, 0.875, 0.9375, 0.125},
                   .has_sparse = false,
                   .formula = [](double* x, double g, const Hypers& h, bool) {
                     x[1] = h[2] * x[1] + (1 - h[2]) * g;
                     x[2] = std::max(h[3] * x[2], std::fabs(g));
                     x[0] -= h[1] / (1 - h[0]) * x[1] / (x[2] + h[4]);
                   }});
  cases.push_back({.name = "RMSProp",
                   .slots = 2,
                   .before = 4,
                   .h = {0.5, 0.875, 0.75, 0.125},
                   .formula = [](double* x, double g, const Hypers& h, bool) {
                     x[1] = h[1] * x[1] + (1 - h[1]) * g * g;
                     x[2] = h[2] * x[2] + h[0] * g / std::sqrt(x[1] + h[3]);
                     x[0] -= x[2];
                   }});
  cases.push_back({.name = "CenteredRMSProp",
                   .slots = 3,
                   .before = 4,
                   .h = {0.5, 0.875, 0.75, 2},  // the variance of the test's slots may be negative
                   .formula = [](double* x, double g, const Hypers& h, bool) {
                     x[1] = h[1] * x[1] + (1 - h[1]) * g;
                     x[2] = h[1] * x[2] + (1 - h[1]) * g * g;
                     x[3] = h[2] * x[3] + h[0] * g / std::sqrt(x[2] - x[1] * x[1] + h[3]);
                     x[0] -= x[3];
                   }});
  cases.push_back({.name = "AddSign",
                   .slots = 1,
                   .before = 4,
                   .h = {0.5, 2, 0.25, 0.875},
                   .has_sparse = false,
                   .formula = [](double* x, double g, const Hypers& h, bool) {
                     x[1] = h[3] * x[1] + (1 - h[3]) * g;
                     x[0] -= h[0] * g * (h[1] + h[2] * Sign(g * x[1]));
                   }});
  cases.push_back({.name = "PowerSign",
                   .slots = 1,
                   .before = 4,
                   .h = {0.5, 1.25, 0.25, 0.875},
                   .has_sparse = false,
                   .formula = [](double* x, double g, const Hypers& h, bool) {
                     x[1] = h[3] * x[1] + (1 - h[3]) * g;
                     x[0] -= h[0] * g * std::exp(h[1] * h[2] * Sign(g * x[1]));
                   }});
  return cases;
}

Array Scalar(const TrainingCase& c, size_t i, DataType dtype) {
  if (c.name == "AdagradDA" && i == 3) return Array(static_cast<int64_t>(c.h[i]));
  return CastArray(Array(c.h[i]), dtype);
}

// The variables before a step, in double; slots are positive, as sums of squares are.
std::vector<std::vector<double>> Before(const TrainingCase& c, DataType dtype, const Shape& shape,
                                        TrainingStep* step) {
  std::vector<std::vector<double>> values;
  for (int k = 0; k <= c.slots; ++k) {
    const Array a = RandomArray(dtype, shape, k == 0 ? -1 : 0.25, 1, static_cast<uint64_t>(k + 1));
    step->inputs.push_back(a);
    std::vector<double> v;
    for (int64_t i = 0; i < a.num_elements(); ++i) v.push_back(a.AsDouble(i));
    values.push_back(std::move(v));
  }
  return values;
}

// Appends scalars, the gradient and, if valid, the indices.
void AddOthers(const TrainingCase& c, DataType dtype, const Array& gradient, const Array& indices,
               bool option, TrainingStep* step) {
  for (size_t i = 0; i < c.h.size(); ++i) {
    if (static_cast<int>(i) == c.before) {
      step->inputs.push_back(gradient);
      if (indices.valid()) step->inputs.push_back(indices);
    }
    step->inputs.push_back(Scalar(c, i, dtype));
  }
  if (c.before == static_cast<int>(c.h.size())) {
    step->inputs.push_back(gradient);
    if (indices.valid()) step->inputs.push_back(indices);
  }
  if (!c.option.empty()) step->attrs.insert_or_assign(c.option, option);
}

void AddAfter(const std::vector<std::vector<double>>& values, DataType dtype, const Shape& shape,
              TrainingStep* step) {
  for (const std::vector<double>& v : values)
    step->after.push_back(CastArray(Array::FromVector(v, shape), dtype));
}

void ApplyAt(const TrainingCase& c, size_t i, double g, bool option,
             std::vector<std::vector<double>>* values) {
  double x[4] = {};
  for (size_t k = 0; k < values->size(); ++k) x[k] = (*values)[k][i];
  c.formula(x, g, c.h, option);
  for (size_t k = 0; k < values->size(); ++k) (*values)[k][i] = x[k];
}

}  // namespace

const std::vector<TrainingCase>& TrainingCases() {
  static const auto* const cases = new std::vector<TrainingCase>(MakeCases());
  return *cases;
}

const TrainingCase& TrainingCaseOf(const std::string& name) {
  return *std::find_if(TrainingCases().begin(), TrainingCases().end(),
                       [&](const TrainingCase& c) { return c.name == name; });
}

Array RandomArray(DataType dtype, const Shape& shape, double low, double high, uint64_t seed) {
  std::vector<double> values(static_cast<size_t>(shape.num_elements()));
  uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  for (double& v : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    v = low + (high - low) * static_cast<double>(state >> 40) * 0x1p-24;
  }
  return CastArray(Array::FromVector(values, shape), dtype);
}

TrainingStep MakeStep(const TrainingCase& c, DataType dtype, const Shape& shape, bool option) {
  TrainingStep step;
  std::vector<std::vector<double>> values = Before(c, dtype, shape, &step);
  const Array gradient = RandomArray(dtype, shape, -1, 1, 77);
  AddOthers(c, dtype, gradient, Array(), option, &step);
  for (int64_t i = 0; i < gradient.num_elements(); ++i)
    ApplyAt(c, static_cast<size_t>(i), gradient.AsDouble(i), option, &values);
  AddAfter(values, dtype, shape, &step);
  return step;
}

TrainingStep MakeSparseStep(const TrainingCase& c, DataType dtype, const Shape& shape,
                            const Array& indices, bool option) {
  TrainingStep step;
  std::vector<std::vector<double>> values = Before(c, dtype, shape, &step);
  std::vector<int64_t> dims = shape.ToVector();
  dims[0] = indices.num_elements();
  const Array gradient = RandomArray(dtype, Shape(dims), -1, 1, 77);
  AddOthers(c, dtype, gradient, indices, option, &step);
  const int64_t columns = shape.num_elements() / shape.dim(0);
  for (int64_t k = 0; k < indices.num_elements(); ++k) {
    for (int64_t j = 0; j < columns; ++j) {
      ApplyAt(c, static_cast<size_t>(indices.AsInt64(k) * columns + j),
              gradient.AsDouble(k * columns + j), option, &values);
    }
  }
  AddAfter(values, dtype, shape, &step);
  return step;
}

TrainingOutcome RunTrainingOp(const std::string& op, const std::vector<Array>& inputs,
                              const AttrMap& attrs, int threads) {
  Graph graph;
  GraphScope scope(graph);
  const OpDef* const def = OpRegistry::Global().Find(op);
  if (def == nullptr) return {absl::NotFoundError(op), {}};
  std::vector<Tensor> tensors, reads;
  std::vector<Fetch> assignments;
  Feeds feeds;
  const auto node = [](const std::string& type, const std::vector<Tensor>& in,
                       const AttrMap& with = {}) { return AddNode(type, in, with).value(); };
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ArgDef& arg = def->inputs()[i];
    const DataType dtype = inputs[i].dtype();
    if (!arg.is_ref && arg.type != kResource) {
      tensors.push_back(PlaceholderOf(dtype));
      feeds.emplace_back(tensors.back(), inputs[i]);
      continue;
    }
    const AttrMap of = {{"dtype", dtype},
                        {"shape", PartialShape::Unknown()},
                        {"shared_name", "variable" + std::to_string(i)}};
    const Tensor v = node(arg.is_ref ? "VariableV2" : "VarHandleOp", {}, of).output(0);
    const Tensor value = ConstantOf(inputs[i]);
    assignments.emplace_back(arg.is_ref ? node("Assign", {v, value}, {{"validate_shape", false}})
                                        : node("AssignVariableOp", {v, value}));
    reads.push_back(arg.is_ref ? node("Identity", {v}).output(0)
                               : node("ReadVariableOp", {v}, {{"dtype", dtype}}).output(0));
    tensors.push_back(v);
  }
  const absl::StatusOr<Operation> step = AddNode(op, tensors, attrs);
  if (!step.ok()) return {step.status(), {}};
  ConfigProto config;
  config.intra_op_parallelism_threads = threads;
  Session session(graph, config);
  for (const Fetch& f : assignments) {
    if (absl::Status s = TryRun(session, {f}).status(); !s.ok()) return {s, {}};
  }
  TrainingOutcome outcome;
  outcome.status = TryRun(session, {Fetch(*step)}, feeds).status();
  outcome.variables = TryRun(session, {reads.begin(), reads.end()}).value();
  return outcome;
}

}  // namespace weft
