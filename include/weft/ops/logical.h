// SPDX-License-Identifier: Apache-2.0
// Comparisons, logic on bool, and choosing by a condition.
//
//   auto clipped = wf::WhereV2(x > 0.f, x, 0.f);
//
// Operands are broadcast unless said otherwise; results of comparisons are bool. No gradient flows
// through a comparison or a condition. Shapes that don't fit throw InvalidArgumentError.
#pragma once

#include "weft/graph/input.h"

namespace weft {

// Real numbers. A comparison with NaN is false.
Tensor Less(const Input& x, const Input& y, const NameOptions& options = {});
Tensor LessEqual(const Input& x, const Input& y, const NameOptions& options = {});
Tensor Greater(const Input& x, const Input& y, const NameOptions& options = {});
Tensor GreaterEqual(const Input& x, const Input& y, const NameOptions& options = {});
// Any plain dtype or string. NaN differs from itself.
Tensor Equal(const Input& x, const Input& y, const NameOptions& options = {});
Tensor NotEqual(const Input& x, const Input& y, const NameOptions& options = {});

Tensor operator<(const Tensor& x, const Input& y);
Tensor operator<=(const Tensor& x, const Input& y);
Tensor operator>(const Tensor& x, const Input& y);
Tensor operator>=(const Tensor& x, const Input& y);

Tensor LogicalAnd(const Input& x, const Input& y, const NameOptions& options = {});
Tensor LogicalOr(const Input& x, const Input& y, const NameOptions& options = {});
Tensor LogicalXor(const Input& x, const Input& y, const NameOptions& options = {});
Tensor LogicalNot(const Input& x, const NameOptions& options = {});
Tensor operator&(const Tensor& x, const Tensor& y);
Tensor operator|(const Tensor& x, const Tensor& y);
Tensor operator^(const Tensor& x, const Tensor& y);
Tensor operator~(const Tensor& x);

// x where the condition is true, y where it is not. x and y have one shape; the condition has it
// too, or is a scalar, or a vector that chooses rows. Gradients of the elements that are not chosen
// are 0.
Tensor Where(const Input& condition, const Input& x, const Input& y,
             const NameOptions& options = {});
// As Where, with all three broadcast.
Tensor WhereV2(const Input& condition, const Input& x, const Input& y,
               const NameOptions& options = {});

}  // namespace weft
