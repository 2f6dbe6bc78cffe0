// SPDX-License-Identifier: Apache-2.0
// The table of training ops: what distinguishes them beside their rules.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernels/cpu/update_rules.h"

namespace weft {

enum class Bound : uint8_t {
  kNone,
  kPositive,
  kPositiveOrZeroWithOption,  // zero is allowed if the rule's option is set
  kNonNegative,
  kNonPositive
};

struct Hyperparameter {
  const char* label = "";  // for messages
  Bound bound = Bound::kNone;
};

// The inputs are the variable and its slots; `before` scalars; the gradient; for a sparse op the
// indices; the other scalars.
struct TrainingOp {
  enum Form : uint8_t { kReference = 1, kSparse = 2 };
  enum Types : uint8_t { kWide = 0, kHalf = 1, kBfloat16 = 2, kComplex = 4 };

  const char* name;  // "ApplyAdam" is "Adam"
  UpdateRule rule;
  std::array<const char*, kMaxUpdateVariables - 1> slots;  // for messages; null: none
  int before;
  std::array<Hyperparameter, kMaxHyperparameters> scalars;  // an empty label: none
  const char* option;  // the bool attribute that is the rule's option; null: it is set
  uint8_t forms;       // besides ResourceApply
  uint8_t types;       // besides float and double
  uint8_t sparse_types;
  bool bounds_when_dense = false;  // else of sparse ops alone
  bool needs_columns = false;      // a sparse op refuses rows without elements
  const char* gradient = "grad";   // of the dense op

  int num_variables() const;
  int num_scalars() const;
};

std::span<const TrainingOp> TrainingOps();

}  // namespace weft
