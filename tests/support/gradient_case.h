// SPDX-License-Identifier: Apache-2.0
// Numeric checks of one op's gradient rule.
//
//   TEST(Relu, Gradient) { CheckGradient("Relu", {{3, 4}}, KinkAt(0.0)); }
//   TEST(Log, Gradient) { CheckGradient("Log", {{3}}, Between(0.5, 2)); }
//   TEST(Sum, Gradient) { CheckGradient("Sum", {{2, 3}, I32({1})}); }
#pragma once

#include <functional>
#include <initializer_list>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/arrays.h"
#include "weft/framework/gradient_checker.h"
#include "weft/graph/attr_value.h"

namespace weft {

// An input of the node that is checked.
class GradientInput {
 public:
  // Drawn at random.
  GradientInput(std::initializer_list<int64_t> shape)  // NOLINT: conversions are the point
      : shape_(shape), is_drawn_(true) {}
  GradientInput(const Shape& shape) : shape_(shape), is_drawn_(true) {}  // NOLINT
  // At this value. Floating and complex values are differentiated by and take the check's dtype;
  // others are constants.
  GradientInput(Array value) : value_(std::move(value)) {}  // NOLINT
  // Drawn from a range of its own.
  static GradientInput Between(double low, double high, const Shape& shape);
  // A constant of this very dtype, though it is floating.
  static GradientInput Fixed(Array value);
  // The variable of this value, of the form that the op takes, is what is differentiated by.
  bool is_drawn() const { return is_drawn_; }

 private:
  friend class GradientCase;
  Shape shape_;
  bool is_drawn_ = false;
  bool is_fixed_ = false;
  double low_ = 0, high_ = 0;  // its own range, if low < high
  Array value_;
};

// How a gradient is checked.
struct GradientCheck {
  // Of the inputs that are differentiated by: kFloat64 or kComplex128; kFloat32 where a kernel has
  // nothing better.
  DataType dtype = kFloat64;
  double low = -1, high = 1;
  std::vector<double> kinks;
  std::function<bool(const test::JacobianEntry&)> skip;
  // 2: the gradient is differentiated again, by the inputs and by the gradients of the outputs.
  int order = 2;
  // Largest relative error (test::GradientError); 0: by the dtype, 2e-7 or 2e-2.
  double tolerance = 0;
  // Outputs that are differentiated; empty: all of floating and complex types.
  std::vector<int> outputs;

  GradientCheck& Between(double l, double h) {
    low = l;
    high = h;
    return *this;
  }
  GradientCheck& KinkAt(double value) {
    kinks.push_back(value);
    return *this;
  }
  GradientCheck& As(DataType t) {
    dtype = t;
    return *this;
  }
  GradientCheck& FirstOrderOnly() {
    order = 1;
    return *this;
  }
  GradientCheck& Within(double relative) {
    tolerance = relative;
    return *this;
  }
  GradientCheck& Outputs(std::vector<int> which) {
    outputs = std::move(which);
    return *this;
  }
};
inline GradientCheck KinkAt(double value) { return GradientCheck().KinkAt(value); }
inline GradientCheck Between(double low, double high) { return GradientCheck().Between(low, high); }
inline GradientCheck AsDtype(DataType t) { return GradientCheck().As(t); }
inline GradientCheck FirstOrderOnly() { return GradientCheck().FirstOrderOnly(); }

// The derivatives of all outputs by all inputs, by the gradient rule and by differences. `attrs`
// are those that don't follow from the inputs.
void CheckGradient(const std::string& op, const std::vector<GradientInput>& inputs,
                   const GradientCheck& check = {}, const AttrMap& attrs = {},
                   std::source_location where = std::source_location::current());

// The same for a function of tensors that adds nodes: several ops, public functions.
void CheckGradientOf(const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& f,
                     const std::vector<GradientInput>& inputs, const GradientCheck& check = {},
                     std::source_location where = std::source_location::current());

}  // namespace weft
