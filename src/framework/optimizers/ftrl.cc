// SPDX-License-Identifier: Apache-2.0
#include "src/core/status.h"
#include "src/framework/optimizers/update.h"
#include "src/ops/operators.h"
#include "weft/framework/variable_scope.h"
#include "weft/ops/array.h"

namespace weft::train {

using internal::Op;
using internal::OpOf;

FtrlOptimizer::FtrlOptimizer(const Hyperparameter& learning_rate, const FtrlOptions& o)
    : Optimizer(o.name, o.use_locking), learning_rate_(learning_rate), options_(o) {
  CheckNotNegative("initial_accumulator_value", o.initial_accumulator_value);
  if (!(o.learning_rate_power <= 0)) {
    ThrowError(Code::kInvalidArgument, StrCat("learning_rate_power ", o.learning_rate_power,
                                              " needs to be negative or zero"));
  }
  CheckNotNegative("l1_regularization_strength", o.l1_regularization_strength);
  CheckNotNegative("l2_regularization_strength", o.l2_regularization_strength);
  CheckNotNegative("l2_shrinkage_regularization_strength", o.l2_shrinkage_regularization_strength);
}

void FtrlOptimizer::CreateSlots(const std::vector<Variable>& variables) {
  const Initializer accum = [this](const Shape& shape, DataType dtype) {
    return Ones(shape, dtype) * options_.initial_accumulator_value;
  };
  for (const Variable& v : variables) {
    SlotWithInitializer(v, accum, "accum",
                        options_.accum_name.empty() ? name() : options_.accum_name);
    ZerosSlot(v, "linear", options_.linear_name.empty() ? name() : options_.linear_name);
  }
}

void FtrlOptimizer::Prepare() {
  using internal::Plus, internal::Times;
  const Input rate = learning_rate_.Get();
  const auto constant = [](double value, const char* name) {
    return AsTensor(value, kFloat32, name);
  };
  learning_rate_tensor_ =
      AsTensor(rate, rate.dtype() == kFloat64 ? kFloat32 : kInvalidType, "learning_rate");
  l1_tensor_ = constant(options_.l1_regularization_strength, "l1_regularization_strength");
  // l2 + beta / (2 lr); the rate is kept from being 0.
  const Tensor positive =
      OpBuilder("Maximum", NameOptions()).In(rate).In(1e-36).PreferDtype(kFloat32).Output();
  const Tensor twice = Times(2.0, positive);
  const Tensor added = Op("RealDiv", {options_.beta, twice}, "truediv");
  l2_tensor_ = Plus(options_.l2_regularization_strength, added);
  constant(options_.beta, "beta");
  shrinkage_tensor_ = constant(options_.l2_shrinkage_regularization_strength,
                               "l2_shrinkage_regularization_strength");
  power_tensor_ = constant(options_.learning_rate_power, "learning_rate_power");
}

Operation FtrlOptimizer::Apply(const std::vector<Input>& grad, const Variable& v) const {
  const DataType dtype = v.dtype();
  const bool shrinks = options_.l2_shrinkage_regularization_strength > 0;
  const std::vector<Input> state = {v.RefOrHandle(), GetSlot(v, "accum").RefOrHandle(),
                                    GetSlot(v, "linear").RefOrHandle()};
  std::vector<Input> rates = {RateAs(learning_rate_tensor_, dtype), RateAs(l1_tensor_, dtype),
                              RateAs(l2_tensor_, dtype)};
  if (shrinks) rates.push_back(RateAs(shrinkage_tensor_, dtype));
  rates.push_back(RateAs(power_tensor_, dtype));
  const char* rule = shrinks ? "FtrlV2" : "Ftrl";
  return OpOf(grad.size() == 1 ? DenseRule(rule, v) : SparseRule(rule, v),
              Joined(Joined(state, grad), rates), {}, {{"use_locking", use_locking()}});
}

Operation FtrlOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  return Apply({grad}, v);
}

Operation FtrlOptimizer::ApplySparse(const IndexedSlices& grad, const Variable& v) {
  return Apply({grad.values, grad.indices}, v);
}

}  // namespace weft::train
