// SPDX-License-Identifier: Apache-2.0
#include "tests/support/gradient_case.h"

#include <random>

#include "gtest/gtest.h"
#include "tests/support/op_case.h"
#include "weft/core/error.h"
#include "weft/gradients/gradients.h"

namespace weft {
namespace {

bool IsContinuous(DataType t) { return IsFloating(t) || IsComplex(t); }

Array CastValue(const Array& value, DataType to) {
  if (value.dtype() == to) return value;
  if (!IsComplex(value.dtype())) return CastArray(value, to);
  ADD_FAILURE() << "a complex value is given for inputs of " << DTypeName(to);
  return Array::Zeros(to, value.shape());
}

}  // namespace

GradientInput GradientInput::Between(double low, double high, const Shape& shape) {
  GradientInput input(shape);
  input.low_ = low;
  input.high_ = high;
  return input;
}

GradientInput GradientInput::Fixed(Array value) {
  GradientInput input(std::move(value));
  input.is_fixed_ = true;
  return input;
}

// The graph of a check.
class GradientCase {
 public:
  using Function = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;
  GradientCase(const std::vector<GradientInput>& inputs, const GradientCheck& check,
               const OpDef* def, const AttrMap& attrs)
      : inputs_(inputs), check_(check) {
    if (def) arguments_ = ArgumentsOfInputs(*def, attrs, inputs.size());
  }

  void Run(const Function& f) {
    GraphScope scope(graph_);
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < inputs_.size(); ++i) tensors.push_back(AddInput(i));
    for (const Tensor& t : tensors) {
      if (!t.valid()) return;
    }
    const std::vector<Tensor> outputs = f(tensors);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const int number = static_cast<int>(i);
      const bool wanted = check_.outputs.empty() ||
                          std::count(check_.outputs.begin(), check_.outputs.end(), number) > 0;
      if (wanted && IsContinuous(outputs[i].dtype())) ys_.push_back(outputs[i]);
    }
    if (ys_.empty() || xs_.empty()) {
      ADD_FAILURE() << "there is nothing to differentiate: " << ys_.size() << " outputs by "
                    << xs_.size() << " inputs";
      return;
    }
    Expect("first order", ys_, xs_, values_);
    if (check_.order > 1) SecondOrder();
  }

 private:
  Tensor AddInput(size_t i) {
    const GradientInput& input = inputs_[i];
    if (!input.is_drawn_ && (input.is_fixed_ || !IsContinuous(input.value_.dtype())))
      return ConstantOf(input.value_);
    Array value = input.is_drawn_ ? Draw(input) : CastValue(input.value_, check_.dtype);
    const ArgDef* arg = i < arguments_.size() ? arguments_[i] : nullptr;
    Tensor x;
    if (arg && (arg->is_ref || arg->type == kResource)) {
      absl::StatusOr<Operation> variable =
          AddNode(arg->is_ref ? "VariableV2" : "VarHandleOp", {},
                  {{"dtype", check_.dtype}, {"shape", value.shape()}});
      if (!variable.ok()) {
        ADD_FAILURE() << variable.status();
        return Tensor();
      }
      x = variable->output(0);
    } else {
      x = PlaceholderOf(check_.dtype, value.shape());
    }
    xs_.push_back(x);
    values_.push_back(input.is_drawn_ && input.low_ == input.high_ ? Array() : std::move(value));
    return x;
  }

  // The range is the input's own, if it has one; otherwise the checker draws, away from kinks, and
  // only the shape of this value counts.
  Array Draw(const GradientInput& input) {
    Array value = Array::Zeros(kFloat64, input.shape_);
    for (double& v : value.mutable_values<double>())
      v = input.low_ + (input.high_ - input.low_) * 0x1p-53 * static_cast<double>(bits_() >> 11);
    return CastValue(value, check_.dtype);
  }

  // Of a y whose static shape isn't known, the shape of a value: the shapes of the checks' outputs
  // don't depend on what is differentiated by.
  PartialShape ShapeOf(const Tensor& y) {
    if (y.shape().IsFullyKnown()) return y.shape();
    Feeds feeds;
    for (size_t i = 0; i < xs_.size(); ++i) {
      feeds.emplace_back(xs_[i], values_[i].valid()
                                     ? values_[i]
                                     : Array::Zeros(xs_[i].dtype(), xs_[i].shape().ToShape()));
    }
    return Session(graph_).Run(y, feeds).shape();
  }

  void SecondOrder() {
    GradientOptions options;
    std::vector<Tensor> xs = xs_;
    std::vector<Array> values = values_;
    for (const Tensor& y : ys_) {
      options.grad_ys.push_back(PlaceholderOf(y.dtype(), ShapeOf(y)));
      xs.push_back(options.grad_ys.back());
      values.emplace_back();
    }
    std::vector<Tensor> firsts;
    for (const Grad& g : Gradients(ys_, xs_, options)) {
      if (!g.none()) firsts.push_back(DenseGradient(g));
    }
    if (!firsts.empty()) Expect("second order", firsts, xs, values);
  }

  void Expect(const char* what, const std::vector<Tensor>& ys, const std::vector<Tensor>& xs,
              const std::vector<Array>& values) {
    test::GradientCheckOptions options;
    options.x_values = values;
    options.low = check_.low;
    options.high = check_.high;
    options.kinks = check_.kinks;
    if (options.kinks.empty()) options.kink_distance = 0;
    options.skip = check_.skip;
    const bool is_double = check_.dtype == kFloat64 || check_.dtype == kComplex128;
    const double allowed = check_.tolerance > 0 ? check_.tolerance : is_double ? 2e-7 : 2e-2;
    const test::GradientError error = test::ComputeGradientError(ys, xs, options);
    EXPECT_GT(error.entries, 0) << what << ": no entry was compared";
    EXPECT_LE(error.relative, allowed) << what << ": " << error.ToString();
  }

  const std::vector<GradientInput>& inputs_;
  const GradientCheck& check_;
  std::vector<const ArgDef*> arguments_;
  Graph graph_;
  std::mt19937_64 bits_{7};
  std::vector<Tensor> xs_, ys_;
  std::vector<Array> values_;  // of the xs; invalid: drawn by the checker
};

void CheckGradient(const std::string& op, const std::vector<GradientInput>& inputs,
                   const GradientCheck& check, const AttrMap& attrs, std::source_location where) {
  testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()),
                             "gradient of " + op);
  try {
    GradientCase(inputs, check, OpRegistry::Global().Find(op), attrs)
        .Run([&](const std::vector<Tensor>& tensors) -> std::vector<Tensor> {
          absl::StatusOr<Operation> node = AddNode(op, tensors, attrs);
          if (node.ok()) return node->outputs();
          ADD_FAILURE() << node.status();
          return {};
        });
  } catch (const Error& e) {
    ADD_FAILURE() << CodeName(e.code()) << ": " << e.what();
  }
}

void CheckGradientOf(const GradientCase::Function& f, const std::vector<GradientInput>& inputs,
                     const GradientCheck& check, std::source_location where) {
  testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "gradient");
  try {
    GradientCase(inputs, check, nullptr, {}).Run(f);
  } catch (const Error& e) {
    ADD_FAILURE() << CodeName(e.code()) << ": " << e.what();
  }
}

}  // namespace weft
