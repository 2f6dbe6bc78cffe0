// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/gradient_checker.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <optional>
#include <random>
#include <set>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/nodes.h"
#include "src/graph/node.h"
#include "weft/gradients/gradients.h"

namespace weft::test {
namespace {

[[noreturn]] void Invalid(const std::string& text) {
  ThrowError(Code::kInvalidArgument, "ComputeGradient: " + text);
}

// ---- Arrays as vectors of real parts ------------------------------------------------------------

int64_t NumParts(const Array& a) { return a.num_elements() * (IsComplex(a.dtype()) ? 2 : 1); }

double Part(const Array& a, int64_t i) {
  switch (a.dtype()) {
    case kComplex64:
      return static_cast<const float*>(a.raw_data())[i];
    case kComplex128:
      return static_cast<const double*>(a.raw_data())[i];
    default:
      return a.AsDouble(i);
  }
}

void SetPart(Array* a, int64_t i, double value) {
  switch (a->dtype()) {
    case kFloat16:
      a->mutable_data<half>()[i] = half(value);
      break;
    case kBfloat16:
      a->mutable_data<bfloat16>()[i] = bfloat16(value);
      break;
    case kFloat32:
    case kComplex64:
      static_cast<float*>(a->raw_data())[i] = static_cast<float>(value);
      break;
    case kFloat64:
    case kComplex128:
      static_cast<double*>(a->raw_data())[i] = value;
      break;
    default:
      Invalid(StrCat("dtype ", DTypeName(a->dtype()), " is neither floating nor complex"));
  }
}

bool IsContinuous(DataType t) {
  switch (t) {
    case kFloat16:
    case kBfloat16:
    case kFloat32:
    case kFloat64:
    case kComplex64:
    case kComplex128:
      return true;
    default:
      return false;
  }
}

double Precision(DataType t) {
  switch (t) {
    case kFloat16:
      return 0x1p-10;
    case kBfloat16:
      return 0x1p-7;
    case kFloat32:
    case kComplex64:
      return std::numeric_limits<float>::epsilon();
    default:
      return std::numeric_limits<double>::epsilon();
  }
}

bool NearKink(double value, const GradientCheckOptions& options) {
  return std::any_of(options.kinks.begin(), options.kinks.end(),
                     [&](double k) { return std::abs(value - k) < options.kink_distance; });
}

std::string IndexText(const Shape& shape, int64_t element) {
  std::string text;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    text = StrCat(element % shape.dim(d), text.empty() ? "" : ",", text);
    element /= shape.dim(d);
  }
  return StrCat("[", text, "]");
}

// ---- The point of the check ---------------------------------------------------------------------

// Draws numbers that are apart from each other and from kinks.
class Drawer {
 public:
  explicit Drawer(const GradientCheckOptions& options) : options_(options), bits_(options.seed) {
    if (!(options.low < options.high))
      Invalid(StrCat("low (", options.low, ") must be less than high (", options.high, ")"));
  }
  double Next() {
    constexpr int kTries = 100;
    const double gap = (options_.high - options_.low) * 5e-4;
    double value = 0;
    for (int i = 0; i < kTries; ++i) {
      // 53 bits: the same numbers with every standard library.
      value = options_.low +
              (options_.high - options_.low) * 0x1p-53 * static_cast<double>(bits_() >> 11);
      auto above = drawn_.lower_bound(value - gap);
      const bool crowded = above != drawn_.end() && *above <= value + gap;
      if (!crowded && !NearKink(value, options_)) break;
    }
    drawn_.insert(value);
    return value;
  }

 private:
  const GradientCheckOptions& options_;
  std::mt19937_64 bits_;
  std::set<double> drawn_;
};

// What is known of an x before anything runs: a tensor that is fed, or a variable.
struct XInfo {
  DataType dtype = kInvalidType;  // of its value
  PartialShape shape;
  bool is_variable = false;
};

XInfo Describe(const Tensor& x) {
  if (x.dtype() == kResource) {
    const std::vector<HandleData>* const handles = x.node()->HandlesOf(x.index());
    if (!handles || handles->size() != 1)
      Invalid(StrCat("x '", x.name(), "' is a resource, but not known to be a variable"));
    return {handles->front().dtype, handles->front().shape, true};
  }
  return {RemoveRef(x.dtype()), x.shape(), IsRef(x.dtype())};
}

// ---- The graph and its runs ---------------------------------------------------------------------

class Checker {
 public:
  Checker(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
          const GradientCheckOptions& options)
      : ys_(ys), xs_(xs), options_(options) {
    CheckTensors();
    if (options.session) {
      session_ = options.session;
    } else {
      own_session_.emplace(ys[0].graph());
      session_ = &*own_session_;
    }
    PickPoint();
    AddNodes();
    for (const Operation& op : options.init) session_->Run(op, options_.feeds);
    SaveVariables();
  }
  ~Checker() { RestoreVariables(); }

  std::vector<Jacobian> Run() {
    y_values_ = Evaluate();
    for (size_t j = 0; j < ys_.size(); ++j) {
      for (size_t i = 0; i < xs_.size(); ++i) {
        Jacobian jacobian;
        jacobian.x = static_cast<int>(i);
        jacobian.y = static_cast<int>(j);
        jacobian.x_value = point_[i];
        jacobian.y_value = y_values_[j];
        const Shape shape({NumParts(point_[i]), NumParts(y_values_[j])});
        jacobian.analytic = Array::Zeros(kFloat64, shape);
        jacobian.numeric = Array::Zeros(kFloat64, shape);
        jacobians_.push_back(std::move(jacobian));
      }
    }
    for (size_t j = 0; j < ys_.size(); ++j) FillAnalytic(j);
    for (size_t i = 0; i < xs_.size(); ++i) FillNumeric(i);
    return std::move(jacobians_);
  }

 private:
  void CheckTensors() {
    if (ys_.empty() || xs_.empty()) Invalid("there must be a y and an x at least");
    for (const auto* list : {&ys_, &xs_}) {
      for (const Tensor& t : *list) {
        if (!t.valid()) Invalid("an empty Tensor was given");
      }
    }
    for (const Tensor& y : ys_) {
      if (!IsContinuous(RemoveRef(y.dtype())))
        Invalid(
            StrCat("y '", y.name(), "' is ", DTypeName(y.dtype()), ", which has no derivatives"));
    }
    if (options_.x_values.size() > xs_.size())
      Invalid(StrCat(options_.x_values.size(), " x_values for ", xs_.size(), " xs"));
    for (const Tensor& x : xs_) {
      infos_.push_back(Describe(x));
      if (!IsContinuous(infos_.back().dtype))
        Invalid(StrCat("x '", x.name(), "' is ", DTypeName(infos_.back().dtype),
                       ", by which nothing can be differentiated"));
    }
  }

  void PickPoint() {
    Drawer drawer(options_);
    for (size_t i = 0; i < xs_.size(); ++i) {
      const XInfo& v = infos_[i];
      if (i < options_.x_values.size() && options_.x_values[i].valid()) {
        const Array& value = options_.x_values[i];
        if (value.dtype() != v.dtype || !v.shape.IsCompatibleWith(PartialShape(value.shape()))) {
          Invalid(StrCat("x_values[", i, "] is ", DTypeName(value.dtype()),
                         value.shape().ToString(), ", x '", xs_[i].name(), "' is ",
                         DTypeName(v.dtype), v.shape.ToString()));
        }
        point_.push_back(value);
        continue;
      }
      if (!v.shape.IsFullyKnown())
        Invalid(StrCat("the shape of x '", xs_[i].name(), "' is ", v.shape.ToString(),
                       "; give a value in x_values"));
      Array value(v.dtype, v.shape.ToShape());
      for (int64_t p = 0; p < NumParts(value); ++p) SetPart(&value, p, drawer.Next());
      point_.push_back(std::move(value));
    }
  }

  void AddNodes() {
    const Graph graph = ys_[0].graph();
    GraphScope use(graph);
    NameScope scope("compute_gradient", graph);
    GradientOptions gradients;
    for (const Tensor& y : ys_) {
      dys_.push_back(Placeholder(RemoveRef(y.dtype()), y.shape(), "dy"));
      gradients.grad_ys.push_back(dys_.back());
    }
    grads_ = Gradients(ys_, xs_, gradients);
    for (size_t i = 0; i < xs_.size(); ++i) {
      Assignment a;
      if (infos_[i].is_variable) {
        a.value = Placeholder(infos_[i].dtype, PartialShape(point_[i].shape()), "x");
        if (xs_[i].dtype() == kResource) {
          a.op = internal::OpOf("AssignVariableOp", {xs_[i], a.value});
          a.read = internal::Op("ReadVariableOp", {xs_[i]}, {}, {{"dtype", infos_[i].dtype}});
        } else {
          a.op = internal::OpOf("Assign", {xs_[i], a.value});
          a.read = internal::Op("Identity", {xs_[i]});
        }
      }
      assignments_.push_back(a);
    }
  }

  static Tensor Placeholder(DataType dtype, const PartialShape& shape, const std::string& name) {
    return internal::Op("Placeholder", {}, name, {{"dtype", dtype}, {"shape", shape}});
  }

  void SaveVariables() {
    saved_.resize(xs_.size());
    if (!options_.session) return;
    for (size_t i = 0; i < xs_.size(); ++i) {
      if (!infos_[i].is_variable) continue;
      try {
        saved_[i] = session_->Run(assignments_[i].read).Clone();
      } catch (const FailedPreconditionError&) {
        // Not initialised: there is nothing to restore.
      } catch (const NotFoundError&) {
      }
    }
  }

  void RestoreVariables() {
    for (size_t i = 0; i < saved_.size(); ++i) {
      if (!saved_[i].valid()) continue;
      try {
        session_->Run(assignments_[i].op, {{assignments_[i].value, saved_[i]}});
      } catch (const Error&) {
        // The session was closed: its variables are gone.
      }
    }
  }

  // Values of tensors at the point.
  std::vector<Array> RunAt(const std::vector<Fetch>& fetches, const Feeds& more) {
    Feeds feeds = options_.feeds;
    for (size_t i = 0; i < xs_.size(); ++i) {
      if (infos_[i].is_variable)
        session_->Run(assignments_[i].op, {{assignments_[i].value, point_[i]}});
      else
        feeds.emplace_back(xs_[i], point_[i]);
    }
    feeds.insert(feeds.end(), more.begin(), more.end());
    return session_->Run(fetches, feeds);
  }

  std::vector<Array> Evaluate() { return RunAt(std::vector<Fetch>(ys_.begin(), ys_.end()), {}); }

  Jacobian& At(size_t j, size_t i) { return jacobians_[j * xs_.size() + i]; }

  // Column by column: the gradient of one element of y j.
  void FillAnalytic(size_t j) {
    std::vector<Fetch> fetches;
    for (const Grad& g : grads_) {
      if (g.none()) continue;
      fetches.emplace_back(g.is_slices() ? g.slices().values : g.tensor());
      if (g.is_slices()) fetches.emplace_back(g.slices().indices);
    }
    if (fetches.empty()) return;
    Feeds dys;
    for (size_t k = 0; k < ys_.size(); ++k)
      dys.emplace_back(dys_[k], Array::Zeros(y_values_[k].dtype(), y_values_[k].shape()));
    const int64_t columns = NumParts(y_values_[j]);
    for (int64_t q = 0; q < columns; ++q) {
      Array one = Array::Zeros(y_values_[j].dtype(), y_values_[j].shape());
      SetPart(&one, q, 1);
      dys[j].value = one;
      const std::vector<Array> values = RunAt(fetches, dys);
      size_t next = 0;
      for (size_t i = 0; i < xs_.size(); ++i) {
        const Grad& g = grads_[i];
        if (g.none()) continue;
        double* column = At(j, i).analytic.mutable_data<double>() + q;
        if (g.is_slices()) {
          AddSlices(i, values[next], values[next + 1], column, columns);
          next += 2;
          continue;
        }
        const Array& dx = values[next++];
        if (!(dx.shape() == point_[i].shape()) || dx.dtype() != point_[i].dtype()) {
          Invalid(StrCat("the gradient of x '", xs_[i].name(), "' is ", DTypeName(dx.dtype()),
                         dx.shape().ToString(), ", x itself ", DTypeName(point_[i].dtype()),
                         point_[i].shape().ToString()));
        }
        for (int64_t p = 0; p < NumParts(dx); ++p) column[p * columns] = Part(dx, p);
      }
    }
  }

  void AddSlices(size_t i, const Array& values, const Array& indices, double* column,
                 int64_t columns) const {
    const Array& x = point_[i];
    const int64_t rows = x.rank() > 0 ? x.dim(0) : 0;
    const int64_t row = rows > 0 ? NumParts(x) / rows : 0;
    if (NumParts(values) != indices.num_elements() * row)
      Invalid(StrCat("the gradient of x '", xs_[i].name(), "' has values ",
                     values.shape().ToString(), " for indices ", indices.shape().ToString()));
    for (int64_t k = 0; k < indices.num_elements(); ++k) {
      const int64_t index = indices.AsInt64(k);
      if (index < 0 || index >= rows)
        Invalid(StrCat("the gradient of x '", xs_[i].name(), "' has index ", index, ", x has ",
                       rows, " rows"));
      for (int64_t p = 0; p < row; ++p)
        column[(index * row + p) * columns] += Part(values, k * row + p);
    }
  }

  // Row by row: the differences of all ys by one element of x i.
  void FillNumeric(size_t i) {
    double precision = Precision(point_[i].dtype());
    for (const Array& y : y_values_) precision = std::max(precision, Precision(y.dtype()));
    const double step = options_.step > 0 ? options_.step : std::cbrt(precision);
    const Array at = point_[i];
    for (int64_t p = 0; p < NumParts(at); ++p) {
      const double value = Part(at, p);
      const double h = step * std::max(1.0, std::abs(value));
      const auto [above, y_above] = EvaluateAt(i, at, p, value + h);
      const auto [below, y_below] = EvaluateAt(i, at, p, value - h);
      for (size_t j = 0; j < ys_.size(); ++j) {
        const int64_t columns = NumParts(y_values_[j]);
        if (!(y_above[j].shape() == y_values_[j].shape()) ||
            !(y_below[j].shape() == y_values_[j].shape()))
          Invalid(StrCat("the shape of y '", ys_[j].name(), "' changes with x"));
        double* row = At(j, i).numeric.mutable_data<double>() + p * columns;
        for (int64_t q = 0; q < columns; ++q)
          row[q] = (Part(y_above[j], q) - Part(y_below[j], q)) / (above - below);
      }
    }
    point_[i] = at;
  }

  // The ys with one part of x changed, and what it became by rounding.
  std::pair<double, std::vector<Array>> EvaluateAt(size_t i, const Array& at, int64_t part,
                                                   double value) {
    point_[i] = at.Clone();
    SetPart(&point_[i], part, value);
    return {Part(point_[i], part), Evaluate()};
  }

  struct Assignment {
    Tensor value, read;
    Operation op;
  };
  const std::vector<Tensor>&ys_, &xs_;
  const GradientCheckOptions& options_;
  std::optional<Session> own_session_;
  Session* session_ = nullptr;
  std::vector<XInfo> infos_;
  std::vector<Array> point_, y_values_, saved_;
  std::vector<Tensor> dys_;
  std::vector<Grad> grads_;
  std::vector<Assignment> assignments_;
  std::vector<Jacobian> jacobians_;
};

double Largest(const Array& a) {
  double largest = 0;
  for (int64_t i = 0; i < NumParts(a); ++i) {
    const double v = std::abs(Part(a, i));
    if (std::isfinite(v)) largest = std::max(largest, v);
  }
  return largest;
}

void Compare(const Jacobian& jacobian, const GradientCheckOptions& options, GradientError* error) {
  const Array &x = jacobian.x_value, &y = jacobian.y_value;
  const int x_parts = IsComplex(x.dtype()) ? 2 : 1, y_parts = IsComplex(y.dtype()) ? 2 : 1;
  const int64_t rows = NumParts(x), columns = NumParts(y);
  const double scale =
      std::max({Largest(jacobian.analytic), Largest(jacobian.numeric), 1e-3 * Largest(y)});
  for (int64_t k = 0; k < rows * columns; ++k) {
    const int64_t p = k / columns, q = k % columns;
    if (NearKink(Part(x, p), options)) continue;
    JacobianEntry entry{jacobian.x,
                        jacobian.y,
                        p / x_parts,
                        q / y_parts,
                        p % x_parts == 1,
                        q % y_parts == 1,
                        jacobian.analytic.data<double>()[k],
                        jacobian.numeric.data<double>()[k]};
    if (options.skip && options.skip(entry)) continue;
    ++error->entries;
    if (entry.analytic == entry.numeric) continue;
    double absolute = std::abs(entry.analytic - entry.numeric);
    if (!std::isfinite(absolute)) absolute = std::numeric_limits<double>::infinity();
    error->absolute = std::max(error->absolute, absolute);
    const double relative = std::isfinite(absolute) ? absolute / scale : absolute;
    if (relative <= error->relative) continue;
    error->relative = relative;
    error->worst = entry;
    error->x_index = IndexText(x.shape(), entry.x_element);
    error->y_index = IndexText(y.shape(), entry.y_element);
  }
}

}  // namespace

std::string GradientError::ToString() const {
  if (worst.x < 0) return StrCat("no difference (", entries, " entries)");
  return StrCat("dy[", worst.y, "]", y_index, worst.y_imaginary ? ".imag" : "", "/dx[", worst.x,
                "]", x_index, worst.x_imaginary ? ".imag" : "", ": analytic ", worst.analytic,
                ", numeric ", worst.numeric, " (relative error ", relative, ", ", entries,
                " entries)");
}

std::vector<Jacobian> ComputeGradient(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                                      const GradientCheckOptions& options) {
  return Checker(ys, xs, options).Run();
}

GradientError CompareJacobians(const std::vector<Jacobian>& jacobians,
                               const GradientCheckOptions& options) {
  GradientError error;
  for (const Jacobian& j : jacobians) Compare(j, options, &error);
  return error;
}

GradientError ComputeGradientError(const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
                                   const GradientCheckOptions& options) {
  return CompareJacobians(ComputeGradient(ys, xs, options), options);
}

}  // namespace weft::test
