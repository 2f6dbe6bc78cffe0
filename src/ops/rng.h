// SPDX-License-Identifier: Apache-2.0
// What the schemas of random ops share.
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

// Why the family has no gradients.
inline constexpr char kRandomSource[] = "a source of random numbers";

// The stateless half of RegisterRngOps (rng_stateless.cc).
void RegisterStatelessRngOps(OpRegistry& ops);

// Output 0 has the shape that input 0 gives.
absl::Status ShapeFromFirstInput(ShapeContext& c);
// As ShapeFromFirstInput; inputs 1 and 2 of `first` on are scalar bounds.
absl::Status CheckScalarBounds(ShapeContext& c, int first);
// Logits [batch, classes], input 0, and a number of samples, input 1: [batch, samples].
absl::Status MultinomialShape(ShapeContext& c);

// The gradient of gamma numbers by alpha, for dy of them. `lead` numbers of dimensions were put
// before alpha's; -1 if that isn't known, then `lead_tensor` says.
// Implicit differentiation (Figurnov et al., "Implicit reparameterization gradients", 2018).
Tensor GammaAlphaGradient(GradientContext& g, Tensor alpha, int lead, Tensor lead_tensor);

}  // namespace weft
