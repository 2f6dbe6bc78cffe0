// SPDX-License-Identifier: Apache-2.0
// Variables that accompany another variable or a tensor: what optimizers and moving averages keep
// for each.
//
// A slot of "w" called "Momentum" is the variable "w/Momentum" ("w/Momentum_1" if there is one), in
// the variable scope of here and now: it takes over its defaults, but for partitioners. It is
// colocated with the primary, has its form (reference, resource) and, where the primary is a part
// of a larger variable, is a part of a larger slot. It is not trainable.
#pragma once

#include <functional>
#include <string>

#include "weft/framework/variable_scope.h"

namespace weft::internal {

// What a slot belongs to.
class Primary {
 public:
  Primary(const Variable& v) : tensor_(v.RefOrHandle()), variable_(v) {}  // NOLINT: conversions
  Primary(const Tensor& t) : tensor_(t) {}                                // NOLINT: are the point
  // Of a variable, its reference or handle.
  const Tensor& tensor() const { return tensor_; }
  // Invalid for a tensor.
  const Variable& variable() const { return variable_; }
  DataType dtype() const {
    return variable_.valid() ? variable_.dtype() : RemoveRef(tensor_.dtype());
  }
  PartialShape shape() const { return variable_.valid() ? variable_.shape() : tensor_.shape(); }
  Graph graph() const { return tensor_.graph(); }

 private:
  Tensor tensor_;
  Variable variable_;
};

struct SlotOptions {
  bool colocate_with_primary = true;
};

// Its initial value is `value`.
Variable CreateSlot(const Primary& primary, const Tensor& value, const std::string& name,
                    const SlotOptions& options = {});
Variable CreateSlotWithInitializer(const Primary& primary, const Initializer& initializer,
                                   const Shape& shape, DataType dtype, const std::string& name,
                                   const SlotOptions& options = {});
// `make_value` adds the nodes of a value of the primary's shape, which need not be known.
Variable CreateSlotWithFunction(const Primary& primary, const std::function<Tensor()>& make_value,
                                const std::string& name, const SlotOptions& options = {});
// Zeros of the primary's shape, which need not be known; `dtype` is the primary's if invalid.
Variable CreateZerosSlot(const Primary& primary, const std::string& name,
                         DataType dtype = kInvalidType, const SlotOptions& options = {});

}  // namespace weft::internal
