// SPDX-License-Identifier: Apache-2.0
// Chains of cheap element-wise float ops, each taking the result of the one before: the result
// stays in the processor's registers from the first op to the last, and only the chain's operands
// are read and its end is written. Elements are those of the single ops, bit for bit.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace weft {

// "With" is an operand b besides the value v so far; "From" has them the other way round.
enum class RegisterOp : uint8_t {
  kNone,
  kAdd,
  kSubtract,
  kSubtractFrom,  // b - v
  kMultiply,
  kDivide,
  kDivideInto,  // b / v
  kMaximum,
  kMaximumOf,  // the operands of Maximum in the order b, v: which NaN or zero it is depends on it
  kMinimum,
  kMinimumOf,
  kSquaredDifference,
  kSquaredDifferenceFrom,
  // Without an operand:
  kTwice,  // v + v
  kSquare,
  kAbs,
  kNegate,
  kRelu,
  kRelu6,
  kSqrt,
  kReciprocal,
};

struct RegisterStep {
  // As many elements as there are values; null: the operand is `number`. That is no pointer, as the
  // result may be written where the number came from.
  const float* operand = nullptr;
  float number = 0;
  RegisterOp op = RegisterOp::kNone;
};

// Which operands of an op are the value so far.
enum class ValueIs : uint8_t { kFirst, kSecond, kBoth };

// kNone if an op type can't be part of a chain in this way.
RegisterOp RegisterOpOf(std::string_view type, ValueIs value);

// out[i] = steps(v[i]), v[0] for all i if it is uniform; `out` may be v or an operand.
// `past_caches`: the result isn't read soon; EndStreams() (stream.h) must follow.
void RunInRegisters(const float* v, bool uniform, std::span<const RegisterStep> steps, float* out,
                    int64_t n, bool past_caches);

}  // namespace weft
