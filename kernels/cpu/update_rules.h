// SPDX-License-Identifier: Apache-2.0
// The rules by which training ops change variables, and their vector loops.
//
// A rule changes a variable and its slots, element by element, by a gradient and a few
// hyperparameters. Each formula is written once (update_rules-inl.h) and compiled for every type
// and instruction set; dense and sparse ops, by reference and by handle, run the same loops.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "weft/core/dtype.h"

namespace weft {

enum class UpdateRule : uint8_t {
  kGradientDescent,
  kProximalGradientDescent,
  kAdadelta,
  kAdagrad,
  kAdagradV2,
  kProximalAdagrad,
  kAdagradDA,
  kFtrl,
  kFtrlV2,
  kMomentum,
  kKerasMomentum,
  kAdam,
  kAdamWithAmsgrad,
  kAdaMax,
  kRMSProp,
  kCenteredRMSProp,
  kAddSign,
  kPowerSign,
  kCount
};

// The variable and at most three slots.
inline constexpr int kMaxUpdateVariables = 4;
inline constexpr int kMaxHyperparameters = 6;

// One run of contiguous elements.
struct UpdateRun {
  // The variable and then its slots, in the order of the op's inputs: where the values are and
  // where they go. The two are the same, or don't overlap.
  const void* from[kMaxUpdateVariables];
  void* to[kMaxUpdateVariables];
  const void* gradient;  // may be the same memory as one of `from`, but as none of `to`
  int64_t n;
  // The op's scalar inputs in their order; 16-bit floats as float.
  const void* hyperparameters;
  // The rule's switch: update_slots, use_nesterov or multiply_linear_by_lr.
  bool option;
};

// Elements don't depend on their neighbours, so a caller may split the work anywhere. Operations
// are rounded one by one, those of 16-bit floats to 16 bits, so every instruction set gives the
// same bits.
using UpdateLoop = void (*)(const UpdateRun& run);

// Null if the rule has no loop for the type.
UpdateLoop FindUpdateLoop(UpdateRule rule, DataType dtype);

// The loops of one type for this machine, by rule.
using UpdateLoops = std::array<UpdateLoop, static_cast<size_t>(UpdateRule::kCount)>;
const UpdateLoops& FloatUpdateLoops();
const UpdateLoops& DoubleUpdateLoops();
const UpdateLoops& HalfUpdateLoops();
const UpdateLoops& Bfloat16UpdateLoops();
const UpdateLoops& Complex64UpdateLoops();
const UpdateLoops& Complex128UpdateLoops();

}  // namespace weft
